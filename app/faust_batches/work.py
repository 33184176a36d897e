"""What a worker does between two assignments: fetch, and turn what comes into rounds."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aiokafka import TopicPartition

from app.faust_batches.batch import Batch
from app.faust_batches.faults import reached
from app.faust_batches.rounds import Rounds
from app.faust_batches.task import Task
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.fetching import Fetched, Fetching, FetchSizes

_SIZES = FetchSizes(answer=2 * 1024 * 1024, partition=256 * 1024)


class Received(NamedTuple):
    """A record as processors get it: see :class:`app.faust_batches.Record`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Work:
    """Runs until its partitions move, or something fails."""

    def __init__(self, rounds: Rounds, brokers: Brokers, inputs: Mapping[TopicPartition, Task]) -> None:
        self._rounds = rounds
        self._inputs = inputs
        positions = {tp: task.positions[tp] for tp, task in inputs.items()}
        self._fetching = Fetching(brokers, positions, _SIZES, self._feed, rounds.arrivals.room)

    @property
    def commits(self) -> int:
        """How many rounds were committed."""
        return self._rounds.commits

    def finish(self) -> None:
        """Let :meth:`run` end after the commit that is under way."""
        self._rounds.finish()

    async def run(self) -> None:
        """Fetch and commit until :meth:`finish`; raises the error of whichever fails first."""
        reached("started")
        both = [asyncio.create_task(self._rounds.run()), asyncio.create_task(self._fetching.run())]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            await asyncio.wait(both)
        for each in done:
            each.result()

    def _feed(self, fetched: Fetched) -> None:
        tp = fetched.partition
        if fetched.records:
            records = [
                Received(tp.topic, tp.partition, each.offset, each.timestamp, each.key, each.value, each.headers)
                for each in fetched.records
            ]
            batch = Batch(tp.topic, tp.partition, records, fetched.reaches_end)
            self._rounds.arrivals.add(self._inputs[tp], batch)
        if fetched.passed_over is not None:
            self._rounds.tell_gap(self._inputs[tp], fetched.passed_over)
