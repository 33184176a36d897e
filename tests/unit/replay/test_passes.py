"""What the passes make of records, in the order in which a replay hands them over."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiokafka import TopicPartition

from app import avro
from app.classify import MAPPING_VERSION
from app.classify.overlay import NO_OVERLAY
from app.classify.overlay_file import OVERLAY_COLUMNS, parse_overlay
from app.demo.payloads import TeekrrMessage, prelude_created, prelude_status
from app.domain.outages import Outages
from app.domain.rows import decode_row, encode_row
from app.faust_batches import Record
from app.faust_batches.partitioning import partition_of
from app.identity import recipient_key
from app.normalize import normalize
from app.raw_records import headers, record_key
from app.replay.difference import Change, Fate, Terms
from app.replay.judgements import judgement_of, mark
from app.replay.passes import Folding, Recording, Rejudging, Rows
from app.replay.reading import Span
from app.replay.rejudging import Rejudged
from app.replay.states import ALLOWED
from app.stream.envelope import REPLAYED
from app.stream.normalizing import raw_record
from app.topics import RAW_TOPICS, Topic
from app.vocabulary import Channel, Provider
from tests.agents.records import Consumed
from tests.unit.domain.samples import DAY, NOW, POLICY, T0, asked, gone

PARTITIONS = 3
NUMBER = "+60123000001"
KEY = recipient_key("acme", NUMBER)
HOME = partition_of(KEY.encode(), PARTITIONS)
OVERLAY = parse_overlay(
    "own", ",".join(OVERLAY_COLUMNS) + "\n*,code,elfo:42,,invalid_recipient,RECIPIENT,PERMANENT,the supplier says so\n"
)
VERSION = MAPPING_VERSION + OVERLAY.version


def webhook(code: str = "42", offset: int = 0, tenant: str = "acme", at: int = T0, number: str = NUMBER) -> Consumed:
    body = orjson.dumps(TeekrrMessage(f"m{offset}", "b", Channel.SMS, number).failed(at, code, "Delivery failed"))
    about = headers(tenant, at, "test", verified=True, account="")
    return Consumed("raw.teekrr", 0, offset, b"m", body, about, at // 1000)


def recorded(raw: Record, offset: int = 0, about: Sequence[tuple[str, bytes]] = (), **fields: Any) -> Consumed:  # noqa: ANN401 - any field
    """Return the record of a webhook's failure, as the worker writes it without an overlay."""
    provider = next(each for each, topic in RAW_TOPICS.items() if topic == raw.topic)
    (event,) = [
        output.value
        for output in normalize(raw_record(provider, raw), NO_OVERLAY).outputs
        if output.topic == Topic.DELIVERY_FAILED
    ]
    return written(Topic.DELIVERY_FAILED, {**event, **fields}, offset, about)


