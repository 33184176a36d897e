"""A rebalance may begin at any await of a round: nothing of that round runs after it, and the next round does all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from faust.types import TP

from app.faust_batches.recovery import BatchRecovery

ROUND = ["taken over", "sought", "tasks at work", "records flow", "fetching", "ready"]
"""What a round does, in its order. Between the second and the third it announces that the rebalance is complete."""
AWAITED = ["taken over", "sought", "announced", "fetching"]
"""Where it waits, so that a rebalance can begin."""

BEGINS, ENDS = "begins", "ends"
"""What happens there of a rebalance."""


class Worker:
    """The application as a round sees it; a rebalance begins, once, at a chosen place."""

    def __init__(self, interrupted_at: str, by: tuple[str, ...]) -> None:
        self.done: list[str] = []
        """What has taken effect since the last rebalance began."""
        self._interrupted_at = interrupted_at
        self._by = by
        self.tables = SimpleNamespace(
            changelog_topics=set(), on_actives_ready=lambda: None, on_standbys_ready=lambda: None
        )
        self.consumer = SimpleNamespace(
            assignment=lambda: {TP("input", 0)},
            perform_seek=lambda: self._reach("sought"),
            resume_partitions=lambda _: None,
            resume_flow=lambda: self.done.append("records flow"),
        )
        self.partition_tasks = SimpleNamespace(
            take_over=self._take_over, start=lambda: self.done.append("tasks at work"), summary=str
        )
        self.on_rebalance_complete = SimpleNamespace(send=lambda: self._maybe_interrupted("announced"))
        self.flow_control = SimpleNamespace(resume=lambda: None)
        self._fetcher = SimpleNamespace(maybe_start=lambda: self._reach("fetching"))
        self.recovery = BatchRecovery(self)

    def on_rebalance_end(self) -> None:
        """Take note of the round's end."""
        self.done.append("ready")

    async def _take_over(self, assignment: set[TP]) -> bool:
        assert assignment == self.consumer.assignment()
        await self._reach("taken over")
        return True

    async def _reach(self, place: str) -> None:
        self.done.append(place)
        await self._maybe_interrupted(place)

    async def _maybe_interrupted(self, place: str) -> None:
        if place == self._interrupted_at:
            self._interrupted_at = ""
            self.done.clear()
            if BEGINS in self._by:
                self.begin_rebalance()
            if ENDS in self._by:
                await self.end_rebalance()

    def begin_rebalance(self) -> None:
        """Revoke the partition: by then the application has stopped the flow and let the tasks end."""
        self.recovery.interrupt()
        self.recovery.on_partitions_revoked({TP("input", 0)})
        self.done.clear()

    async def end_rebalance(self) -> None:
        """Assign the same partition again."""
        await self.recovery.on_rebalance({TP("input", 0)}, set(), set())


async def settle() -> None:
    """Let every round come to its end: none of them waits for the clock."""
    for _ in range(100):
        await asyncio.sleep(0)


@asynccontextmanager
async def started(interrupted_at: str = "", *by: str) -> AsyncIterator[Worker]:
    """Run a worker's recovery."""
    worker = Worker(interrupted_at, by)
    await worker.recovery.start()
    try:
        yield worker
    finally:
        await worker.recovery.stop()


async def test_each_assignment_has_one_round() -> None:
    async with started() as worker:
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.recovery.completed.is_set()) == (ROUND, True)


@pytest.mark.parametrize("place", AWAITED)
async def test_a_round_does_nothing_more_when_a_rebalance_has_begun(place: str) -> None:
    """The assignment that ends the rebalance has a round of its own."""
    async with started(place, BEGINS) as worker:
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.recovery.completed.is_set()) == ([], False)
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.recovery.completed.is_set()) == (ROUND, True)


@pytest.mark.parametrize("by", [(BEGINS, ENDS), (ENDS,)], ids=["announced", "unannounced"])
@pytest.mark.parametrize("place", AWAITED)
async def test_a_rebalance_that_is_over_before_the_round_goes_on_is_one_all_the_same(
    place: str, by: tuple[str, ...]
) -> None:
    """The tasks of the older assignment are gone by then: only the new round may start any."""
    async with started(place, *by) as worker:
        await worker.end_rebalance()
        await settle()
        assert (worker.done, worker.recovery.completed.is_set()) == (ROUND, True)


async def test_an_assignment_that_is_outdated_already_has_no_round() -> None:
    """The next rebalance began before its round could."""
    async with started() as worker:
        await worker.end_rebalance()
        worker.begin_rebalance()
        await settle()
        assert worker.done == []
        await worker.end_rebalance()
        await settle()
        assert worker.done == ROUND
