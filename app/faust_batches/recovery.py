"""What happens on an assignment, in this order: fence, recover, seek, process."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.tables.manager import TableManager
from faust.types import TP
from mode import Service

from app.faust_batches.faults import reached
from app.faust_batches.store import PartitionRows

log = logging.getLogger(__name__)


async def read_changelogs(
    partitions: Mapping[tuple[str, int], PartitionRows], connection: Mapping[str, Any]
) -> tuple[int, float]:
    """Bring rows up to the end of their changelog partitions (topic, partition).

    Call it after every writer of these partitions was fenced: then nothing can follow the end it reads.
    Returns the number of records read and the seconds it took.
    """
    started = time.monotonic()
    if not partitions:
        return 0, 0.0
    rows_of = {TopicPartition(topic, number): rows for (topic, number), rows in partitions.items()}
    # "earliest": with the default, seeking right after the assignment races with a reset to the end
    consumer = AIOKafkaConsumer(
        **connection,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )
    await consumer.start()
    try:
        consumer.assign(list(rows_of))
        read = await _catch_up(consumer, rows_of)
    finally:
        await consumer.stop()
    return read, time.monotonic() - started


async def _catch_up(consumer: AIOKafkaConsumer, rows_of: Mapping[TopicPartition, PartitionRows]) -> int:
    beginnings = await consumer.beginning_offsets(list(rows_of))
    ends = await consumer.end_offsets(list(rows_of))
    for tp, rows in rows_of.items():
        if rows.position > ends[tp]:
            log.warning("%s/%d: rows stand for offset %d, its end is %d: rebuilding", *tp, rows.position, ends[tp])
            rows.clear()
        consumer.seek(tp, max(rows.position, beginnings[tp]))
    pending = {tp for tp in rows_of if max(rows_of[tp].position, beginnings[tp]) < ends[tp]}
    read = 0
    while pending:
        for tp, records in (await consumer.getmany(*pending, timeout_ms=200)).items():
            rows_of[tp].apply({record.key: record.value for record in records}, records[-1].offset + 1)
            read += len(records)
            reached("recovering")
        # commit markers occupy offsets: the position passes them, no record ever has them
        pending = {tp for tp in pending if await consumer.position(tp) < ends[tp]}
    return read


class BatchRecovery(Service):
    """Takes the place of Faust's changelog recovery; one round for each assignment of the group."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.completed = asyncio.Event()
        self._requested = asyncio.Event()
        self._rebalances = 0
        """Beginnings and ends of rebalances so far; a round whose number is older must not let anything run."""
        self._wanted = 0
        """``_rebalances`` at the last assignment."""

    def interrupt(self) -> None:
        """Let no round that is under way end in work: a rebalance begins, and its assignment asks for a new one."""
        self._rebalances += 1

    def on_partitions_revoked(self, revoked: set[TP]) -> None:  # noqa: ARG002 - called by Faust's TableManager
        """Say that the tables are not to be trusted until the next assignment."""
        self.completed.clear()

    async def on_rebalance(
        self,
        assigned: set[TP],  # noqa: ARG002 - called by Faust's TableManager
        revoked: set[TP],  # noqa: ARG002
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,  # noqa: ARG002
    ) -> None:
        """Ask for a round; it runs outside the group's callback, which must not last."""
        self._rebalances += 1
        self._wanted = self._rebalances
        self._requested.set()

    @Service.task
    async def _take_over_each_assignment(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(cast("Any", self._requested)):
                return
            self._requested.clear()
            wanted = self._wanted
            if wanted == self._rebalances and await self.app.partition_tasks.take_over(self.app.consumer.assignment()):
                await self._resume(wanted)

    async def _resume(self, wanted: int) -> None:
        app = self.app
        consumer = app.consumer
        if wanted != self._rebalances:
            return
        await consumer.perform_seek()
        reached("sought")
        # whoever must know something before records are processed waits in here
        await app.on_rebalance_complete.send()
        # a rebalance may have begun at either await; from here to the flow there is none
        if wanted != self._rebalances:
            return
        changelogs = app.tables.changelog_topics
        consumer.resume_partitions({tp for tp in consumer.assignment() if tp.topic not in changelogs})
        app.partition_tasks.start()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()  # noqa: SLF001 - as Faust's own recovery does
        if wanted != self._rebalances:
            return
        app.tables.on_actives_ready()
        app.tables.on_standbys_ready()
        self.completed.set()
        app.on_rebalance_end()
        log.info("worker ready: %s", app.partition_tasks.summary())


class BatchTableManager(TableManager):
    """Faust's table manager with the recovery above."""

    @property
    def recovery(self) -> Any:
        """The recovery service, made at first use."""
        if self._recovery is None:
            self._recovery = cast("Any", BatchRecovery(self.app, beacon=self.beacon, loop=self.loop))
        return self._recovery
