import gc
import sys
import tracemalloc
from typing import Any

import orjson

from app.domain.clock import HOUR
from app.topics import Topic
from app.web.hourly import MOST_NAMES
from app.web.overview import (
    LONGEST_ACCOUNT,
    LONGEST_ALERT,
    LONGEST_KEY,
    LONGEST_NAME,
    LONGEST_SUPPRESSION,
    MOST_ACCOUNTS,
    MOST_ALERTS,
    MOST_DEAD_LETTERS,
    MOST_SUPPRESSIONS,
    MOST_TENANTS,
    DeadLetter,
    Overview,
)
from app.web.overview_json import overview as overview_json
from app.web.overview_records import take
from tests.unit.web.overview_samples import NOW, Consumed, alert, consumed, credit, letter, stats, suppression

HERE = "2025-11-24T16:30:00.000000Z"
AN_HOUR_AGO = "2025-11-24T15:30:00.000000Z"
ZEROS = [0] * 24


def filled(*records: tuple[str, dict[str, Any]] | Consumed) -> Overview:
    """Make an overview of these records, through their encoding."""
    made = Overview()
    for record in records:
        take(made, record if isinstance(record, Consumed) else consumed(*record), NOW)
    made.caught_up = True
    return made


def test_everything_of_a_tenant_is_shown_and_nothing_of_others() -> None:
    whole = filled(
        (Topic.DELIVERY_STATS, stats(count=2)),
        (Topic.DELIVERY_STATS, stats(count=3, minute=NOW - HOUR)),
        (Topic.DELIVERY_STATS, stats(count=9, outcome="delivered", reason="", attribution="UNKNOWN")),
        (Topic.DELIVERY_STATS, stats(tenant="globex", count=50)),
        (Topic.SUPPRESSION_CHANGED, suppression()),
        (Topic.SUPPRESSION_CHANGED, suppression(tenant="globex")),
        (Topic.CREDIT_CHANGED, credit()),
        (Topic.CREDIT_CHANGED, credit(tenant="globex", account="globex/teekrr")),
        (Topic.DELIVERY_ALERT, alert()),
        (Topic.DELIVERY_ALERT, alert(tenant="globex", alert_key="globex")),
        letter(("tenant", b"acme")),
        letter(("tenant", b"globex")),
        letter(),
    )
    whole.lag = {"normalize": 4}
    shown = orjson.loads(orjson.dumps(overview_json(whole, "acme", NOW)))
    assert shown.pop("hours")[22:] == ["2025-11-24T15:00:00.000000Z", "2025-11-24T16:00:00.000000Z"]
    assert shown == {
        "tenant": "acme",
        "generated_at": HERE,
        "caught_up": True,
        "complete": True,
        "partly_read": [],
        "failures": [
            {
                "provider": "teekrr",
                "reason": "mailbox_full",
                "attribution": "RECIPIENT",
                "total": 5,
                "by_hour": [*ZEROS[:22], 3, 2],
            }
        ],
        "confirmations": [
            {"provider": "teekrr", "outcome": "delivered", "total": 9, "by_hour": [*ZEROS[:23], 9]},
        ],
        "suppressions": {
            "suppressed": 1,
            "allowed": 0,
            "latest": [
                {
                    "tenant": "acme",
                    "recipient": "+447810000001",
                    "channel": "sms",
                    "state": "suppressed",
                    "reason": "invalid_recipient",
                    "tier": 1,
                    "cause": "failure",
                    "evidence": ["e1"],
                    "requested_by": "",
                    "since": AN_HOUR_AGO,
                    "until": None,
                    "changed_at": AN_HOUR_AGO,
                }
            ],
        },
        "credit": [
            {
                "tenant": "acme",
                "account": "acme/teekrr",
                "currency": "EUR",
                "granted_micros": 100,
                "available_micros": 60,
                "reserved_micros": 10,
                "spent_micros": 30,
                "sequence": 3,
                "cause": "settled",
                "occurred_at": AN_HOUR_AGO,
            }
        ],
        "alerts": [
            {
                "tenant": "acme",
                "alert_key": "acme/teekrr/sms/sender_credentials",
                "kind": "sender_fault",
                "state": "raised",
                "summary": "teekrr refuses our credentials on sms.",
                "action": "Renew the token.",
                "provider": "teekrr",
                "channel": "sms",
                "account": "",
                "reason": "sender_credentials",
                "sample_code": "401",
                "observed": 1.0,
                "threshold": 1.0,
                "samples": [],
                "occurred_at": AN_HOUR_AGO,
            }
        ],
        "dead_letters": {
            "total": 1,
            "latest": [
                {
                    "at": HERE,
                    "tenant": "acme",
                    "origin": "raw.teekrr/3/17",
                    "error": "body: 3 bytes, expected a JSON object",
                }
            ],
        },
        "lag": {"normalize": 4},
    }


