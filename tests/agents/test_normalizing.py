from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from prometheus_client import REGISTRY

from app.classify import MAPPING_VERSION
from app.classify.overlay import NO_OVERLAY, Overlay
from app.classify.overlay_file import OVERLAY_COLUMNS, parse_overlay
from app.faust_batches.partitioning import partition_of
from app.faust_batches.rows.memory import MemoryRows
from app.raw_records import headers
from app.stream.normalizing import TABLE, Normalizing, Waiting
from tests.agents.records import NOW, SECOND, Bench, Consumed

DAY = 24 * 3600 * SECOND
QUIET_S = 30
WAITING = Waiting(wait_s=60, retention_s=1000)
MESSAGE = "tx_01htjet67afxhta23j7dtekneh"
CREATED: dict[str, Any] = {
    "id": "evt_1",
    "type": "transactional.message.created",
    "created_at": "2026-05-06T10:00:00Z",
    "payload": {"id": MESSAGE, "to": "+33612345678", "created_at": "2026-05-06T10:00:00Z"},
}
FAILED: dict[str, Any] = {
    "id": "evt_2",
    "type": "transactional.message.failed",
    "created_at": "2026-05-06T10:01:00Z",
    "payload": {"message_id": MESSAGE, "status": "failed", "reason": "unknown_recipient"},
}


HEADERS = headers("acme", NOW, "test", verified=True, account="")


def raw(
    document: object,
    topic: str = "raw.prelude",
    offset: int = 0,
    found: Sequence[tuple[str, bytes]] = HEADERS,
) -> Consumed:
    value = document if isinstance(document, bytes) else orjson.dumps(document)
    return Consumed(topic, 0, offset, MESSAGE.encode(), value, found)


def bench(
    tables: dict[str, MemoryRows] | None = None,
    partitions: int = 1,
    overlay: Overlay = NO_OVERLAY,
    quiet_s: float = 0,
) -> Bench:
    tables = tables or {TABLE: MemoryRows()}
    return Bench(Normalizing(WAITING, overlay, partitions, quiet_s), tables)


def received(at: int) -> list[tuple[str, bytes]]:
    return headers("acme", at, "test", verified=True, account="")


def failures(sent: list[tuple[str, bytes | None, Any]]) -> list[tuple[bytes | None, str, str]]:
    return [(key, value["recipient"], value["reason"]) for topic, key, value in sent if topic == "delivery.failed"]


@pytest.mark.parametrize("order", [(CREATED, FAILED), (FAILED, CREATED)], ids=["in order", "failure first"])
def test_a_failure_gets_the_recipient_that_its_created_event_names(order: tuple[Any, Any]) -> None:
    """In either order, and across a restart in between: the row is all that is kept."""
    first = bench()
    first.process(raw(order[0]))
    restarted = bench(dict(first.tables))
    restarted.process(raw(order[1], offset=1))
    sent = first.take() + restarted.take()
    assert failures(sent) == [(b"acme/+33612345678", "+33612345678", "invalid_recipient")]
    assert sorted(topic for topic, _, _ in sent) == ["delivery.confirmed", "delivery.failed"]


def test_a_failure_whose_created_event_never_comes_goes_out_without_recipient() -> None:
    """After the configured time, once, also when a restart came in between."""
    before = bench()
    before.process(raw(FAILED))
    before.tick(NOW + 59 * SECOND)
    assert before.take() == []
    after = bench(dict(before.tables))
    after.tick(NOW + 61 * SECOND)
    after.tick(NOW + 62 * SECOND)
    assert failures(after.take()) == [(f"acme/~prelude/{MESSAGE}".encode(), "", "invalid_recipient")]


def test_an_overlay_judges_when_a_failure_comes_and_not_when_its_recipient_does() -> None:
    """A worker that was restarted without the overlay sends on what waited as it was judged."""
    row = "acme,row,prelude:reason:unknown_recipient,,recipient_disabled,RECIPIENT,PERMANENT,"
    overlay = parse_overlay("own", f"{','.join(OVERLAY_COLUMNS)}\n{row}\n")
    before = bench(overlay=overlay)
    before.process(raw(FAILED))
    after = bench(dict(before.tables))
    after.process(raw(CREATED, offset=1))
    (judged,) = [value for topic, _, value in after.take() if topic == "delivery.failed"]
    assert (judged["recipient"], judged["reason"]) == ("+33612345678", "recipient_disabled")
    assert judged["mapping_version"] == MAPPING_VERSION + overlay.version


def test_a_message_is_forgotten_after_its_retention() -> None:
    """Rows leave the table, with a tombstone."""
    forgetful = bench()
    forgetful.process(raw(CREATED))
    assert len(list(forgetful.tables[TABLE].items())) == 1
    forgetful.tick(NOW + 1001 * SECOND)
    assert list(forgetful.tables[TABLE].items()) == []


def test_after_a_stop_a_parked_failure_waits_for_what_lies_unread() -> None:
    """It was due while no worker ran; what names its recipient had come in meanwhile, behind other webhooks."""
    before = bench()
    before.process(raw(FAILED))
    now = NOW + DAY
    after = bench(dict(before.tables), quiet_s=QUIET_S)
    after.tick(now)
    after.process(raw({**CREATED, "type": "other"}, found=received(NOW + 10 * SECOND)), now=now)
    now = after.keep_quiet(now, QUIET_S - 1)
    after.process(raw({**CREATED, "type": "other"}, found=received(NOW + 20 * SECOND)), now=now)
    after.keep_quiet(now, QUIET_S - 1)
    assert failures(after.take()) == []
    after.process(raw(CREATED, offset=3, found=received(NOW + 30 * SECOND)), now=now)
    assert failures(after.take()) == [(b"acme/+33612345678", "+33612345678", "invalid_recipient")]


