"""What ended every worker for good, record by record: each is a dead letter now, and what follows it is processed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
import pytest

from app import avro
from app.classify.overlay import NO_OVERLAY
from app.domain.policy import load_policy
from app.faust_batches.partitioning import partition_of
from app.faust_batches.rows.memory import MemoryRows
from app.raw_records import headers
from app.stream import alerting, crediting, normalizing, suppressing
from app.stream.health import ProviderHealthReader
from app.topics import Topic
from tests.agents.records import NOW, SECOND, Bench, Consumed
from tests.unit.domain.samples import asked, command, credit, entry, failed, stats

POLICY = load_policy(None)
MESSAGE = "tx_1"
HEADERS = headers("acme", NOW, "test", verified=True, account="")
WAITING = normalizing.Waiting(wait_s=60, retention_s=1000)
GOOD = {
    Topic.DELIVERY_FAILED: failed("good", NOW, received_at=NOW),
    Topic.SUPPRESSION_REQUESTED: asked("good", NOW, "suppress"),
    Topic.CREDIT_REQUESTED: command("good", "grant", 5),
    Topic.CREDIT_ENTRY: entry("good", "keep"),
    Topic.CREDIT_CHANGED: credit(100, 1),
    Topic.DELIVERY_STATS: stats(NOW - NOW % (60 * SECOND), reason="sender_credentials"),
}


def bench(topic: str, partitions: int = 1) -> Bench:
    """Return the agent that reads a topic."""
    tables: dict[str, MemoryRows]
    if topic in normalizing.TOPICS:
        tables = {normalizing.TABLE: MemoryRows()}
        return Bench(normalizing.Normalizing(WAITING, NO_OVERLAY, partitions, 60), tables)
    if topic in suppressing.TOPICS:
        tables = {suppressing.TABLE: MemoryRows()}
        return Bench(suppressing.Suppressing(POLICY, ProviderHealthReader({}), partitions, 60), tables)
    if topic in crediting.TOPICS:
        tables = {crediting.TABLE: MemoryRows()}
        return Bench(crediting.Crediting(POLICY, partitions, 600), tables)
    tables = {name: MemoryRows() for name in alerting.TABLES}
    return Bench(alerting.Alerting(POLICY, ProviderHealthReader({})), tables)


def record(topic: Topic, fields: Mapping[str, object] | None = None, offset: int = 0) -> Consumed:
    plain: Mapping[str, object] = GOOD[topic]
    value = avro.encode(topic, {**plain, **(fields or {})})
    return Consumed(topic, 0, offset, b"k", value)


def prelude(number: int, message: str = MESSAGE, offset: int = 0) -> Consumed:
    document = {
        "id": f"evt_{number:04}".ljust(200, "x"),
        "type": "transactional.message.failed",
        "created_at": "2026-05-06T10:01:00Z",
        "payload": {"message_id": message, "correlation_id": "c" * 200, "status": "failed", "reason": "x"},
    }
    return Consumed("raw.prelude", 0, offset, message.encode(), orjson.dumps(document), HEADERS)


HOSTILE: list[tuple[Topic, dict[str, object], str]] = [
    (Topic.SUPPRESSION_REQUESTED, {"tenant": "~acme"}, "tenant"),
    (Topic.SUPPRESSION_REQUESTED, {"recipient": "9" * 60_000}, "recipient"),
    (Topic.SUPPRESSION_REQUESTED, {"recipient": "9" * 600_000}, "value"),
    (Topic.SUPPRESSION_REQUESTED, {"occurred_at": 2**63 - 1}, "occurred_at"),
    (Topic.SUPPRESSION_REQUESTED, {"until": 2**63 - 1}, "until"),
    (Topic.CREDIT_REQUESTED, {"account": "acme\x1fteekrr"}, "account"),
    (Topic.CREDIT_REQUESTED, {"account": "a" * 600_000}, "value"),
    (Topic.CREDIT_REQUESTED, {"amount_micros": 2**63 - 1}, "amount_micros"),
    (Topic.CREDIT_REQUESTED, {"kind": "reserve", "message_id": "m\x1f1"}, "message_id"),
    (Topic.CREDIT_ENTRY, {"amount_micros": 2**62}, "amount_micros"),
    (Topic.CREDIT_ENTRY, {"received_at": -(2**63)}, "received_at"),
    (Topic.DELIVERY_FAILED, {"tenant": "a/b"}, "tenant"),
    (Topic.DELIVERY_FAILED, {"received_at": 2**63 - 1}, "received_at"),
    (Topic.DELIVERY_STATS, {"tenant": "a/b"}, "tenant"),
    (Topic.DELIVERY_STATS, {"provider": "a/b/c"}, "provider"),
    (Topic.DELIVERY_STATS, {"count": -5}, "count"),
    (Topic.DELIVERY_STATS, {"minute": 2**63 - 1}, "minute"),
    (Topic.CREDIT_CHANGED, {"granted_micros": 2**63 - 1}, "granted_micros"),
    (Topic.CREDIT_CHANGED, {"occurred_at": -1}, "occurred_at"),
]


@pytest.mark.parametrize(("topic", "fields", "field"), HOSTILE, ids=lambda value: str(value)[:40])
def test_a_record_beyond_the_bounds_is_a_dead_letter_that_names_the_field(
    topic: Topic, fields: dict[str, object], field: str
) -> None:
    found = bench(topic)
    hostile = record(topic, fields)
    found.process(hostile, record(topic, offset=1))
    found.tick(NOW + SECOND)
    sent = found.take()
    assert (sent[0][0], sent[0][2]) == ("dead.letter", hostile.value)
    assert found.headers[0]["error-text"].decode().startswith(f"{field}: ")
    assert {topic for topic, _, _ in sent[1:]} & {
        *("suppression.changed", "delivery.stats", "credit.changed", "delivery.alert")
    }


@pytest.mark.parametrize("topic", [Topic.SUPPRESSION_REQUESTED, Topic.CREDIT_REQUESTED, Topic.CREDIT_ENTRY])
@pytest.mark.parametrize("timestamp", [-(2**61), -1, 2**61])
@pytest.mark.parametrize("partitions", [1, 7])
def test_a_command_that_was_written_at_no_date_is_a_dead_letter(topic: Topic, timestamp: int, partitions: int) -> None:
    """Also where it came to another partition than its own, to which it would be sent on with its timestamp."""
    found = bench(topic, partitions)
    found.process(replace(record(topic), timestamp=timestamp))
    assert [sent for sent, _, _ in found.take()] == ["dead.letter"]
    assert found.headers[0]["error-text"].startswith(b"timestamp: a number out of range")


def test_a_webhook_that_nothing_dates_is_a_dead_letter() -> None:
    """Neither a header nor the record itself."""
    found = bench("raw.prelude")
    found.process(replace(prelude(0), headers=[("tenant", b"acme")], timestamp=-(2**61)))
    assert [sent for sent, _, _ in found.take()] == ["dead.letter"]
    found.process(replace(prelude(0), timestamp=-(2**61)))
    assert len(list(found.tables[normalizing.TABLE].items())) == 1


def test_of_many_webhooks_of_one_message_the_first_64_wait_for_its_recipient() -> None:
    """The row stays below 200 kB, and what it has no room for is put aside."""
    found = bench("raw.prelude")
    found.process(*[prelude(number, offset=number) for number in range(170)])
    [(_, row)] = found.tables[normalizing.TABLE].items()
    assert len(row) < 200_000
    assert len(orjson.loads(row)["parked"]) == 64
    assert [(topic, value) for topic, _, value in found.take()] == [
        ("dead.letter", prelude(number).value) for number in range(64, 170)
    ]
    assert found.headers[0]["error-text"].startswith(b"message: 64 events without a recipient")


def test_a_webhook_too_large_for_its_topic_is_neither_read_nor_sent_on() -> None:
    """It may arrive compressed, and nothing of ours compresses it again."""
    large: dict[str, Any] = {**orjson.loads(prelude(0).value or b""), "padding": "x" * 3_000_000}
    partitions = next(count for count in range(2, 50) if partition_of(MESSAGE.encode(), count) != 0)
    found = bench("raw.prelude", partitions)
    value = orjson.dumps(large)
    found.process(Consumed("raw.prelude", 0, 0, MESSAGE.encode(), value, HEADERS))
    [(topic, key, kept)] = found.take()
    assert (topic, key, value.startswith(kept), len(kept) < 1_900_000) == ("dead.letter", MESSAGE.encode(), True, True)
    assert found.headers[0]["origin-bytes"] == b"%d" % len(value)


@pytest.mark.parametrize("topic", [Topic.SUPPRESSION_REQUESTED, Topic.CREDIT_REQUESTED, Topic.RAW_PRELUDE])
def test_headers_that_are_too_many_are_not_sent_on(topic: Topic) -> None:
    """A record may have megabytes of them; those it needs come first."""
    sent = prelude(0) if topic == Topic.RAW_PRELUDE else record(topic)
    many: Sequence[tuple[str, bytes]] = [*HEADERS, *((f"h{number}", b"x" * 1000) for number in range(3000))]
    found = next(each for count in range(2, 50) if (each := bench(topic, count)) and forwards(each, sent))
    found.headers.clear()
    found.process(replace(sent, headers=many))
    assert found.take()[-1][0] == topic
    assert sum(map(len, found.headers[0].values())) <= 32_768
    assert found.headers[0]["tenant"] == b"acme"


def forwards(found: Bench, sent: Consumed) -> bool:
    """Tell whether a record belongs to another partition."""
    found.process(sent)
    return [topic for topic, _, _ in found.take()] == [sent.topic]
