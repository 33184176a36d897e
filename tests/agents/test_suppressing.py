from dataclasses import replace
from typing import Any

import pytest

from app import avro
from app.domain.outages import Outage, Outages
from app.domain.policy import load_policy, parse_policy
from app.events import DeliveryFailed
from app.faust_batches.partitioning import partition_of
from app.faust_batches.rows.memory import MemoryRows
from app.stream.health import ProviderHealthReader, Route
from app.stream.suppressing import TABLE, Suppressing
from app.vocabulary import Attribution, Confidence, Permanence, Reason
from tests.agents.records import NOW, SECOND, Bench, Consumed

QUIET_S = 30
PERSON = "+33612345678"
DAY = 24 * 3600 * SECOND


class Health(ProviderHealthReader):
    """A reader that was told what to say."""

    def __init__(self, *degraded: Route) -> None:
        super().__init__({})
        self._outages = dict.fromkeys(degraded, Outages((Outage(0, None),)))


def bench(
    tables: dict[str, MemoryRows] | None = None, *degraded: Route, partitions: int = 1, quiet_s: float = 0
) -> Bench:
    tables = tables or {TABLE: MemoryRows()}
    return Bench(Suppressing(load_policy(None), Health(*degraded), partitions, quiet_s), tables)


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
        for field in avro.plain_schema("delivery.failed")["fields"]
        if field["name"] not in event
    }
    return {**defaults, **event, **more}  # type: ignore[typeddict-item]


def record(topic: str, event: Any, offset: int = 0) -> Consumed:  # noqa: ANN401 - any record
    key = f"acme/{event['recipient']}".encode()
    return Consumed(topic, 0, offset, key, avro.encode(topic, event))


REQUEST = {
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
    "received_at": None,
}
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


def webhook(number: int, raw: tuple[str, int], at: int, topic: str = "delivery.failed", **more: Any) -> Consumed:  # noqa: ANN401 - any field
    """Return what became of a webhook in a raw partition: unless told otherwise, nothing that suppresses."""
    event: Any = failure(number, Attribution.SENDER, Permanence.PERMANENT, Reason.UNKNOWN, at, kind="read")
    event |= {"raw_topic": raw[0], "raw_partition": raw[1], **more}
    names = [field["name"] for field in avro.plain_schema(topic)["fields"]]
    return record(topic, {name: event[name] for name in names})


STOP = {"attribution": Attribution.RECIPIENT, "reason": Reason.RECIPIENT_OPTED_OUT}


@pytest.mark.parametrize("behind", [("raw.prelude", 1), ("raw.treble", 0)])
def test_after_a_stop_no_suppression_ends_while_failures_lie_unread(behind: tuple[str, int]) -> None:
    """One that makes it last for ever came in before its end, and its raw partition is read last of all."""
    before = bench()
    before.process(record("delivery.failed", GONE))
    before.take()
    end, now = NOW + 30 * DAY, NOW + 40 * DAY
    after = bench(dict(before.tables), partitions=2, quiet_s=QUIET_S)
    after.tick(now)
    for hour in range(48):
        now += SECOND
        # another partition is read to the present at once, and so is this one as far as deliveries tell
        after.process(webhook(3 * hour + 10, ("raw.prelude", 0), now - SECOND), now=now)
        after.process(webhook(3 * hour + 11, behind, now, "delivery.confirmed"), now=now)
        after.process(webhook(3 * hour + 12, behind, end - (50 - hour) * 3600 * SECOND), now=now)
        after.tick(now)
    assert changes(after) == []
    after.process(webhook(9, behind, end - 3600 * SECOND, **STOP), now=now)
    after.keep_quiet(now, QUIET_S)
    assert changes(after) == [("sms", "suppressed", "recipient_opted_out", "opt_out")]


@pytest.mark.parametrize(
    ("prolonged", "told"),
    [(True, ("suppressed", "recipient_opted_out", "opt_out")), (False, ("allowed", "", "expiry"))],
)
def test_an_event_of_a_backlog_does_not_end_a_suppression_either(prolonged: bool, told: tuple[str, str, str]) -> None:  # noqa: FBT001 - a parameter
    """What prolongs it may lie behind; where nothing does, the end is told once all is read."""
    before = bench()
    before.process(record("delivery.failed", GONE))
    before.take()
    end, now = NOW + 30 * DAY, NOW + 40 * DAY
    after = bench(dict(before.tables), quiet_s=QUIET_S)
    gone = {"attribution": Attribution.RECIPIENT, "reason": Reason.INVALID_RECIPIENT}
    after.process(webhook(2, ("raw.prelude", 0), end - 7 * DAY, **gone), now=now)
    assert changes(after) == []
    if prolonged:
        after.process(webhook(3, ("raw.prelude", 0), end - 6 * DAY, **STOP), now=now)
    after.keep_quiet(now, QUIET_S)
    assert changes(after) == [("sms", *told)]