def test_an_idle_worker_sends_what_is_parked_after_the_quiet_time() -> None:
    """No record need come for it."""
    before = bench()
    before.process(raw(FAILED))
    after = bench(dict(before.tables), quiet_s=QUIET_S)
    now = after.keep_quiet(NOW + DAY, QUIET_S - 1)
    assert after.take() == []
    after.tick(now + SECOND)
    assert len(failures(after.take())) == 1
    assert after.headers[-1]["read-up-to"] == b"%d" % (now + SECOND)


def test_a_slow_clock_holds_nothing_back_once_its_partition_is_read_to_the_end() -> None:
    """The gateway that received it lags three days."""
    slow = bench(quiet_s=QUIET_S)
    now = slow.keep_quiet(NOW, QUIET_S)
    slow.process(raw(FAILED, found=received(now - 3 * DAY)), now=now)
    assert slow.processor.moment(now) == now - 3 * DAY
    slow.process(raw(FAILED, found=received(now - 3 * DAY)), now=now, reaches_end=True)
    assert slow.processor.moment(now) == now - 5 * SECOND
    for _ in range(20):
        now += 5 * SECOND
        slow.process(raw(FAILED, found=received(now - 3 * DAY)), now=now, reaches_end=True)
        slow.tick(now)
    assert len(failures(slow.take())) == 1


def test_outputs_say_how_far_their_raw_partition_was_read() -> None:
    """Where that is later than the receipt of the webhook itself: of the last in its partition, and after it."""
    happy = bench()
    records = [raw(CREATED, offset=n, found=received(NOW - (3 - n) * DAY)) for n in range(3)]
    happy.process(*records, reaches_end=True)
    happy.process(raw({**CREATED, "id": "evt_9"}, offset=3, found=received(NOW - 2 * DAY)), now=NOW + SECOND)
    happy.process(raw({**CREATED, "id": "evt_8"}, offset=4, found=received(NOW + SECOND)), now=NOW + SECOND)
    told = [found.get("read-up-to") for found in happy.headers]
    end = b"%d" % (NOW - 5 * SECOND)
    assert told == [None, None, end, end, None]


def test_what_cannot_be_read_becomes_a_dead_letter_with_its_bytes_and_the_reason() -> None:
    """The original key, bytes and headers stay; the place and the error are added."""
    unhappy = bench()
    unhappy.process(raw(b"{", topic="raw.teekrr", offset=7))
    assert unhappy.take() == [("dead.letter", MESSAGE.encode(), b"{")]
    found = unhappy.headers[0]
    assert found["tenant"] == b"acme"
    assert (found["origin-topic"], found["origin-partition"], found["origin-offset"]) == (b"raw.teekrr", b"0", b"7")
    assert found["error-class"] == b"BadInputError"
    assert b"JSON" in found["error-text"]


def test_a_record_without_tenant_is_a_dead_letter() -> None:
    """Nobody's message cannot be judged; it is kept."""
    unhappy = bench()
    unhappy.process(raw(FAILED, topic="raw.teekrr", found=[]))
    assert [topic for topic, _, _ in unhappy.take()] == ["dead.letter"]
    assert unhappy.headers[0]["error-text"] == b"header tenant: missing; every raw record needs one"


def test_failures_with_an_unlisted_code_are_counted_by_provider_and_channel() -> None:
    """Whatever the code, so that nobody can fill the list of what is counted; a listed one is not among them."""
    labels = {"provider": "prelude", "channel": "sms"}

    def counted() -> float:
        return REGISTRY.get_sample_value("undelivered_unlisted_codes_total", labels) or 0.0

    before = counted()
    new = {**FAILED, "payload": {**FAILED["payload"], "reason": "new"}}
    bench().process(raw(FAILED), raw(new, offset=1), raw({**new, "id": "evt_3"}, offset=2))
    assert counted() == before + 2


def test_a_prelude_record_in_a_foreign_partition_is_sent_on_to_its_own_once() -> None:
    """Its key there is the message id; a record that was sent on before is taken as it is."""
    partitions = next(count for count in range(2, 50) if partition_of(MESSAGE.encode(), count) != 0)
    lost = bench(partitions=partitions)
    lost.process(Consumed("raw.prelude", 0, 5, None, orjson.dumps(CREATED), HEADERS))
    assert lost.take() == [("raw.prelude", MESSAGE.encode(), orjson.dumps(CREATED))]
    again = [*HEADERS, ("rekeyed", b"0/5")]
    assert lost.headers[0] == dict(again)
    lost.process(Consumed("raw.prelude", 0, 6, MESSAGE.encode(), orjson.dumps(CREATED), again))
    assert [topic for topic, _, _ in lost.take()] == ["delivery.confirmed"]


def test_records_say_where_they_come_from() -> None:
    """CloudEvents attributes, the schema's fingerprint, and the pointer to the raw record."""
    happy = bench()
    happy.process(raw(CREATED, offset=9))
    [(_, _, value)] = happy.take()
    found = happy.headers[0]
    assert found["ce_id"] == value["event_id"].encode()
    assert (found["ce_specversion"], found["ce_type"]) == (b"1.0", b"undelivered.delivery.confirmed.v1")
    assert len(found["avro-fingerprint"]) == 16
    assert (value["raw_topic"], value["raw_partition"], value["raw_offset"]) == ("raw.prelude", 0, 9)