def test_all_tenants_are_added_up() -> None:
    whole = filled(
        (Topic.DELIVERY_STATS, stats(count=2)),
        (Topic.DELIVERY_STATS, stats(tenant="globex", count=50)),
        letter(),
        letter(("tenant", b"acme")),
    )
    shown = overview_json(whole, "*", NOW)
    assert [each["total"] for each in shown["failures"]] == [52]
    assert shown["dead_letters"]["total"] == 2


def test_a_tenant_nobody_has_heard_of_has_an_empty_overview() -> None:
    shown = overview_json(filled(), "acme", NOW)
    assert (shown["complete"], shown["failures"], shown["credit"], shown["lag"]) == (True, [], [], None)


def test_it_says_when_history_is_still_being_read() -> None:
    shown = overview_json(Overview(), "acme", NOW)
    assert (shown["caught_up"], shown["complete"]) == (False, False)


def test_an_account_keeps_its_newest_state_whatever_the_order() -> None:
    """A record that repeats the last sequence is newer."""
    whole = filled(
        (Topic.CREDIT_CHANGED, credit(sequence=3, cause="settled")),
        (Topic.CREDIT_CHANGED, credit(sequence=2, cause="reserved")),
        (Topic.CREDIT_CHANGED, credit(sequence=3, cause="reservation_stale")),
    )
    assert [each["cause"] for each in overview_json(whole, "acme", NOW)["credit"]] == ["reservation_stale"]


def test_accounts_that_run_out_come_first() -> None:
    amounts = {"full": 100, "empty": 0, "overdrawn": -5, "half": 50}
    whole = filled(
        *((Topic.CREDIT_CHANGED, credit(account=name, available_micros=left)) for name, left in amounts.items())
    )
    shown = [each["account"] for each in overview_json(whole, "acme", NOW)["credit"]]
    assert shown == ["overdrawn", "empty", "half", "full"]


def test_a_cleared_alert_stays_for_a_day_and_a_raised_one_for_good() -> None:
    whole = filled(
        (Topic.DELIVERY_ALERT, alert(alert_key="a", state="cleared", occurred_at=NOW - 23 * HOUR)),
        (Topic.DELIVERY_ALERT, alert(alert_key="b", state="cleared", occurred_at=NOW - 24 * HOUR)),
        (Topic.DELIVERY_ALERT, alert(alert_key="c", occurred_at=NOW - 500 * HOUR)),
        (Topic.DELIVERY_ALERT, alert(alert_key="d", occurred_at=NOW - HOUR)),
        (Topic.DELIVERY_ALERT, alert(alert_key="d", state="cleared")),
    )
    shown = [(each["alert_key"], each["state"]) for each in overview_json(whole, "acme", NOW)["alerts"]]
    assert shown == [("c", "raised"), ("d", "cleared"), ("a", "cleared")]


def test_many_unlisted_codes_push_out_no_other_alert() -> None:
    """Of those that are raised they go first, the oldest of them before the others."""
    codes = [
        alert(alert_key=f"code {number:02}", kind="unlisted_code", occurred_at=NOW - number, samples=["so they said"])
        for number in range(MOST_ALERTS)
    ]
    whole = filled(
        (Topic.DELIVERY_ALERT, alert(alert_key="old", occurred_at=NOW - 500 * HOUR)),
        *((Topic.DELIVERY_ALERT, code) for code in codes),
    )
    shown = overview_json(whole, "acme", NOW)["alerts"]
    assert [each["alert_key"] for each in shown] == [f"code {number:02}" for number in range(MOST_ALERTS - 1)] + ["old"]
    assert shown[0]["samples"] == ["so they said"]


