"""The loop of a worker: reduce what has arrived for all its tasks, and commit it while the next round is reduced."""

import asyncio
import math
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.faust_batches.arrivals import Arrivals
from app.faust_batches.faults import reached
from app.faust_batches.round import FrozenRound, Round
from app.faust_batches.task import Task
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.offsets import Gap
from app.faust_batches.wire.producer import RoundProducer

TICK_S = 1.0
"""How often tasks look at the clock."""
PATIENCE_S = 0.25
"""How long a round that nobody waits for is left open."""
MANY = 400
"""Records that wait are reduced together when they can be committed; so many, while a commit is still under way."""
_LAST_S = 0.02
"""How long a round that could be committed goes on taking in what waits."""
_SLICE_S = 0.008
"""How long records are reduced between two looks at the sockets, of this thread's own time."""
_FIRST_SLICE = 50
_SMALLEST_SLICE = 10
_LARGEST_SLICE = 2000


class Pace(NamedTuple):
    """How often, and how much at once."""

    commit_interval_s: float
    """A commit begins at most so often."""
    round_max_records: int
    """Input records in one transaction."""
    most_waiting: int
    """Input records that may wait; above it nothing is fetched. Large ones count several times, here as above."""


class Rounds:
    """Runs the tasks of one assignment, from its recovery until partitions move.

    Rows, outputs and offsets of a round are frozen before its commit begins; while it is being committed the next one
    is reduced upon its rows. A commit that fails takes both with it. Under load a round holds what arrived while the
    one before was committed; commits are short, since the sockets have their turn after each slice.

    What arrives is left waiting until it can be committed: a record that is reduced alone takes a processor, whose
    caches hold something else by then, three times as long as one among others.
    """

    def __init__(
        self,
        tasks: Iterable[Task],
        producer: RoundProducer,
        brokers: Brokers,
        changelogs: Mapping[str, str],
        pace: Pace,
        opening: Round,
    ) -> None:
        self._tasks = tuple(tasks)
        self._producer = producer
        self._brokers = brokers
        self._changelogs = changelogs
        """Table name to changelog topic."""
        self._pace = pace
        self._open = opening
        self._partitions: dict[str, int] = {}
        self.arrivals = Arrivals(pace.most_waiting)
        self._slice = _FIRST_SLICE
        self._committing: asyncio.Task[None] | None = None
        self._committed_at = 0.0
        """When the last commit began."""
        self._opened_at = math.inf
        """When the first records of the open round were reduced."""
        self._finishing = False
        self.commits = 0

    def tell_gap(self, task: Task, gap: Gap) -> None:
        """Tell of records that nobody will process, with the open round."""
        self._open.tell_gap(task, gap)
        self.arrivals.wake.set()

    def finish(self) -> None:
        """Let :meth:`run` end after the commit that is under way; what is not committed is read again."""
        self._finishing = True
        self.arrivals.close()

    async def run(self) -> None:
        """Work until :meth:`finish`.

        Raises FencedError where partitions have moved, and any error of the infrastructure.
        """
        next_tick = 0.0
        try:
            while not self._finishing:
                self.arrivals.wake.clear()
                self._look_at_commit()
                now = time.monotonic()
                if now >= next_tick:
                    self._tick()
                    next_tick = now + TICK_S
                if self._may_reduce():
                    self._reduce()
                if self._is_complete():
                    self._begin_commit()
                await self._pause(min(next_tick, self._commit_at(), self._due_at() if self.arrivals else math.inf))
            if self._committing is not None:
                await self._committing
        finally:
            await self._give_up_commit()

    def _due_at(self) -> float:
        """Return when the next commit may begin; never while another one is under way."""
        return math.inf if self._committing is not None else self._committed_at + self._pace.commit_interval_s

    def _commit_at(self) -> float:
        """Return when the open round is to be committed, if nothing more comes."""
        if not self._open:
            return math.inf
        hurry = self._open.urgent or self._is_full()
        return self._due_at() + (0 if hurry else max(0, PATIENCE_S - self._pace.commit_interval_s))

    def _is_complete(self) -> bool:
        """Tell whether the open round is to be committed now, with what waits left to the next one."""
        now = time.monotonic()
        if self._commit_at() > now:
            return False
        return not self.arrivals or self._is_full() or now - self._opened_at >= _LAST_S

    def _is_full(self) -> bool:
        return self._open.load >= self._pace.round_max_records

    def _look_at_commit(self) -> None:
        if self._committing is not None and self._committing.done():
            self._committing.result()
            self._committing = None

    async def _give_up_commit(self) -> None:
        """Leave no commit under way; whether it took effect is read from the brokers."""
        if self._committing is not None and not self._committing.done():
            self._committing.cancel()
            await asyncio.wait([self._committing])

    def _may_reduce(self) -> bool:
        if not self.arrivals or self._is_full():
            return False
        return self.arrivals.load >= MANY or self._due_at() <= time.monotonic()

    async def _pause(self, until: float) -> None:
        """Let the sockets have their turn; wait for something to do if there is nothing."""
        wait = until - time.monotonic()
        if self._may_reduce() or wait <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(wait):
                await self.arrivals.wake.wait()
        except TimeoutError:
            pass

    def _tick(self) -> None:
        for task in self._tasks:
            self._open.tick(task)

    def _reduce(self) -> None:
        """Reduce for about one slice; how many records that is, is learnt from the last one."""
        self._opened_at = min(self._opened_at, time.monotonic())
        started = time.thread_time()
        taken = 0
        most = min(self._slice, self._pace.round_max_records - self._open.load)
        while self.arrivals and taken < most:
            task, batch = self.arrivals.take(most - taken)
            self._open.process(task, batch)
            taken += batch.load
        spent = time.thread_time() - started
        if spent > _SLICE_S:
            self._slice = max(_SMALLEST_SLICE, int(self._slice * max(_SLICE_S / spent, 0.5)))
        elif taken == self._slice:
            self._slice = min(2 * self._slice, _LARGEST_SLICE)

    def _begin_commit(self) -> None:
        # at once, and not in the new task: what is reduced from now on must see these rows
        self._committed_at = time.monotonic()
        frozen = self._open.freeze()
        self._open, self._opened_at = Round(), math.inf
        reached("closed")
        self._committing = asyncio.create_task(self._commit(frozen))
        self._committing.add_done_callback(lambda _: self.arrivals.wake.set())

    async def _commit(self, frozen: FrozenRound) -> None:
        for topic in frozen.topics - self._partitions.keys():
            self._partitions[topic] = await self._brokers.partition_count(topic)
        ends = await self._producer.commit(frozen.encode(self._partitions, self._changelogs))
        frozen.apply(ends, self._changelogs)
        self.commits += 1
        reached("stored")
