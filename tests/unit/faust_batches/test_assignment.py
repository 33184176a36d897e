"""A rebalance may begin at any await of a take-over: nothing of it runs after that, and the next one does all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from faust.types import TP

from app.errors import BrokersError, FencedError
from app.faust_batches import assignment
from app.faust_batches.assignment import BatchRecovery
from app.faust_batches.wire.protocol import Membership

TAKE_OVER = ["taken over", "tasks at work", "records flow", "fetching", "ready"]
"""What a take-over does, in its order. After the first it says that the rebalance is complete."""
AWAITED = ["taken over", "announced", "fetching"]
"""Where it waits, so that a rebalance can begin."""

BEGINS, ENDS = "begins", "ends"
"""What happens there of a rebalance."""

LOST_GENERATION = FencedError("gone", lost_generation=True)
LOST_PRODUCER = FencedError("timed out", lost_generation=False)


class Work:
    """Runs until it is told how to end."""

    commits = 1

    def __init__(self, fails_with: Exception | None) -> None:
        self._fails_with = fails_with

    async def run(self) -> None:
        """Fail, or work."""
        if self._fails_with is not None:
            raise self._fails_with
        await asyncio.Event().wait()


class Worker:
    """The application as a take-over sees it; a rebalance begins, once, at a chosen place."""

    should_stop = False

    def __init__(self, interrupted_at: str, by: tuple[str, ...], failures: list[Exception]) -> None:
        self.done: list[str] = []
        """What has taken effect since the last rebalance began."""
        self.crashed: list[BaseException] = []
        self._interrupted_at = interrupted_at
        self._by = by
        self._failures = failures
        self.generation = 0
        self.rejoined = 0
        self.committing = asyncio.Event()
        """Set: the round under way has been committed."""
        self.committing.set()
        self.tables = SimpleNamespace(
            changelog_topics=set(), on_actives_ready=lambda: None, on_standbys_ready=lambda: None
        )
        self.consumer = SimpleNamespace(
            assignment=lambda: {TP("input", 0)},
            membership=lambda: Membership("group", self.generation, "member"),
            rejoin=self._rejoin,
            stop_flow=self.done.clear,
            resume_flow=lambda: self.done.append("records flow"),
        )
        self.partition_tasks = SimpleNamespace(
            take_over=self._take_over, start=self._start, summary=str, drain=self._drain
        )
        self.on_rebalance_complete = SimpleNamespace(send=lambda: self._maybe_interrupted("announced"))
        self.flow_control = SimpleNamespace(resume=lambda: None)
        self._fetcher = SimpleNamespace(maybe_start=lambda: self._reach("fetching"))
        self.recovery = BatchRecovery(self)

    def on_rebalance_end(self) -> None:
        """Take note of the take-over's end."""
        self.done.append("ready")

    async def crash(self, reason: BaseException) -> None:
        """Take note of an end."""
        self.crashed.append(reason)

    async def _take_over(self, assigned: set[TopicPartition], member: Membership) -> None:
        assert assigned == {TopicPartition("input", 0)}
        assert member.generation == self.generation
        await self._reach("taken over")

    def _start(self) -> Work:
        self.done.append("tasks at work")
        return Work(self._failures.pop(0) if self._failures else None)

    async def _drain(self, running: asyncio.Task[None] | None, timeout_s: float | None) -> None:
        assert timeout_s is None
        await self.committing.wait()
        if running is not None:
            running.cancel()
            await asyncio.wait([running])

    async def _rejoin(self) -> None:
        self.rejoined += 1
        self.rebalance = asyncio.create_task(self._rebalance(BEGINS, ENDS))

    async def _reach(self, place: str) -> None:
        self.done.append(place)
        await self._maybe_interrupted(place)

    async def _maybe_interrupted(self, place: str) -> None:
        if place == self._interrupted_at:
            self._interrupted_at = ""
            self.rebalance = asyncio.create_task(self._rebalance(*self._by))
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _rebalance(self, *what: str) -> None:
        self.done.clear()
        if BEGINS in what:
            await self.begin_rebalance()
        if ENDS in what:
            await self.end_rebalance()

    async def begin_rebalance(self) -> None:
        """Revoke the partition."""
        await self.recovery.begin_rebalance()
        self.recovery.on_partitions_revoked({TP("input", 0)})
        self.done.clear()

    async def end_rebalance(self) -> None:
        """Assign the same partition again."""
        self.generation += 1
        await self.recovery.on_rebalance({TP("input", 0)}, set(), set(), self.generation)