def test_the_newest_suppressions_are_kept_whatever_the_order() -> None:
    numbers = [7, 3, *range(10, 30), 1]
    whole = filled(*((Topic.SUPPRESSION_CHANGED, suppression(changed_at=NOW - n, tier=n)) for n in numbers))
    shown = overview_json(whole, "acme", NOW)["suppressions"]
    assert [each["tier"] for each in shown["latest"]] == sorted(numbers)[:MOST_SUPPRESSIONS]
    assert shown["suppressed"] == len(numbers)


def test_it_says_of_which_topics_something_was_not_read() -> None:
    whole = filled()
    whole.partly_read |= {Topic.DELIVERY_ALERT, Topic.CREDIT_CHANGED}
    shown = overview_json(whole, "acme", NOW)
    assert (shown["complete"], shown["partly_read"]) == (False, ["credit.changed", "delivery.alert"])


def as_long_as_allowed(record: dict[str, Any], most: int, field: str, number: int) -> dict[str, Any]:
    """Fill up a text and leave room for a key; the number in front tells it apart."""
    return record | {field: f"{number}-".ljust(most - len(orjson.dumps(record)) - LONGEST_KEY + 80, "x")}


def test_memory_is_bounded_whatever_comes() -> None:
    """Far more tenants, accounts, alerts, reasons and letters than are kept, each as long as it may be."""
    whole = Overview()
    whole.caught_up = True
    # the interpreter's own table of interned texts is not to grow by a step while this is measured
    interned = [sys.intern(f"interned {number}") for number in range(150_000)]
    tracemalloc.start()
    for tenant_number in range(MOST_TENANTS + 2):
        tenant: Any = whole.of(f"tenant-{tenant_number}")
        for number in range(MOST_NAMES + 1):
            tenant.take_stats(stats(reason=f"{tenant_number}-{number}-".ljust(LONGEST_NAME - 21, "r")), NOW)
        for number in range(MOST_ACCOUNTS + 1):
            tenant.take_credit(as_long_as_allowed(credit(), LONGEST_ACCOUNT, "account", number))
        for number in range(MOST_ALERTS + 1):
            long = as_long_as_allowed(alert(), LONGEST_ALERT, "summary", number)
            tenant.take_alert(long | {"alert_key": f"{number}".ljust(LONGEST_KEY, "k")})
        for number in range(MOST_SUPPRESSIONS + 1):
            long = as_long_as_allowed(suppression(), LONGEST_SUPPRESSION, "recipient", number)
            tenant.take_suppression(long, NOW)
            tenant.take_dead_letter(DeadLetter(NOW, "t", f"{number}".ljust(300, "\ufffd"), "\ufffd" * 299 + "e"), NOW)
    # what other tests have left in circles is not what is kept here
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(interned) == 150_000
    assert used < 50_000_000
    assert list(whole.seen_by("tenant-0")) == []
    shown = overview_json(whole, "*", NOW)
    lengths = [len(shown["credit"]), len(shown["alerts"]), len(shown["dead_letters"]["latest"])]
    assert lengths == [MOST_ACCOUNTS, MOST_ALERTS, MOST_DEAD_LETTERS]
    assert not shown["complete"]


def test_a_tenant_that_comes_back_after_it_was_forgotten_is_not_called_complete() -> None:
    whole = filled(*((Topic.CREDIT_CHANGED, credit(tenant=f"t{number}")) for number in range(MOST_TENANTS + 1)))
    assert not overview_json(whole, "t0", NOW)["complete"]
    take(whole, consumed(Topic.CREDIT_CHANGED, credit(tenant="t0")), NOW)
    assert not overview_json(whole, "t0", NOW)["complete"]
    assert overview_json(whole, f"t{MOST_TENANTS}", NOW)["complete"]
