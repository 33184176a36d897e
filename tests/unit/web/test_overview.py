import tracemalloc
from typing import Any, NamedTuple

import orjson
import pytest

from app import avro
from app.domain.clock import HOUR
from app.topics import Topic
from app.web.hourly import MOST_NAMES
from app.web.overview import (
    MOST_ACCOUNTS,
    MOST_ALERTS,
    MOST_DEAD_LETTERS,
    MOST_SUPPRESSIONS,
    MOST_TENANTS,
    DeadLetter,
    Overview,
)
from app.web.overview_json import overview as overview_json
from app.web.overview_reader import dead_letter, take

NOW = 490_000 * HOUR + HOUR // 2
HERE = "2025-11-24T16:30:00.000000Z"
AN_HOUR_AGO = "2025-11-24T15:30:00.000000Z"
ZEROS = [0] * 24


class Consumed(NamedTuple):
    """A record as aiokafka hands it over."""

    topic: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = NOW // 1000
    partition: int = 0
    offset: int = 0
    key: bytes | None = None


def stats(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a record
    return {
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "sms",
        "outcome": "failed",
        "reason": "mailbox_full",
        "attribution": "RECIPIENT",
        "minute": NOW,
        "count": 1,
        "sample_code": "",
        "unlisted": False,
        "samples": [],
    } | changes


def suppression(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "event_id": "x",
        "tenant": "acme",
        "channel": "sms",
        "recipient": "+447810000001",
        "state": "suppressed",
        "reason": "invalid_recipient",
        "since": NOW - HOUR,
        "until": None,
        "tier": 1,
        "sequence": 2,
        "cause": "failure",
        "evidence": ["e1"],
        "requested_by": "",
        "changed_at": NOW - HOUR,
        "policy_version": "1.0",
    } | changes


def credit(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "event_id": "x",
        "tenant": "acme",
        "account": "acme/teekrr",
        "currency": "EUR",
        "granted_micros": 100,
        "available_micros": 60,
        "reserved_micros": 10,
        "spent_micros": 30,
        "sequence": 3,
        "cause": "settled",
        "message_id": "m",
        "amount_micros": 10,
        "occurred_at": NOW - HOUR,
    } | changes


def alert(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "event_id": "x",
        "alert_key": "acme/teekrr/sms/sender_credentials",
        "tenant": "acme",
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
        "occurred_at": NOW - HOUR,
    } | changes


def letter(*headers: tuple[str, bytes]) -> Consumed:
    own = (
        ("origin-topic", b"raw.teekrr"),
        ("origin-partition", b"3"),
        ("origin-offset", b"17"),
        ("error-class", b"BadInputError"),
        ("error-text", b"body: 3 bytes, expected a JSON object"),
    )
    return Consumed(Topic.DEAD_LETTER, b"???", (*headers, *own))


def filled(*records: tuple[str, dict[str, Any]] | Consumed) -> Overview:
    """Make an overview of these records, through their encoding."""
    made = Overview()
    for record in records:
        take(made, record if isinstance(record, Consumed) else Consumed(record[0], avro.encode(*record)), NOW)
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


@pytest.mark.parametrize("topic", [Topic.DELIVERY_STATS, Topic.CREDIT_CHANGED, Topic.DELIVERY_ALERT])
@pytest.mark.parametrize("value", [None, b"", b"\xff\xff"])
def test_what_is_no_record_is_left_alone(topic: str, value: bytes | None) -> None:
    shown = overview_json(filled(Consumed(topic, value)), "*", NOW)
    assert (shown["failures"], shown["credit"], shown["alerts"]) == ([], [], [])


@pytest.mark.parametrize("tenant", [b"a/b", b"", b"\xff", b"*"])
def test_a_dead_letter_belongs_to_nobody_when_its_tenant_is_no_name(tenant: bytes) -> None:
    assert dead_letter(letter(("tenant", tenant))).tenant == ""


def test_a_dead_letter_of_another_producer_is_read_as_far_as_it_goes() -> None:
    assert dead_letter(Consumed(Topic.DEAD_LETTER, None)) == DeadLetter(NOW, "", "?/?/?", "")


def test_memory_is_bounded_whatever_comes() -> None:
    """Far more tenants, accounts, alerts, reasons and letters than are kept, each as long as it may be."""
    whole = Overview()
    whole.caught_up = True
    evidence = ["f" * 64] * 32
    tracemalloc.start()
    for tenant_number in range(MOST_TENANTS + 2):
        tenant = whole.of(f"tenant-{tenant_number}")
        take_all: Any = tenant
        for number in range(MOST_NAMES + 1):
            take_all.take_stats(stats(reason=f"{tenant_number}-{number}"), NOW)
        for number in range(MOST_ACCOUNTS + 1):
            name = f"{tenant_number}-{number}"
            take_all.take_suppression(suppression(recipient=name, evidence=list(evidence)), NOW)
            take_all.take_credit(credit(account=name))
            take_all.take_alert(alert(alert_key=name, summary="s" * 200 + name))
            take_all.take_dead_letter(DeadLetter(NOW, name, name, "e" * 300), NOW)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 50_000_000
    assert list(whole.seen_by("tenant-0")) == []
    shown = overview_json(whole, "*", NOW)
    lengths = [len(shown["credit"]), len(shown["alerts"]), len(shown["dead_letters"]["latest"])]
    assert lengths == [MOST_ACCOUNTS, MOST_ALERTS, MOST_DEAD_LETTERS]
    assert not shown["complete"]


def test_a_tenant_that_comes_back_after_it_was_forgotten_is_not_called_complete() -> None:
    whole = filled(*((Topic.CREDIT_CHANGED, credit(tenant=f"t{number}")) for number in range(MOST_TENANTS + 1)))
    assert not overview_json(whole, "t0", NOW)["complete"]
    take(whole, Consumed(Topic.CREDIT_CHANGED, avro.encode(Topic.CREDIT_CHANGED, credit(tenant="t0"))), NOW)
    assert not overview_json(whole, "t0", NOW)["complete"]
    assert overview_json(whole, f"t{MOST_TENANTS}", NOW)["complete"]