async def settle() -> None:
    """Let everything come to its end: nothing waits for the clock."""
    for _ in range(200):
        await asyncio.sleep(0)


@asynccontextmanager
async def started(
    monkeypatch: pytest.MonkeyPatch, interrupted_at: str = "", *by: str, failures: list[Exception] | None = None
) -> AsyncIterator[Worker]:
    """Run a worker's recovery."""
    monkeypatch.setattr(assignment, "_PAUSE_S", 0.0)
    worker = Worker(interrupted_at, by, failures or [])
    await worker.recovery.start()
    try:
        yield worker
    finally:
        await worker.recovery.release()
        await worker.recovery.stop()


async def test_each_assignment_has_one_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async with started(monkeypatch) as worker:
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.recovery.completed.is_set()) == (TAKE_OVER, True)


@pytest.mark.parametrize("place", AWAITED)
async def test_a_take_over_does_nothing_more_when_a_rebalance_has_begun(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The assignment that ends the rebalance has a take-over of its own."""
    async with started(monkeypatch, place, BEGINS) as worker:
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.recovery.completed.is_set()) == ([], False)
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.recovery.completed.is_set()) == (TAKE_OVER, True)


@pytest.mark.parametrize("place", AWAITED)
async def test_a_rebalance_that_is_over_before_the_take_over_goes_on_is_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The tasks of the older assignment are gone by then: only the new take-over may start any."""
    async with started(monkeypatch, place, BEGINS, ENDS) as worker:
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.recovery.completed.is_set()) == (TAKE_OVER, True)


async def test_an_assignment_that_is_outdated_already_has_no_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next rebalance began before its take-over could."""
    async with started(monkeypatch) as worker:
        await worker.end_rebalance()
        await worker.begin_rebalance()
        await settle()
        assert worker.done == []
        await worker.end_rebalance()
        await settle()
        assert worker.done == TAKE_OVER


async def test_an_assignment_whose_generation_is_lost_already_has_no_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit with what the group was reset to would not be fenced."""
    async with started(monkeypatch) as worker:
        worker.generation = -1
        await worker.recovery.on_rebalance({TP("input", 0)}, set(), set(), 4)
        await settle()
        assert worker.done == []


async def test_a_worker_whose_producer_is_fenced_takes_over_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that timed out, or an id that expired: the group has not changed."""
    async with started(monkeypatch, failures=[LOST_PRODUCER]) as worker:
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.rejoined, worker.crashed) == (TAKE_OVER, 0, [])
        assert worker.recovery.completed.is_set()


async def test_a_worker_that_the_group_does_not_know_joins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on with what it is assigned then."""
    async with started(monkeypatch, failures=[LOST_GENERATION]) as worker:
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.rejoined, worker.crashed) == (TAKE_OVER, 1, [])


async def test_what_cannot_be_mended_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    error = BrokersError("refused")
    async with started(monkeypatch, failures=[error]) as worker:
        await worker.end_rebalance()
        await settle()
        assert worker.crashed == [error]


async def test_a_worker_that_is_fenced_again_and_again_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a commit between: going on would not mend it."""
    monkeypatch.setattr(Work, "commits", 0)
    failures: list[Exception] = [LOST_PRODUCER] * 50
    async with started(monkeypatch, failures=failures) as worker:
        await worker.end_rebalance()
        for _ in range(30):
            await settle()
        (error,) = worker.crashed
        assert "fenced 21 times without a commit" in str(error)


async def test_a_rebalance_waits_for_whoever_lets_go_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fenced worker lets go while a rebalance begins: the group goes on only when the round has ended."""
    async with started(monkeypatch) as worker:
        await worker.end_rebalance()
        await settle()
        worker.committing.clear()
        first = asyncio.create_task(worker.recovery.release())
        await settle()
        rebalance = asyncio.create_task(worker.begin_rebalance())
        await settle()
        assert (first.done(), rebalance.done()) == (False, False)
        worker.committing.set()
        await settle()
        assert (first.done(), rebalance.done()) == (True, True)
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.crashed) == (TAKE_OVER, [])
