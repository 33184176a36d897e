"""The loop: what has arrived is reduced together and committed, one round after the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition

from app.errors import FencedError
from app.faust_batches.round import Round
from app.faust_batches.rounds import Pace, Rounds
from app.faust_batches.task import Task
from app.faust_batches.wire.producer import Written
from tests.unit.faust_batches.small_work import TABLE, Taken, batch, new_task

INPUT = TopicPartition("input", 0)


class Producer:
    """Commits when it is let."""

    def __init__(self) -> None:
        self.commits: list[Written] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.error: Exception | None = None
        self.under_way = 0

    async def commit(self, written: Written) -> dict[TopicPartition, int | None]:
        """Take a round."""
        self.commits.append(written)
        self.under_way += 1
        await self.may_end.wait()
        self.under_way -= 1
        if self.error is not None:
            raise self.error
        return dict.fromkeys(written.batches, 10 * len(self.commits))


class Brokers:
    """Knows how many partitions a topic has."""

    async def partition_count(self, topic: str) -> int:
        """Return it."""
        del topic
        return 1


def new_rounds(task: Task, producer: Producer, round_max_records: int = 100, most_waiting: int = 100) -> Rounds:
    opening = Round()
    pace = Pace(0.0, round_max_records, most_waiting)
    fake: Any = producer
    brokers: Any = Brokers()
    return Rounds([task], fake, brokers, {TABLE: "changelog"}, pace, opening)


@asynccontextmanager
async def running(rounds: Rounds) -> AsyncIterator[asyncio.Task[None]]:
    work = asyncio.create_task(rounds.run())
    try:
        yield work
    finally:
        work.cancel()
        await asyncio.wait([work])


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("many", "reduced_up_to"),
    [pytest.param(400, 1, id="few wait for its end"), pytest.param(2, 3, id="many are reduced meanwhile")],
)
async def test_what_arrives_during_a_commit_is_committed_after_it(
    monkeypatch: pytest.MonkeyPatch, many: int, reduced_up_to: int
) -> None:
    """Never two commits at once; the later one sees the rows of the earlier, also while these are being committed."""
    monkeypatch.setattr("app.faust_batches.rounds.MANY", many)
    task, producer = new_task(), Producer()
    rounds = new_rounds(task, producer)
    producer.may_end.clear()
    async with running(rounds):
        rounds.arrivals.add(task, batch(Taken(0)))
        await settle()
        rounds.arrivals.add(task, batch(Taken(1), Taken(2)))
        await settle()
        assert (len(producer.commits), producer.under_way, task.positions[INPUT]) == (1, 1, reduced_up_to)
        producer.may_end.set()
        await settle()
        assert [dict(each.offsets) for each in producer.commits] == [{INPUT: 1}, {INPUT: 3}]
        assert task.rows[TABLE].get(b"k") == b"3"
        assert rounds.commits == 2


async def test_a_full_round_waits_for_the_commit_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """So memory is bounded while brokers are slow."""
    monkeypatch.setattr("app.faust_batches.rounds.MANY", 2)
    task, producer = new_task(), Producer()
    rounds = new_rounds(task, producer, round_max_records=50)
    producer.may_end.clear()
    async with running(rounds):
        rounds.arrivals.add(task, batch(Taken(0)))
        await settle()
        for number in range(20):
            rounds.arrivals.add(task, batch(*(Taken(1 + 10 * number + each) for each in range(10))))
        await settle()
        assert task.positions[INPUT] == 1 + 50
        producer.may_end.set()
        await settle()
        await settle()
        assert task.positions[INPUT] == 201


async def test_a_round_does_not_wait_for_the_end_of_what_keeps_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a worker under load would commit ever larger rounds, ever later."""
    monkeypatch.setattr("app.faust_batches.rounds._LAST_S", 0.0)
    monkeypatch.setattr("app.faust_batches.rounds._FIRST_SLICE", 10)
    monkeypatch.setattr("app.faust_batches.rounds._LARGEST_SLICE", 10)
    task, producer = new_task(), Producer()
    rounds = new_rounds(task, producer)
    producer.may_end.clear()
    async with running(rounds):
        rounds.arrivals.add(task, batch(*map(Taken, range(40))))
        await settle()
        assert [dict(each.offsets) for each in producer.commits] == [{INPUT: 10}]
        producer.may_end.set()
        await settle()
        assert dict(producer.commits[-1].offsets) == {INPUT: 40}
        assert len(producer.commits) == 4


async def test_finishing_ends_the_commit_and_leaves_the_rest_to_be_read_again() -> None:
    task, producer = new_task(), Producer()
    rounds = new_rounds(task, producer)
    producer.may_end.clear()
    async with running(rounds) as work:
        rounds.arrivals.add(task, batch(Taken(0)))
        await settle()
        rounds.arrivals.add(task, batch(Taken(1)))
        rounds.finish()
        await settle()
        assert not work.done()
        producer.may_end.set()
        await settle()
        assert work.done()
        assert [dict(each.offsets) for each in producer.commits] == [{INPUT: 1}]
        assert task.rows[TABLE].get(b"k") == b"1"


async def test_a_commit_that_fails_takes_the_next_round_with_it() -> None:
    """Nothing of either arrives in the store, and nothing more is committed."""
    task, producer = new_task(), Producer()
    rounds = new_rounds(task, producer)
    producer.error = FencedError("gone", lost_generation=True)
    producer.may_end.clear()
    async with running(rounds) as work:
        rounds.arrivals.add(task, batch(Taken(0)))
        await settle()
        rounds.arrivals.add(task, batch(Taken(1)))
        producer.may_end.set()
        await settle()
        with pytest.raises(FencedError):
            work.result()
    assert len(producer.commits) == 1
    assert task.rows[TABLE].get(b"k") is None


async def test_a_cancelled_loop_leaves_no_commit_under_way() -> None:
    task, producer = new_task(), Producer()
    rounds = new_rounds(task, producer)
    producer.may_end.clear()
    async with running(rounds):
        rounds.arrivals.add(task, batch(Taken(0)))
        await settle()
        assert producer.under_way == 1
    assert rounds._committing is not None
    assert rounds._committing.cancelled()


async def test_an_idle_worker_commits_nothing() -> None:
    task, producer = new_task(), Producer()
    async with running(new_rounds(task, producer)):
        await settle()
    assert producer.commits == []


async def test_what_nobody_waits_for_goes_with_the_next_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or into one of its own when its patience is over."""
    monkeypatch.setattr("app.faust_batches.rounds.PATIENCE_S", 0.1)
    patient, producer = new_task(partition=1, patient=True), Producer()
    urgent = new_task()
    rounds = new_rounds(urgent, producer)
    async with running(rounds):
        rounds.arrivals.add(urgent, batch(Taken(0)))
        await settle()
        rounds.arrivals.add(patient, batch(Taken(5, partition=1)))
        await settle()
        assert len(producer.commits) == 1
        rounds.arrivals.add(urgent, batch(Taken(1)))
        await settle()
        assert dict(producer.commits[1].offsets) == {TopicPartition("input", 1): 6, INPUT: 2}
        rounds.arrivals.add(patient, batch(Taken(6, partition=1)))
        await settle()
        assert len(producer.commits) == 2
        await asyncio.sleep(0.2)
        assert dict(producer.commits[2].offsets) == {TopicPartition("input", 1): 7}