def written(topic: Topic, event: Mapping[str, Any], offset: int, about: Sequence[tuple[str, bytes]] = ()) -> Consumed:
    key = recipient_key(event["tenant"], event["recipient"]).encode()
    return Consumed(topic, HOME, offset, key, avro.encode(topic, event), about, NOW // 1000)


def recording(records: Sequence[Record], *, start: int = 0, tenant: str = "") -> Recording:
    found = Recording({TopicPartition("delivery.failed", n): Span(start, 99) for n in range(PARTITIONS)}, tenant)
    for record in records:
        found.take(record)
    return found


def rejudged(known: Recording, *webhooks: Record, tenant: str = "") -> Rejudged:
    found = Rejudging(known, OVERLAY, tenant, PARTITIONS)
    for each in webhooks:
        found.take(each)
    return found.rejudged


def folding(known: Recording, found: Rejudged, *events: Record, row: bytes | None = None, applied: int = 99) -> Folding:
    terms = Terms(POLICY, lambda _: Outages(), NOW, VERSION, "replay")
    offsets = {TopicPartition(topic, HOME): applied for topic in ("delivery.failed", "suppression.requested")}
    rows = {KEY: row} if row else {}
    result = Folding(known.recorded, found, rows, offsets, terms, PARTITIONS)
    for each in events:
        result.take(each)
    result.take_new()
    return result


def changes(found: Folding) -> list[Change]:
    return [change for case in found.cases.values() for change in case.changes()]


def test_an_overlay_changes_what_it_names() -> None:
    """One failure of a code that it names and one of another code: the correction is whole, with the version."""
    raw, other = webhook(), webhook("7", offset=1)
    records = [recorded(raw), recorded(other, offset=1)]
    known = recording(records)
    found = rejudged(known, raw, other)
    assert (found.webhooks, found.failures, len(found.changed), found.keys) == (2, 2, 1, {mark(KEY)})
    folded = folding(known, found, *records)
    (correction,) = folded.corrections[KEY].values()
    before = avro.decode(Topic.DELIVERY_FAILED, records[0].value)
    assert avro.decode(Topic.DELIVERY_FAILED, correction.value) == {
        **before,
        "reason": "invalid_recipient",
        "attribution": "RECIPIENT",
        "permanence": "PERMANENT",
        "confidence": "CODE",
        "mapping_version": VERSION,
    }
    assert correction.event_id == before["event_id"]
    assert [change.decided_by for change in changes(folded)] == [(before["event_id"],)]


def test_a_second_replay_finds_nothing() -> None:
    """The correction is the last record of its failure."""
    raw = webhook()
    judged: dict[str, Any] = {**judgement_of(gone("", T0))._asdict(), "code": "elfo:42"}
    correction = recorded(raw, 1, [(REPLAYED, b"1")], **judged)
    assert rejudged(recording([recorded(raw), correction]), raw).changed == {}


def test_a_webhook_that_is_gone_keeps_its_judgement() -> None:
    known = recording([recorded(webhook()), recorded(webhook(offset=1), offset=1)])
    assert len(rejudged(known, webhook()).changed) == 1
    assert known.recorded.left == 1


def test_another_tenants_records_are_left_alone() -> None:
    ours, theirs = webhook(), webhook(offset=1, tenant="globex")
    known = recording([recorded(ours), recorded(theirs, offset=1)], tenant="globex")
    found = rejudged(known, ours, theirs, tenant="globex")
    assert (found.webhooks, found.failures, found.keys) == (1, 1, {mark(recipient_key("globex", NUMBER))})


def test_a_webhook_with_broken_headers_is_passed_over() -> None:
    raw = Consumed("raw.teekrr", 0, 0, None, webhook().value)
    assert rejudged(recording([]), raw).webhooks == 0


def test_a_failure_without_record_is_new_unless_its_record_may_be_too_old() -> None:
    """The topic of failures begins behind its first offset, with a record that is younger than the webhook."""
    raw = webhook(at=NOW - DAY)
    whole, cut = recording([]), recording([recorded(webhook(offset=9))], start=5)
    assert [len(events) for events in rejudged(whole, raw).new.values()] == [1]
    found = rejudged(cut, raw)
    assert (found.new, found.older) == ({}, 1)


def test_a_new_failure_is_written_and_suppresses() -> None:
    known = recording([])
    found = folding(known, rejudged(known, webhook()))
    (correction,) = found.corrections[KEY].values()
    assert avro.decode(Topic.DELIVERY_FAILED, correction.value)["mapping_version"] == VERSION
    assert [change.after.reason for change in changes(found)] == ["invalid_recipient"]


def test_a_prelude_failure_takes_its_recipient_from_the_record() -> None:
    """The event itself names none; one without a record waits. What was sent on to another partition is passed over."""
    failed = orjson.dumps(prelude_status("f", "tx", T0, "failed", status="failed", reason="generic"))
    created = orjson.dumps(prelude_created("c", "tx", T0, NUMBER))
    home = partition_of(record_key(Provider.PRELUDE, failed) or b"", PARTITIONS)
    about = headers("acme", T0, "test", verified=True, account="")
    raw = [Consumed("raw.prelude", home, n, b"tx", body, about, T0 // 1000) for n, body in enumerate((failed, created))]
    astray = Consumed("raw.prelude", (home + 1) % PARTITIONS, 0, None, failed, about, T0 // 1000)
    record = recorded(raw[0], recipient=NUMBER, code="prelude:reason:old")
    known = recording([record])
    found = rejudged(known, *raw, astray)
    assert (found.webhooks, found.failures, found.waiting, found.keys) == (2, 1, 0, {mark(KEY)})
    (correction,) = folding(known, found, record).corrections[KEY].values()
    assert avro.decode(Topic.DELIVERY_FAILED, correction.value)["recipient"] == NUMBER
    assert rejudged(recording([]), *raw).waiting == 1


def test_a_failure_without_recipient_is_corrected_and_concerns_nobody() -> None:
    raw = webhook(number="")
    record = recorded(raw)
    known = recording([record])
    found = folding(known, rejudged(known, raw), record)
    assert (found.cases, [len(each) for each in found.corrections.values()]) == ({}, [1])


def test_requests_count_for_the_address_that_they_mean() -> None:
    """As a person writes it, under whatever key; in a foreign partition it was sent on and lies in its own as well."""
    raw = webhook()
    record = recorded(raw)
    known = recording([record])
    lift = asked("r", T0 + DAY, "lift", channel="sms", recipient="0060 12 300 0001")
    value = avro.encode(Topic.SUPPRESSION_REQUESTED, lift)
    home = Consumed(Topic.SUPPRESSION_REQUESTED, HOME, 0, b"?", value, (), NOW // 1000)
    foreign = Consumed(Topic.SUPPRESSION_REQUESTED, (HOME + 1) % PARTITIONS, 0, b"?", value, (), NOW // 1000)
    assert changes(folding(known, rejudged(known, raw), record, home)) == []
    known = recording([record])
    assert len(changes(folding(known, rejudged(known, raw), record, foreign))) == 1


def test_the_row_knows_nothing_of_a_correction() -> None:
    """Its original is deleted for its age."""
    raw = webhook()
    judged: dict[str, Any] = judgement_of(gone("", T0, "recipient_disabled"))._asdict()
    correction = recorded(raw, 1, [(REPLAYED, b"1")], **judged)
    known = recording([correction])
    (change,) = changes(folding(known, rejudged(known, raw), correction))
    assert (change.before, change.after.reason, change.fate) == (ALLOWED, "invalid_recipient", Fate.CHANGES)


def test_the_request_of_an_earlier_replay_is_no_part_of_what_would_be() -> None:
    raw = webhook()
    record = recorded(raw)
    lift = asked("r", T0 + DAY, "lift", channel="sms", recipient=NUMBER)
    request = written(Topic.SUPPRESSION_REQUESTED, lift, 1, [(REPLAYED, b"1")])
    known = recording([record])
    (change,) = changes(folding(known, rejudged(known, raw), record, request))
    assert (change.after.reason, change.fate) == ("invalid_recipient", Fate.CHANGES)


def test_what_the_worker_has_not_applied_is_pending() -> None:
    """The row knows nothing yet of a request behind the worker's offset."""
    raw = webhook()
    record = recorded(raw)
    suppress = asked("r", T0 - DAY, "suppress", channel="sms", recipient=NUMBER, until=NOW + DAY)
    request = written(Topic.SUPPRESSION_REQUESTED, suppress, 7)
    for applied, before in ((7, "suppressed"), (8, "allowed")):
        known = recording([record])
        empty = encode_row(decode_row(None))
        found = folding(known, rejudged(known, raw), record, request, row=empty, applied=applied)
        assert [change.before.state for change in changes(found)] == [before]


def test_only_the_rows_of_those_concerned_are_kept() -> None:
    """Of a row that was written twice the last one, of one that was deleted none."""
    rows = Rows({mark("a"), mark("b")})
    for key, value in ((b"a", b"1"), (b"b", b"1"), (b"c", b"1"), (b"a", b"2"), (b"b", None)):
        rows.take(Consumed("changelog", 0, 0, key, value))
    assert rows.found == {"a": b"2"}


def test_foreign_records_are_passed_over() -> None:
    raw = webhook()
    record = recorded(raw)
    known = recording([Consumed("delivery.failed", 0, 0, b"k", b"\x02"), record])
    found = rejudged(known, raw)
    broken = [Consumed(topic, HOME, 9, KEY.encode(), b"\x02") for topic in ("delivery.failed", "delivery.confirmed")]
    foreign = Consumed("suppression.requested", HOME, 9, KEY.encode(), None)
    assert len(changes(folding(known, found, record, *broken, foreign))) == 1
