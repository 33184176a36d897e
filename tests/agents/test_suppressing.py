from typing import Any

from app import avro
from app.domain.policy import load_policy
from app.events import DeliveryFailed
from app.faust_batches.batch import partition_of
from app.faust_batches.store import MemoryRows
from app.stream.health import ProviderHealthReader, Route
from app.stream.suppressing import TABLE, Suppressing
from app.vocabulary import Attribution, Confidence, Permanence, Reason
from tests.agents.records import NOW, SECOND, Bench, Consumed

PERSON = "+33612345678"
DAY = 24 * 3600 * SECOND


class Health(ProviderHealthReader):
    """A reader that was told what to say."""

    def __init__(self, *degraded: Route) -> None:
        super().__init__({})
        self._degraded = set(degraded)


def bench(tables: dict[str, MemoryRows] | None = None, *degraded: Route, partitions: int = 1) -> Bench:
    tables = tables or {TABLE: MemoryRows()}
    return Bench(Suppressing(tables, load_policy(None), Health(*degraded), partitions), tables)


def failure(number: int, attribution: str, permanence: str, reason: str, at: int = NOW, **more: Any) -> DeliveryFailed:  # noqa: ANN401 - any field
    event: dict[str, Any] = {
        "event_id": f"{number:032x}",
        "tenant": "acme",
        "provider": "prelude",
        "channel": "sms",
        "recipient": PERSON,
        "reason": reason,
        "attribution": attribution,
        "permanence": permanence,
        "occurred_at": at,
        "confidence": Confidence.CODE,
        "received_at": at,
    }
    defaults = {
        field["name"]: field.get("default")
        for field in avro._codec_schema("delivery.failed")["fields"]
        if field["name"] not in event
    }
    return {**defaults, **event, **more}  # type: ignore[typeddict-item]


def record(topic: str, event: Any, offset: int = 0) -> Consumed:  # noqa: ANN401 - any record
    key = f"acme/{event['recipient']}".encode()
    return Consumed(topic, 0, offset, key, avro.encode(topic, event))


GONE = failure(1, Attribution.RECIPIENT, Permanence.PERMANENT, Reason.INVALID_RECIPIENT)


def changes(found: Bench) -> list[tuple[str, str, str, str]]:
    return [
        (value["channel"], value["state"], value["reason"], value["cause"])
        for topic, _, value in found.take()
        if topic == "suppression.changed"
    ]


def test_a_permanent_recipient_failure_suppresses_once() -> None:
    """A copy of the event changes nothing and is not counted again."""
    happy = bench()
    happy.process(record("delivery.failed", GONE), record("delivery.failed", GONE, offset=1))
    sent = happy.take()
    assert [(topic, key) for topic, key, _ in sent] == [
        ("suppression.changed", f"acme/{PERSON}/sms".encode()),
        ("delivery.stats", b"acme/prelude/sms"),
    ]
    assert (sent[0][2]["state"], sent[0][2]["until"], sent[0][2]["evidence"]) == (
        "suppressed",
        NOW + 30 * DAY,
        [GONE["event_id"]],
    )
    assert sent[1][2]["count"] == 1


def test_a_fault_of_the_sender_suppresses_nobody() -> None:
    """It is counted for alerts, and the recipient stays free."""
    happy = bench()
    happy.process(
        record("delivery.failed", failure(2, Attribution.SENDER, Permanence.PERMANENT, Reason.SENDER_NOT_REGISTERED))
    )
    assert [topic for topic, _, _ in happy.take()] == ["delivery.stats"]


def test_a_suppression_ends_on_time_in_a_row_that_nobody_touches() -> None:
    """Also when the worker was restarted in between."""
    before = bench()
    before.process(record("delivery.failed", GONE))
    assert changes(before) == [("sms", "suppressed", "invalid_recipient", "failure")]
    after = bench(dict(before.tables))
    after.tick(NOW + 30 * DAY - SECOND)
    assert changes(after) == []
    after.tick(NOW + 30 * DAY)
    assert changes(after) == [("sms", "allowed", "", "expiry")]
    after.tick(NOW + 31 * DAY)
    assert changes(after) == []


def test_a_degraded_provider_holds_nothing_transient_against_a_recipient() -> None:
    """Five bad days count for nothing while the provider is out of order, and suppress when it is not."""
    days = [
        failure(n, Attribution.RECIPIENT, Permanence.TRANSIENT, Reason.MAILBOX_FULL, NOW - n * DAY) for n in range(5)
    ]
    records = [record("delivery.failed", event, n) for n, event in enumerate(days)]
    guarded, unguarded = bench(None, Route("acme", "prelude", "sms")), bench()
    guarded.process(*records)
    unguarded.process(*records)
    assert changes(guarded) == []
    assert changes(unguarded) == [("sms", "suppressed", "mailbox_full", "failure")]


def test_a_failure_without_recipient_is_counted_and_touches_no_row() -> None:
    """Nobody can be told of it, the provider's rate still knows it."""
    happy = bench()
    happy.process(record("delivery.failed", {**GONE, "recipient": ""}))
    assert [topic for topic, _, _ in happy.take()] == ["delivery.stats"]
    assert list(happy.tables[TABLE].items()) == []


def test_a_request_is_brought_to_the_partition_of_its_address() -> None:
    """A person may write an address in any way and a producer may hash its key differently."""
    request = {
        "event_id": "r1",
        "tenant": "acme",
        "channel": "",
        "recipient": "0033 6 12 34 56 78",
        "action": "suppress",
        "reason": "recipient_opted_out",
        "occurred_at": NOW,
        "requested_by": "support:jane",
        "until": None,
        "note": "",
        "raw_topic": "",
        "raw_partition": -1,
        "raw_offset": -1,
        "raw_sha256": "",
    }
    key = f"acme/{PERSON}".encode()
    partitions = next(count for count in range(2, 50) if partition_of(key, count) != 0)
    away = bench(partitions=partitions)
    away.process(record("suppression.requested", request))
    assert away.take() == [("suppression.requested", key, {**request, "recipient": PERSON})]
    home = bench()
    home.process(record("suppression.requested", request))
    assert [change[:2] for change in changes(home)] == [("sms", "suppressed"), ("whatsapp", "suppressed")]


def test_bytes_that_are_no_record_become_a_dead_letter() -> None:
    """The others of the batch are applied all the same."""
    happy = bench()
    happy.process(Consumed("delivery.failed", 0, 0, b"k", b"\x02"), record("delivery.failed", GONE, 1))
    assert [topic for topic, _, _ in happy.take()] == ["dead.letter", "suppression.changed", "delivery.stats"]
