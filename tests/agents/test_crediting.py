from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from app import avro
from app.domain.policy import load_policy
from app.faust_batches.partitioning import partition_of
from app.faust_batches.rows.memory import MemoryRows
from app.stream.crediting import TABLE, Crediting
from tests.agents.records import NOW, SECOND, Bench, Consumed

HOUR = 3600 * SECOND
DAY = 24 * HOUR
QUIET_S = 600


def bench(tables: dict[str, MemoryRows] | None = None, partitions: int = 1) -> Bench:
    tables = tables or {TABLE: MemoryRows()}
    return Bench(Crediting(load_policy(None), partitions, QUIET_S), tables)


def command(kind: str, amount: int, message: str = "", name: str = "", at: int = NOW) -> Consumed:
    event = {
        "event_id": name or f"{kind}/{message}",
        "tenant": "acme",
        "account": "acme/teekrr",
        "kind": kind,
        "amount_micros": amount,
        "currency": "MYR",
        "message_id": message,
        "occurred_at": at,
        "requested_by": "billing",
        "note": "",
    }
    return Consumed(
        "credit.requested", 0, 0, b"acme/teekrr", avro.encode("credit.requested", event), timestamp=at // 1000
    )


def entry(kind: str, message: str, amount: int | None = None, at: int = NOW, raw_partition: int = 0) -> Consumed:
    event = {
        "event_id": f"{kind}/{message}",
        "tenant": "acme",
        "account": "acme/teekrr",
        "kind": kind,
        "message_id": message,
        "amount_micros": amount,
        "currency": "",
        "occurred_at": at,
        "received_at": at,
        "provider": "teekrr",
        "provider_event": "",
        "raw_topic": "raw.teekrr",
        "raw_partition": raw_partition,
        "raw_offset": 0,
        "raw_sha256": "",
    }
    return Consumed("credit.entry", 0, 0, b"acme/teekrr", avro.encode("credit.entry", event))


def figures(found: Bench) -> list[tuple[str, int, int, int, int]]:
    """Cause, granted, available, reserved, spent of each change since the last call."""
    names = ("granted", "available", "reserved", "spent")
    return [
        (value["cause"], *(value[f"{name}_micros"] for name in names))
        for topic, _, value in found.take()
        if topic == "credit.changed"
    ]


def test_a_message_is_settled_released_or_kept() -> None:
    """What was granted is always what is available, reserved and spent."""
    account = bench()
    account.process(command("grant", 100), *(command("reserve", 10, name) for name in ("a", "b", "c")))
    assert figures(account)[-1] == ("reserved", 100, 70, 30, 0)
    account.process(entry("settle", "a", 8), entry("release", "b"), entry("keep", "c"))
    assert figures(account) == [
        ("settled", 100, 72, 20, 8),
        ("released", 100, 82, 10, 8),
        ("kept", 100, 82, 0, 18),
    ]


def test_a_repeated_report_moves_nothing_and_is_not_told_again() -> None:
    """The same id counts once, also after a restart."""
    first = bench()
    first.process(command("grant", 100), command("reserve", 10, "a"), entry("release", "a"))
    assert figures(first)[-1] == ("released", 100, 100, 0, 0)
    again = bench(dict(first.tables))
    again.process(entry("release", "a"), command("grant", 100))
    assert figures(again) == []


