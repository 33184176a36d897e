from collections import Counter

import pytest

from app.demo.figures import Balance, Figures, Raised, Suppressed, as_json, differences

SUPPRESSED = Suppressed("acme", "+60123456789", "whatsapp", "recipient_not_on_channel")
FAULT = Raised("sender_fault", "acme", "prelude", "sms", "", "insufficient_funds")
FIGURES = Figures(
    raw=4,
    failed=Counter({("teekrr", "unknown"): 2}),
    unaddressed=1,
    confirmed=Counter({("teekrr", "delivered"): 1}),
    dead_letters=1,
    recipients=frozenset({"acme/+60123456789"}),
    suppressions=frozenset({SUPPRESSED}),
    credit={"acme/teekrr": Balance("MYR", 10, 5, 3, 2)},
    alerts=frozenset({FAULT}),
)


def test_equal_figures_have_no_differences() -> None:
    assert differences(FIGURES, FIGURES._replace(failed=Counter(FIGURES.failed))) == []


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (FIGURES._replace(raw=5), ["raw: 5, expected 4"]),
        (
            FIGURES._replace(unaddressed=0, dead_letters=2),
            ["unaddressed: 0, expected 1", "dead_letters: 2, expected 1"],
        ),
        (
            FIGURES._replace(failed=Counter({("teekrr", "unknown"): 3, ("treble", "unknown"): 1})),
            ["failed teekrr unknown: 3, expected 2", "failed treble unknown: 1, expected nothing"],
        ),
        (FIGURES._replace(confirmed=Counter()), ["confirmed teekrr delivered: nothing, expected 1"]),
        (
            FIGURES._replace(recipients=frozenset({"acme/a@b.example"})),
            ["recipients: missing acme/+60123456789", "recipients: unexpected acme/a@b.example"],
        ),
        (
            FIGURES._replace(suppressions=frozenset()),
            ["suppressions: missing acme +60123456789 whatsapp recipient_not_on_channel"],
        ),
        (
            FIGURES._replace(credit={"acme/teekrr": Balance("MYR", 10, 6, 2, 2)}),
            [f"credit acme/teekrr: {Balance('MYR', 10, 6, 2, 2)}, expected {Balance('MYR', 10, 5, 3, 2)}"],
        ),
        (FIGURES._replace(alerts=frozenset()), ["alerts: missing sender_fault acme prelude sms insufficient_funds"]),
    ],
)
def test_every_figure_that_differs_is_named(found: Figures, lines: list[str]) -> None:
    assert differences(FIGURES, found) == lines


def test_a_long_list_is_cut() -> None:
    found = FIGURES._replace(recipients=FIGURES.recipients | {f"acme/{number}" for number in range(5)})

    assert differences(FIGURES, found) == [
        "recipients: unexpected acme/0",
        "recipients: unexpected acme/1",
        "recipients: unexpected acme/2",
        "recipients: unexpected 2 more",
    ]


def test_json_holds_numbers_and_lists() -> None:
    assert as_json(FIGURES) == {
        "raw": 4,
        "failed": 2,
        "confirmed": 1,
        "dead_letters": 1,
        "recipients": 1,
        "suppressions": [
            {"tenant": "acme", "recipient": "+60123456789", "channel": "whatsapp", "reason": "recipient_not_on_channel"}
        ],
        "credit": [
            {
                "account": "acme/teekrr",
                "currency": "MYR",
                "granted_micros": 10,
                "available_micros": 5,
                "reserved_micros": 3,
                "spent_micros": 2,
            }
        ],
        "alerts": [
            {
                "kind": "sender_fault",
                "tenant": "acme",
                "provider": "prelude",
                "channel": "sms",
                "account": "",
                "reason": "insufficient_funds",
            }
        ],
    }
