"""A Faust application whose agents work in exactly-once rounds."""

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import faust
from faust.app.base import BootStrategy
from faust.types import TP

from app.faust_batches.assignment import BatchTableManager
from app.faust_batches.batch import Incidents, Processor, Rows
from app.faust_batches.rounds import Pace
from app.faust_batches.task import AgentDeclaration
from app.faust_batches.tasks import Environment, LostOffsets, Tasks
from app.faust_batches.transaction import BROKER_LIMITS, SizeLimits
from app.faust_batches.transport import BatchTransport

log = logging.getLogger(__name__)

CRASH_GRACE_S = 10.0
"""How long a crashing worker may take to leave its group before the process is ended."""
CRASH_EXIT_CODE = 70
STOP_GRACE_S = 9.0
"""How long an orderly stop may take before the process is ended: brokers may be away."""
_WAITING_ROUNDS = 1
"""So many full rounds may wait beside the one that is reduced."""


class BatchOptions(NamedTuple):
    """How an application works; ``connection`` is what every aiokafka client gets."""

    connection: Mapping[str, Any]
    incidents: Incidents
    transaction_timeout_s: float = 60
    patience_s: float = 60
    """How long one thing is asked of the brokers before the worker gives up."""
    commit_interval_s: float = 0.02
    """A commit begins at most so often."""
    round_max_records: int = 8000
    """Input records in one transaction."""
    rocksdb_dir: Path | None = None
    """Where rows lie; None: in memory."""
    limits: SizeLimits = BROKER_LIMITS
    lost_offsets: LostOffsets = "stop"


class BatchBoot(BootStrategy):
    """Leaves Faust's own producer out: nothing would send through it, and it knows no ``connection``."""

    enable_kafka_producer = False


class BatchTable(faust.Table[bytes, bytes]):
    """A Faust table for the assignor and the router; its rows live in a :class:`app.faust_batches.rows.TableStore`."""

    async def on_start(self) -> None:
        """Start nothing: the rows are recovered in bulk."""

    async def on_rebalance(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: see :class:`app.faust_batches.assignment.BatchRecovery`."""


class BatchApp(faust.App):
    """Declare tables and agents on it, then run it with ``faust.Worker``."""

    BootStrategy = BatchBoot

    def __init__(self, *args: Any, options: BatchOptions, **kwargs: Any) -> None:
        super().__init__(*args, TableManager=BatchTableManager, **kwargs)
        self.options = options
        self._partition_tasks: Tasks | None = None

    @property
    def partition_tasks(self) -> Tasks:
        """The tasks of the partitions this worker owns."""
        if self._partition_tasks is None:
            options = self.options
            self._partition_tasks = Tasks(
                Environment(
                    application_id=self.conf.id,
                    connection=options.connection,
                    transaction_timeout_s=options.transaction_timeout_s,
                    patience_s=options.patience_s,
                    # well below the time that the group waits for its members
                    drain_timeout_s=self.conf.broker_rebalance_timeout / 2,
                    rocksdb_dir=options.rocksdb_dir,
                    pace=Pace(
                        options.commit_interval_s,
                        options.round_max_records,
                        _WAITING_ROUNDS * options.round_max_records,
                    ),
                    limits=options.limits,
                    incidents=options.incidents,
                    lost_offsets=options.lost_offsets,
                )
            )
        return self._partition_tasks

    def batch_table(self, name: str) -> None:
        """Declare a table; its changelog topic must exist with as many partitions as the agents' topics."""
        changelog = self.topic(self.partition_tasks.changelog(name), key_type=bytes, value_type=bytes, acks=False)
        self.tables.add(
            cast("Any", BatchTable(self, name=name, key_type=bytes, value_type=bytes, changelog_topic=changelog))
        )
        self.partition_tasks.declare_table(name)

    def batch_agent(
        self,
        name: str,
        topics: Sequence[str],
        tables: Sequence[str],
        new_processor: Callable[[int], Processor],
        *,
        patient: bool = False,
    ) -> None:
        """Declare an agent: one processor for each partition of its topics, which all have the same partitions.

        ``patient``: nobody waits for what it does, so that it need not have a commit of its own.
        """
        self.partition_tasks.declare(AgentDeclaration(name, tuple(topics), tuple(tables), new_processor, patient))

        async def subscribe(stream: faust.StreamT[Any]) -> None:
            async for _ in stream:
                raise RuntimeError("records go to the tasks, and never through Faust's streams")

        self.agent(self.topic(*topics, acks=False), name=name)(subscribe)

    def rows(self, table: str, partition: int) -> Rows:
        """The committed rows of a table's partition.

        Raises KeyError when the partition is not on this worker.
        """
        return self.partition_tasks.stores[table].partitions[partition]

    def _create_directories(self) -> None:
        """Make none of Faust's folders: rows lie where the options say, and the working folder may be read-only."""

    def _new_transport(self) -> Any:
        return BatchTransport(self.conf.broker_consumer, self)

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        if not self.should_stop:
            # before the group goes on: whoever gets these partitions next must find our last transaction ended
            self.consumer.stop_flow()
            await cast("Any", self.tables).recovery.begin_rebalance()
        await super()._on_partitions_revoked(revoked)

    async def on_stop(self) -> None:
        """End the transaction under way, then leave the group; the process ends in time, whatever brokers do."""
        self._end_process_after(STOP_GRACE_S, 0)
        await cast("Any", self.tables).recovery.release()
        await super().on_stop()
        await self.partition_tasks.close()

    async def crash(self, reason: BaseException) -> None:
        """Stop the worker; nothing is committed after this.

        An orderly stop may hang on the very broker that failed, so the process ends by itself after a while.
        """
        log.critical("stopping: %s: %s", type(reason).__name__, reason, exc_info=reason)
        self._end_process_after(CRASH_GRACE_S, CRASH_EXIT_CODE)
        await super().crash(reason)

    @staticmethod
    def _end_process_after(seconds: float, code: int) -> None:
        """End the process if it has not ended by then: a successor ends what it leaves open."""

        def end() -> None:
            log.warning("the brokers do not answer: ending without them")
            os._exit(code)

        watchdog = threading.Timer(seconds, end)
        watchdog.daemon = True
        watchdog.start()