def test_an_open_reservation_is_reported_once_and_a_finished_message_leaves_the_table() -> None:
    """By the clock, in rows that nothing touches."""
    account = bench()
    account.process(command("grant", 100), command("reserve", 10, "open"), command("reserve", 10, "done"))
    account.process(entry("settle", "done"))
    figures(account)
    account.keep_quiet(NOW + 71 * HOUR, QUIET_S)
    assert figures(account) == []
    account.keep_quiet(NOW + 73 * HOUR, QUIET_S)
    assert figures(account) == [("reservation_stale", 100, 80, 10, 10)]
    later = account.keep_quiet(NOW + 31 * DAY, QUIET_S)
    assert sorted(key for key, _ in account.tables[TABLE].items()) == [b"acme/teekrr", b"acme/teekrr\x1fopen"]
    account.process(command("reserve", 10, "done"), entry("settle", "done", at=later), now=later)
    assert figures(account) == [
        ("refused_too_old", 100, 80, 10, 10),
        ("billed_without_reservation", 100, 80, 10, 10),
    ]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_replay_in_which_inputs_are_behind_one_another_judges_nothing_too_early(order: tuple[int, ...]) -> None:
    """After the first record of each: all commands of a hundred days, the reports of a raw partition, of the other."""
    days = range(0, 100, 10)
    inputs = [
        [command("grant", 1000), *(command("reserve", 10, f"{day}", at=NOW + day * DAY) for day in days)],
        [*failed_and_billed(days[0::2], raw_partition=0)],
        [*failed_and_billed(days[1::2], raw_partition=1)],
    ]
    now = NOW + 200 * DAY
    first, replay = bench(partitions=2), bench(partitions=2)
    for record in sorted([record for each in inputs for record in each], key=received):
        first.process(record, now=received(record))
        first.tick(received(record))
    first.keep_quiet(now, QUIET_S)
    assert figures(first)[-1] == ("billed_after_failed", 1000, 910, 0, 90)
    for record in [each[0] for each in inputs] + [record for number in order for record in inputs[number][1:]]:
        now += SECOND
        replay.process(record, now=now)
        replay.tick(now)
    replay.keep_quiet(now, QUIET_S)
    assert "reservation_stale" not in {change[0] for change in figures(replay)}
    assert dict(replay.tables[TABLE].items()) == dict(first.tables[TABLE].items())


def failed_and_billed(days: Iterable[int], raw_partition: int) -> list[Consumed]:
    """Return reports of a message for each of these days: first it failed, and twenty-nine days later it was billed."""
    failed = [entry("release", f"{day}", at=NOW + day * DAY + HOUR, raw_partition=raw_partition) for day in days]
    billed = [entry("settle", f"{day}", 9, at=NOW + (day + 29) * DAY, raw_partition=raw_partition) for day in days]
    return sorted([*failed, *billed], key=received)


def received(record: Consumed) -> int:
    if record.topic == "credit.requested":
        return record.timestamp * 1000
    at: int = avro.decode(record.topic, record.value)["received_at"]
    return at


def test_a_worker_that_starts_judges_nothing_before_it_has_listened() -> None:
    """Its inputs may be far behind: what is due by the clock waits until each was heard of, or silent for long."""
    before = bench()
    before.process(command("grant", 100), command("reserve", 10, "open"))
    after = bench(dict(before.tables))
    after.tick(NOW + 99 * DAY)
    after.process(command("grant", 1, name="other", at=NOW + 99 * DAY), now=NOW + 99 * DAY)
    after.tick(NOW + 99 * DAY)
    assert [change[0] for change in figures(after)] == ["granted"]
    after.process(entry("settle", "open", at=NOW + HOUR), now=NOW + 99 * DAY)
    after.keep_quiet(NOW + 99 * DAY, QUIET_S)
    assert figures(after) == [("settled", 101, 91, 0, 10)]


def test_sources_with_slow_clocks_hold_back_nothing_that_is_read_to_its_end() -> None:
    """Reports say by a header how far their raw partition was read, commands lie in a partition of their own."""
    slow = bench()
    now = slow.keep_quiet(NOW, QUIET_S)
    slow.process(entry("settle", "a", at=now - 3 * DAY), now=now)
    assert slow.processor.moment(now) == now - 3 * DAY
    slow.process(replace(entry("settle", "b", at=now - 3 * DAY), headers=[("read-up-to", b"%d" % now)]), now=now)
    assert slow.processor.moment(now) == now
    slow.process(command("grant", 1, at=now - 3 * DAY), now=now)
    assert slow.processor.moment(now) == now - 3 * DAY
    slow.process(command("grant", 2, name="other", at=now - 3 * DAY), now=now, reaches_end=True)
    assert slow.processor.moment(now) == now - 5 * SECOND


def test_a_record_of_an_account_in_a_foreign_partition_is_sent_on() -> None:
    """An account has one partition, whatever a producer's hash says."""
    partitions = next(count for count in range(2, 50) if partition_of(b"acme/teekrr", count) != 0)
    lost = bench(partitions=partitions)
    sent: Any = command("grant", 5)
    lost.process(sent)
    assert [(topic, key) for topic, key, _ in lost.take()] == [("credit.requested", b"acme/teekrr")]
    assert list(lost.tables[TABLE].items()) == []
