"""What has been fetched and waits to be reduced."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition

from app.faust_batches.batch import Batch
from app.faust_batches.task import Task


@dataclass(slots=True)
class _Waiting:
    """What has come of one partition."""

    task: Task
    records: list[Any] = field(default_factory=list)
    reaches_end: bool = False


class Arrivals:
    """Batches in the order in which they are to be reduced: each partition in its own order, and agent by agent.

    What came of a partition in several fetches waits as one batch, and the batches of one agent follow one another:
    both make reducing cheaper, where records come one by one. Everything that waits has its turn before what comes
    later.

    ``most``: when so much waits (:attr:`Batch.load`), :meth:`room` lets nothing more in.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._later: dict[TopicPartition, _Waiting] = {}
        self._turn: deque[tuple[Task, Batch]] = deque()
        """Taken out of ``_later`` together."""
        self.load = 0
        """Of all that waits."""
        self.wake = asyncio.Event()
        """Set when there is something to look at."""
        self._room = asyncio.Event()
        self._room.set()

    def __bool__(self) -> bool:
        return bool(self._turn or self._later)

    def add(self, task: Task, batch: Batch) -> None:
        """Let a batch wait behind what has come from its partition."""
        tp = TopicPartition(batch.topic, batch.partition)
        waiting = self._later.get(tp)
        if waiting is None:
            waiting = self._later[tp] = _Waiting(task)
        waiting.records += batch.records
        waiting.reaches_end = batch.reaches_end
        self.load += batch.load
        if self.load >= self._most:
            self._room.clear()
        self.wake.set()

    def take(self, most: int) -> tuple[Task, Batch]:
        """Take the first batch, or its first ``most`` records."""
        if not self._turn:
            self._begin_turn()
        task, batch = self._turn.popleft()
        if len(batch.records) > most:
            self._turn.appendleft((task, batch._replace(records=batch.records[most:])))
            batch = batch._replace(records=batch.records[:most], reaches_end=False)
        self.load -= batch.load
        if self.load < self._most:
            self._room.set()
        return task, batch

    def _begin_turn(self) -> None:
        for tp, waiting in sorted(self._later.items(), key=_by_agent):
            batch = Batch(tp.topic, tp.partition, waiting.records, waiting.reaches_end)
            self._turn.append((waiting.task, batch))
        self._later.clear()

    async def room(self) -> None:
        """Wait until more may be fetched, or nothing more is wanted."""
        await self._room.wait()

    def close(self) -> None:
        """Forget what waits, and let nobody wait for room any more."""
        self._turn.clear()
        self._later.clear()
        self.load = 0
        self._room.set()
        self.wake.set()


def _by_agent(found: tuple[TopicPartition, _Waiting]) -> tuple[str, TopicPartition]:
    tp, waiting = found
    return waiting.task.id.agent, tp
