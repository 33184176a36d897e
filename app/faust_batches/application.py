"""A Faust application whose agents work in exactly-once micro-batches."""

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import faust
from faust.types import TP

from app.faust_batches.batch import Batch, Processor, Rows
from app.faust_batches.recovery import BatchTableManager
from app.faust_batches.store import PartitionRows, TableStore
from app.faust_batches.task import AgentDeclaration
from app.faust_batches.tasks import Environment, Tasks
from app.faust_batches.transport import BatchSchema, BatchTransport

log = logging.getLogger(__name__)

CRASH_GRACE_S = 10.0
"""How long a crashing worker may take to leave its group before the process is ended."""
CRASH_EXIT_CODE = 70


class BatchTable(faust.Table[bytes, bytes]):
    """A Faust table for the assignor and the router; its rows live in a :class:`TableStore`."""

    async def on_start(self) -> None:
        """Start nothing: the rows are recovered in bulk."""

    async def on_rebalance(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: see :class:`app.faust_batches.tasks.Tasks`."""


class BatchApp(faust.App):
    """Declare tables and agents on it, then run it with ``faust.Worker``."""

    def __init__(
        self,
        *args: Any,
        connection: Mapping[str, Any],
        batch_max_records: int,
        transaction_timeout_s: float,
        rocksdb_dir: Path | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, TableManager=BatchTableManager, **kwargs)
        self.connection = connection
        self.batch_max_records = batch_max_records
        self._rocksdb_dir = rocksdb_dir
        self._transaction_timeout_s = transaction_timeout_s
        self._partition_tasks: Tasks | None = None

    @property
    def partition_tasks(self) -> Tasks:
        """The tasks of the partitions this worker owns."""
        if self._partition_tasks is None:
            self._partition_tasks = Tasks(
                Environment(
                    application_id=self.conf.id,
                    connection=self.connection,
                    transaction_timeout_ms=int(self._transaction_timeout_s * 1000),
                    # well below the time that the group waits for its members
                    drain_timeout_s=self.conf.broker_rebalance_timeout / 2,
                    release=self._release,
                    crash=self.crash,
                )
            )
        return self._partition_tasks

    def batch_table(self, name: str) -> None:
        """Declare a table; its changelog topic must exist with as many partitions as the agents' topics."""
        changelog = self.topic(self.partition_tasks.changelog(name), key_type=bytes, value_type=bytes, acks=False)
        self.tables.add(
            cast("Any", BatchTable(self, name=name, key_type=bytes, value_type=bytes, changelog_topic=changelog))
        )
        self.partition_tasks.stores[name] = TableStore(name, self._rocksdb_dir)

    def batch_agent(
        self,
        name: str,
        topics: Sequence[str],
        tables: Sequence[str],
        new_processor: Callable[[int, Mapping[str, PartitionRows]], Processor],
    ) -> None:
        """Declare an agent: one processor for each partition of its topics, which all have the same partitions."""
        self.partition_tasks.declare(AgentDeclaration(name, tuple(topics), tuple(tables), new_processor))

        async def dispatch(stream: faust.StreamT[Any]) -> None:
            async for batch in stream:
                self.partition_tasks.feed(name, cast("Batch", batch))

        self.agent(self.topic(*topics, schema=BatchSchema(), acks=False), name=name)(dispatch)

    def rows(self, table: str, partition: int) -> Rows:
        """The committed rows of a table's partition.

        Raises KeyError when the partition is not on this worker.
        """
        return self.partition_tasks.stores[table].partitions[partition]

    async def _release(self, batches: Sequence[Batch]) -> None:
        cast("Any", self.consumer).release(batches)

    def _new_transport(self) -> Any:
        return BatchTransport(self.conf.broker_consumer, self)

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        if not self.should_stop:
            cast("Any", self.tables).recovery.interrupt()
            # before the group goes on: whoever gets these partitions next must find our last transaction ended
            self.consumer.stop_flow()
            await self.partition_tasks.drain()
        await super()._on_partitions_revoked(revoked)

    async def on_stop(self) -> None:
        """End the transactions under way, then leave the group."""
        await self.partition_tasks.drain()
        await super().on_stop()
        self.partition_tasks.close()

    async def crash(self, reason: BaseException) -> None:
        """Stop the worker; nothing is committed after this.

        An orderly stop may hang on the very broker that failed, so the process ends by itself after a while.
        """
        log.critical("stopping: %s: %s", type(reason).__name__, reason, exc_info=reason)
        watchdog = threading.Timer(CRASH_GRACE_S, os._exit, (CRASH_EXIT_CODE,))
        watchdog.daemon = True
        watchdog.start()
        await super().crash(reason)
