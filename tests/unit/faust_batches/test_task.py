"""One record or one row that raises is put aside, and its neighbours take effect once."""

from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition

from app.errors import StoreError
from app.faust_batches import Batch, Transaction
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.transaction import Row
from app.faust_batches.wire.offsets import Gap
from tests.unit.faust_batches.small_work import TABLE, Counting, Taken, batch, new_task, values

HOUR = 3_600_000_000
"""Microseconds."""


def test_a_record_that_raises_is_put_aside_and_its_neighbours_count_once() -> None:
    """Also those of its batch that had been counted before it raised."""
    task = new_task()
    transaction = task.begin()
    task.process(batch(Taken(4), Taken(5, b"poison"), Taken(6, b"-")), transaction)
    assert transaction.get(TABLE, b"k") == b"2"
    assert values(transaction.outputs) == {"output": [b"+", b"-"], "dead": [b"count KeyError"]}
    assert task.positions == {TopicPartition("input", 0): 7}


def test_only_the_last_record_of_a_batch_reaches_the_end_of_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where each is processed alone, since one of them raises."""
    seen: list[tuple[int, bool]] = []

    def process(_: Counting, batches: Sequence[Batch], transaction: Transaction) -> None:
        seen.extend((len(each.records), each.reaches_end) for each in batches)
        original(_, batches, transaction)

    original = Counting.process
    monkeypatch.setattr(Counting, "process", process)
    task = new_task()
    task.process(batch(Taken(4), Taken(5, b"poison"), Taken(6))._replace(reaches_end=True), task.begin())
    assert seen == [(3, True), (1, False), (1, False), (1, True)]


def test_an_output_that_is_too_large_is_a_record_that_raises() -> None:
    task = new_task()
    transaction = task.begin()
    task.process(batch(Taken(4, b"large"), Taken(5)), transaction)
    assert values(transaction.outputs) == {"dead": [b"count OversizeError"], "output": [b"+"]}


def test_a_failing_store_is_no_record_that_raises() -> None:
    """It stops the round, whatever record was being processed."""
    task = new_task()
    transaction = task.begin()
    with pytest.raises(StoreError):
        task.process(batch(Taken(4), Taken(5, b"disk")), transaction)
    assert transaction.empty
    assert task.positions == {}


def test_a_row_that_raises_is_put_aside_once_and_stays() -> None:
    """It is tried again a day later; the others that were due are done."""
    rows = MemoryRows()
    rows.apply({b"good": Row(b"2", 1), b"poison": Row(b"?", 1)}, 1)
    task = new_task(rows)
    transaction = task.begin()
    task.tick(transaction)
    assert values(transaction.outputs) == {"dead": [b"?ValueError"]}
    assert transaction.rows[TABLE][b"good"] == Row(b"4", None)
    poison = transaction.rows[TABLE][b"poison"]
    assert poison is not None
    assert poison.value == b"?"
    assert transaction.due(TABLE, transaction.now + 23 * HOUR, 9) == []
    assert transaction.due(TABLE, transaction.now + 25 * HOUR, 9) == [b"poison"]
    task.tick(transaction)
    assert len(transaction.outputs[("dead", None)]) == 1


def test_what_is_being_committed_is_seen_by_what_comes_next() -> None:
    """And still is when it has arrived in the store."""
    rows = MemoryRows()
    task = new_task(rows)
    first = task.begin()
    task.process(batch(Taken(0)), first)
    task.freeze(first)
    second = task.begin()
    task.process(batch(Taken(1)), second)
    assert (second.get(TABLE, b"k"), rows.get(b"k")) == (b"2", None)
    task.apply(TABLE, 10)
    assert (second.get(TABLE, b"k"), rows.get(b"k"), rows.position) == (b"2", b"1", 10)
    task.process(batch(Taken(2)), second)
    assert second.get(TABLE, b"k") == b"3"


def test_rows_whose_place_in_the_changelog_is_not_known_keep_the_one_before() -> None:
    """A broker that has a record batch already does not say where."""
    rows = MemoryRows()
    task = new_task(rows)
    rows.apply({}, 7)
    transaction = task.begin()
    task.process(batch(Taken(0)), transaction)
    task.freeze(transaction)
    task.apply(TABLE, None)
    assert (rows.get(b"k"), rows.position) == (b"1", 7)


def test_a_gap_is_told() -> None:
    task = new_task()
    transaction = task.begin()
    task.tell_gap(Gap(TopicPartition("input", 0), 5, 9), transaction)
    assert values(transaction.outputs) == {"alert": [b"input/0 5 9"]}
