"""One task for each agent and partition: strictly serial, one transaction a round."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from app.faust_batches.batch import Batch, Processor, Transaction
from app.faust_batches.faults import reached
from app.faust_batches.producer import TaskProducer
from app.faust_batches.store import PartitionRows

log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often a task looks at the clock when no records come."""


class TaskId(NamedTuple):
    """Names a task; together with the application's id it is the transactional id."""

    agent: str
    partition: int


class AgentDeclaration(NamedTuple):
    """What an agent reads and which tables its tasks own."""

    name: str
    topics: tuple[str, ...]
    tables: tuple[str, ...]
    new_processor: Callable[[int, Mapping[str, PartitionRows]], Processor]
    """Makes the processor of one partition from its recovered rows."""


class Task:
    """The serial loop of one agent on one partition.

    Everything it raises is an infrastructure error or a bug; both stop the worker, with nothing of the present round
    committed.
    """

    def __init__(
        self,
        declaration: AgentDeclaration,
        partition: int,
        producer: TaskProducer,
        rows: Mapping[str, PartitionRows],
        changelogs: Mapping[str, str],
    ) -> None:
        self.id = TaskId(declaration.name, partition)
        self.producer = producer
        self.rows = rows
        self._changelogs = changelogs
        """Table name to changelog topic."""
        self._declaration = declaration
        self._arrived: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._next_offsets: dict[str, int] = {}
        self._next_tick = 0.0
        self.committed_records = 0

    def feed(self, batch: Batch) -> None:
        """Queue a batch; the transport sends no other of that partition before this one is released."""
        self._arrived.put_nowait(batch)

    def finish(self) -> None:
        """Let the loop end after the round it is in; queued batches stay uncommitted and are read again."""
        self._arrived.put_nowait(None)

    async def run(self, release: Callable[[Sequence[Batch]], Awaitable[None]]) -> None:
        """Turn batches into transactions until :meth:`finish`."""
        processor = self._declaration.new_processor(self.id.partition, self.rows)
        while (batches := await self._next_batches()) is not None:
            self._check_order(batches)
            transaction = Transaction(self.id.partition, self.rows, time.time_ns() // 1000)
            if batches:
                processor.process(batches, transaction)
            if time.monotonic() >= self._next_tick:
                processor.tick(transaction)
                self._next_tick = time.monotonic() + TICK_S
            if batches or not transaction.empty:
                reached("processed")
                await self._commit(transaction, batches)
                reached("stored")
            await release(batches)
            if batches:
                reached("released")

    async def _next_batches(self) -> list[Batch] | None:
        """Wait for batches or the next tick; None when the task is to end."""
        batches: list[Batch] = []
        try:
            async with asyncio.timeout(max(0.0, self._next_tick - time.monotonic())):
                first = await self._arrived.get()
        except TimeoutError:
            return batches
        if first is None:
            return None
        batches.append(first)
        # what other topics have ready goes into the same transaction
        while not self._arrived.empty():
            batch = self._arrived.get_nowait()
            if batch is None:
                return None
            batches.append(batch)
        return batches

    def _check_order(self, batches: Sequence[Batch]) -> None:
        for batch in batches:
            if batch.records[0].offset < self._next_offsets.get(batch.topic, 0):
                raise RuntimeError(f"{batch.topic}/{batch.partition}: offset {batch.records[0].offset} came twice")
            self._next_offsets[batch.topic] = batch.next_offset

    async def _commit(self, transaction: Transaction, batches: Sequence[Batch]) -> None:
        changelogs = {self._changelogs[table]: rows for table, rows in transaction.rows.items()}
        positions = await self.producer.commit(transaction.outputs, changelogs, self.id.partition, batches)
        for table, rows in transaction.rows.items():
            if rows:
                self.rows[table].apply(rows, positions[self._changelogs[table]])
        self.committed_records += sum(len(batch.records) for batch in batches)