def test_an_idle_worker_ends_suppressions_after_the_quiet_time() -> None:
    """No record need come for it."""
    before = bench()
    before.process(record("delivery.failed", GONE))
    before.take()
    after = bench(dict(before.tables), quiet_s=QUIET_S)
    now = after.keep_quiet(NOW + 30 * DAY, QUIET_S - 1)
    assert changes(after) == []
    after.tick(now + SECOND)
    assert changes(after) == [("sms", "allowed", "", "expiry")]


def test_a_source_with_a_slow_clock_holds_back_nothing_that_is_read_to_its_end() -> None:
    """A raw partition by the header that tells of it, requests by their own partition."""
    slow = bench(quiet_s=QUIET_S)
    now = slow.keep_quiet(NOW, QUIET_S)
    lagging = webhook(1, ("raw.teekrr", 0), now - 3 * DAY)
    asked = replace(record("suppression.requested", {**REQUEST, "recipient": PERSON}), timestamp=NOW // 1000 - 9000)
    slow.process(lagging, now=now)
    assert slow.processor.moment(now) == now - 3 * DAY
    slow.process(replace(lagging, headers=[("read-up-to", b"%d" % now)]), now=now)
    assert slow.processor.moment(now) == now
    slow.process(asked, now=now)
    assert slow.processor.moment(now) == NOW - 9000_000
    slow.process(asked, now=now, reaches_end=True)
    assert slow.processor.moment(now) == now - 5 * SECOND


def test_a_correction_by_a_replay_holds_nothing_back() -> None:
    """It brings the receipt of its webhook, which was read long ago."""
    happy = bench(quiet_s=QUIET_S)
    now = happy.keep_quiet(NOW, QUIET_S)
    old = webhook(1, ("raw.teekrr", 0), now - 3 * DAY)
    happy.process(replace(old, headers=[("replayed", b"1.0")]), now=now)
    assert happy.processor.moment(now) == now


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


def confirmation(number: int, kind: str, at: int = NOW) -> dict[str, Any]:
    """Return good news about a message whose recipient nobody named."""
    failed = failure(number, Attribution.UNKNOWN, Permanence.UNDETERMINED, Reason.UNKNOWN, at, recipient="")
    names = [field["name"] for field in avro.plain_schema("delivery.confirmed")["fields"]]
    return {name: {**failed, "kind": kind}[name] for name in names}


def counts(found: Bench) -> list[tuple[str, int]]:
    return [(value["outcome"], value["count"]) for topic, _, value in found.take() if topic == "delivery.stats"]


def test_a_failure_without_recipient_counts_once_and_suppresses_nobody() -> None:
    """A copy counts no more, in the same batch, in a later one, and when the worker was restarted in between."""
    unaddressed = record("delivery.failed", {**GONE, "recipient": ""})
    before = bench()
    before.process(unaddressed, unaddressed)
    assert [(topic, value["count"]) for topic, _, value in before.take()] == [("delivery.stats", 1)]
    before.process(unaddressed)
    assert before.take() == []
    after = bench(dict(before.tables))
    after.process(unaddressed)
    assert after.take() == []
    assert list(after.tables[TABLE].items()) == [(f"~acme/{GONE['event_id']}".encode(), b'{"at":%d}' % NOW)]


def test_a_delivery_without_recipient_counts_once() -> None:
    """Each event of a message is one of its own; what was accepted is not remembered."""
    happy = bench()
    for event in (confirmation(1, "delivered"), confirmation(2, "read"), confirmation(1, "delivered")):
        happy.process(record("delivery.confirmed", event))
    assert counts(happy) == [("delivered", 1), ("read", 1)]
    happy.process(record("delivery.confirmed", confirmation(3, "accepted")))
    assert len(list(happy.tables[TABLE].items())) == 2


@pytest.mark.parametrize("restarted", [False, True])
def test_a_report_without_recipient_is_forgotten_after_fifteen_days(restarted: bool) -> None:  # noqa: FBT001 - a parameter
    """Also when the worker was restarted in between; a copy that comes later counts again."""
    before = bench()
    before.process(record("delivery.failed", {**GONE, "recipient": ""}))
    before.take()
    after = bench(dict(before.tables)) if restarted else before
    after.tick(NOW + 15 * DAY - SECOND)
    assert len(list(after.tables[TABLE].items())) == 1
    after.tick(NOW + 15 * DAY)
    assert list(after.tables[TABLE].items()) == []
    after.process(record("delivery.failed", {**GONE, "recipient": ""}), now=NOW + 15 * DAY)
    assert counts(after) == [("failed", 1)]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_person_of_whom_there_is_only_good_news_is_forgotten(restarted: bool) -> None:  # noqa: FBT001 - a parameter
    """After 45 whole days without a receipt, without a word to anybody; whoever failed once is not."""
    before = bench()
    before.process(record("delivery.confirmed", {**confirmation(1, "delivered"), "recipient": PERSON}))
    before.process(record("delivery.failed", {**GONE, "recipient": "+33612345679"}))
    after = bench(dict(before.tables)) if restarted else before
    after.take()
    over = (NOW // DAY + 46) * DAY
    after.tick(over - SECOND)
    assert len(list(after.tables[TABLE].items())) == 2
    after.take()
    after.tick(over)
    assert [key for key, _ in after.tables[TABLE].items()] == [b"acme/+33612345679"]
    assert after.take() == []


def test_a_request_without_an_address_changes_nothing() -> None:
    happy = bench()
    happy.process(record("suppression.requested", {**REQUEST, "recipient": " "}))
    assert (happy.take(), list(happy.tables[TABLE].items())) == ([], [])


def test_a_request_is_brought_to_the_partition_of_its_address() -> None:
    """A person may write an address in any way and a producer may hash its key differently."""
    key = f"acme/{PERSON}".encode()
    partitions = next(count for count in range(2, 50) if partition_of(key, count) != 0)
    away = bench(partitions=partitions)
    away.process(record("suppression.requested", REQUEST))
    assert away.take() == [("suppression.requested", key, {**REQUEST, "recipient": PERSON})]
    home = bench()
    home.process(record("suppression.requested", REQUEST))
    assert [change[:2] for change in changes(home)] == [("sms", "suppressed"), ("whatsapp", "suppressed")]


@pytest.mark.parametrize(
    ("received_at", "since"),
    [(NOW - DAY, NOW - DAY), (None, NOW)],
    ids=["by webhook: its receipt", "by a person: the record's timestamp"],
)
def test_a_request_with_a_broken_clock_is_dated_by_its_receipt(received_at: int | None, since: int) -> None:
    """A replay writes a webhook's request anew, later: its row is the same, byte for byte."""
    request = {**REQUEST, "recipient": PERSON, "occurred_at": NOW + 900 * DAY, "received_at": received_at}
    first, replayed = bench(), bench()
    first.process(record("suppression.requested", request))
    later = NOW if received_at is None else NOW + 3 * DAY
    again = replace(record("suppression.requested", request), timestamp=later // 1000)
    replayed.process(again, now=later)
    assert [value["since"] for _, _, value in first.take()] == [since, since]
    assert [value["since"] for _, _, value in replayed.take()] == [since, since]
    assert list(first.tables[TABLE].items()) == list(replayed.tables[TABLE].items())


def test_a_dry_run_is_told_on_a_topic_of_its_own() -> None:
    """Failures there, opt-outs where everybody reads; ids and topics agree in the headers, too."""
    policy = parse_policy('[dry_run]\ntenants = ["acme"]', "p.toml")
    tables: dict[str, MemoryRows] = {TABLE: MemoryRows()}
    trial = Bench(Suppressing(policy, Health(), 1, 0), tables)
    stop = failure(2, Attribution.RECIPIENT, Permanence.PERMANENT, Reason.RECIPIENT_OPTED_OUT)
    trial.process(record("delivery.failed", GONE), record("delivery.failed", stop, 1))
    sent = trial.take()
    assert [(topic, value.get("cause")) for topic, _, value in sent] == [
        ("suppression.trial", "failure"),
        ("suppression.changed", "opt_out"),
        ("delivery.stats", None),
        ("delivery.stats", None),
    ]
    assert len({value["event_id"] for _, _, value in sent[:2]}) == 2
    assert [headers["ce_type"] for headers in trial.headers[:2]] == [
        b"undelivered.suppression.trial.v1",
        b"undelivered.suppression.changed.v1",
    ]
    trial.tick(NOW + 30 * DAY)
    assert [(topic, value["state"]) for topic, _, value in trial.take()] == [("suppression.trial", "allowed")]


@pytest.mark.parametrize("recipient", [PERSON, ""])
def test_a_correction_by_a_replay_is_passed_over(recipient: str) -> None:
    """It is for consumers: neither row nor counts nor suppression follow from it, also if it is the first of its id."""
    happy = bench()
    correction = record("delivery.failed", {**GONE, "recipient": recipient})
    happy.process(replace(correction, headers=[("ce_id", b"1"), ("replayed", b"1.0")]))
    assert (happy.take(), list(happy.tables[TABLE].items())) == ([], [])


def test_a_request_by_a_replay_takes_effect() -> None:
    """The state that follows from a new judgement comes in this way."""
    happy = bench()
    happy.process(
        replace(record("suppression.requested", {**REQUEST, "recipient": PERSON}), headers=[("replayed", b"1")])
    )
    assert [change[:2] for change in changes(happy)] == [("sms", "suppressed"), ("whatsapp", "suppressed")]


def test_bytes_that_are_no_record_become_a_dead_letter() -> None:
    """The others of the batch are applied all the same."""
    happy = bench()
    happy.process(Consumed("delivery.failed", 0, 0, b"k", b"\x02"), record("delivery.failed", GONE, 1))
    assert [topic for topic, _, _ in happy.take()] == ["dead.letter", "suppression.changed", "delivery.stats"]
