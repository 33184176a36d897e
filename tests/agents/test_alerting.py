from typing import Any

from app import avro
from app.domain.policy import load_policy
from app.faust_batches.rows.memory import MemoryRows
from app.stream.alerting import TABLES, Alerting
from app.stream.health import ProviderHealthReader
from tests.agents.records import NOW, SECOND, Bench, Consumed

MINUTE = 60 * SECOND


def bench(tables: dict[str, MemoryRows] | None = None, health: ProviderHealthReader | None = None) -> Bench:
    tables = tables or {name: MemoryRows() for name in TABLES}
    return Bench(Alerting(load_policy(None), health or ProviderHealthReader({})), tables)


def stats(outcome: str, reason: str, attribution: str, count: int, **fields: object) -> Consumed:
    event: dict[str, Any] = {
        "tenant": "acme",
        "provider": "prelude",
        "channel": "sms",
        "outcome": outcome,
        "reason": reason,
        "attribution": attribution,
        "minute": NOW - NOW % MINUTE,
        "count": count,
        "sample_code": "prelude:reason:network" if reason else "",
        "unlisted": False,
        "samples": [],
    }
    return Consumed("delivery.stats", 0, 0, b"acme/prelude/sms", avro.encode("delivery.stats", event | fields))


def credit(available: int) -> Consumed:
    event = {
        "event_id": f"c{available}",
        "tenant": "acme",
        "account": "acme/teekrr",
        "currency": "MYR",
        "granted_micros": 100,
        "available_micros": available,
        "reserved_micros": 100 - available,
        "spent_micros": 0,
        "sequence": 1,
        "cause": "reserved",
        "message_id": "",
        "amount_micros": 0,
        "occurred_at": NOW,
    }
    return Consumed("credit.changed", 0, 0, b"acme/teekrr", avro.encode("credit.changed", event))


def alerts(found: Bench) -> list[tuple[str, str]]:
    return [(value["kind"], value["state"]) for topic, _, value in found.take() if topic == "delivery.alert"]


def test_a_failing_provider_is_told_once_and_its_recovery_too() -> None:
    """Its health goes out with the alert, for those who judge recipients."""
    happy = bench()
    happy.process(stats("delivered", "", "UNKNOWN", 10), stats("failed", "network_error", "CARRIER", 30))
    happy.process(stats("failed", "network_error", "CARRIER", 5))
    sent = happy.take()
    assert [topic for topic, _, _ in sent] == ["provider.health", "delivery.alert"]
    assert (sent[0][2]["degraded"], sent[1][2]["kind"]) == (True, "provider_failure_rate")
    later = bench(dict(happy.tables))
    later.tick(NOW + 31 * MINUTE)
    assert alerts(later) == [("provider_failure_rate", "cleared")]


def test_an_outage_that_was_announced_before_is_not_announced_again() -> None:
    """A new version of the application reads old reports and knows what came of them; it goes on from there."""
    known = ProviderHealthReader({})
    first = bench()
    first.process(stats("failed", "network_error", "CARRIER", 30))
    first.tick(NOW + 31 * MINUTE)
    announced = [avro.encode(topic, value) for topic, _, value in first.take() if topic == "provider.health"]
    known.take(announced[-1])
    second = bench(health=known)
    second.process(stats("failed", "network_error", "CARRIER", 30))
    second.tick(NOW + 31 * MINUTE)
    assert second.take() == []
    later = NOW - NOW % MINUTE + 40 * MINUTE
    second.process(stats("failed", "network_error", "CARRIER", 30, minute=later))
    [(_, _, value), _] = second.take()
    assert [each["since"] for each in value["periods"]] == [NOW - NOW % MINUTE + 2 * MINUTE, later + 2 * MINUTE]


def test_an_unlisted_code_is_told_with_samples_and_its_quiet_too() -> None:
    """Also when the worker was restarted in between."""
    happy = bench()
    code = {"sample_code": "prelude:reason:new", "unlisted": True, "samples": ["what they said"]}
    happy.process(stats("failed", "unknown", "UNKNOWN", 1, **code), stats("failed", "unknown", "UNKNOWN", 1, **code))
    [(topic, _, value)] = happy.take()
    assert (topic, value["kind"], value["samples"]) == ("delivery.alert", "unlisted_code", ["what they said"])
    later = bench(dict(happy.tables))
    later.tick(NOW + 60 * MINUTE)
    assert alerts(later) == [("unlisted_code", "cleared")]


def test_recipients_faults_say_nothing_about_a_provider() -> None:
    """A list full of dead numbers is no outage."""
    happy = bench()
    happy.process(stats("failed", "invalid_recipient", "RECIPIENT", 500))
    assert happy.take() == []


def test_a_senders_fault_is_told_at_the_first() -> None:
    """With something to do about it."""
    happy = bench()
    happy.process(stats("failed", "sender_not_registered", "SENDER", 1))
    [(topic, _, value)] = happy.take()
    assert (topic, value["kind"], value["reason"]) == ("delivery.alert", "sender_fault", "sender_not_registered")
    assert len(value["action"]) > 20


def test_low_credit_is_raised_once_and_cleared_when_it_is_filled_up() -> None:
    """Below a tenth of what was granted."""
    happy = bench()
    happy.process(credit(50), credit(9), credit(5))
    assert alerts(happy) == [("low_credit", "raised")]
    happy.process(credit(60))
    assert alerts(happy) == [("low_credit", "cleared")]
