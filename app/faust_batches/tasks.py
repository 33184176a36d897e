"""The tasks this worker owns, from one assignment to the next."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from aiokafka import TopicPartition

from app.errors import LostOffsetsError, TopicError
from app.faust_batches.batch import Incidents
from app.faust_batches.faults import reached
from app.faust_batches.recovery import read_changelogs
from app.faust_batches.round import Round
from app.faust_batches.rounds import Pace, Rounds
from app.faust_batches.rows import PartitionRows, TableStore
from app.faust_batches.task import AgentDeclaration, Task, TaskId
from app.faust_batches.transaction import SizeLimits
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.offsets import Extent, Gap, Starts, extents, stable_offsets, starts
from app.faust_batches.wire.producer import RoundProducer
from app.faust_batches.wire.protocol import Membership
from app.faust_batches.work import Work

log = logging.getLogger(__name__)

LostOffsets = Literal["stop", "beginning", "end"]


class Environment(NamedTuple):
    """What every task of an application shares."""

    application_id: str
    """Consumer group, and prefix of transactional ids and changelogs."""
    connection: Mapping[str, Any]
    """aiokafka's keyword arguments for bootstrap and security."""
    transaction_timeout_s: float
    patience_s: float
    """How long one thing is asked of the brokers before the worker gives up."""
    drain_timeout_s: float
    """How long a commit may take before its partitions go elsewhere."""
    rocksdb_dir: Path | None
    pace: Pace
    limits: SizeLimits
    incidents: Incidents
    lost_offsets: LostOffsets
    """What to do about partitions that have rows and no committed offset."""


class Tasks:
    """Makes, feeds and ends the tasks of the partitions this worker owns."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._declarations: dict[str, AgentDeclaration] = {}
        self._agent_of: dict[str, str] = {}
        self.stores: dict[str, TableStore] = {}
        self._brokers = Brokers(environment.connection, environment.application_id, environment.patience_s)
        self._producer = RoundProducer(
            self._brokers, environment.application_id, int(environment.transaction_timeout_s * 1000)
        )
        self._tasks: dict[TaskId, Task] = {}
        self._work: Work | None = None
        self._starts = Starts({}, (), frozenset())

    def declare_table(self, name: str) -> None:
        """Add a table, before the worker starts."""
        self.stores[name] = TableStore(name, self._environment.rocksdb_dir)

    def declare(self, declaration: AgentDeclaration) -> None:
        """Add an agent, before the worker starts."""
        self._declarations[declaration.name] = declaration
        self._agent_of.update(dict.fromkeys(map(str, declaration.topics), declaration.name))

    def changelog(self, table: str) -> str:
        """Return the name of a table's changelog topic; Faust gives it the same."""
        return f"{self._environment.application_id}-{table}-changelog"

    def summary(self) -> str:
        """Say what this worker owns, for its log."""
        owned: dict[str, list[int]] = {}
        for agent, partition in sorted(self._tasks):
            owned.setdefault(agent, []).append(partition)
        return ", ".join(f"{agent} {partitions}" for agent, partitions in owned.items()) or "no partitions"

    async def take_over(self, assignment: Iterable[TopicPartition], member: Membership) -> None:
        """Fence older owners, recover the rows, and find where the input partitions are to be read from.

        In this order: end what older owners left open, wait until offsets are stable, read changelogs to their ends.
        From the second step on nobody who was assigned these partitions before can change anything.
        """
        environment = self._environment
        owned = self._owned(assignment)
        numbers = set().union(*owned.values()) if owned else set()
        for table, store in self.stores.items():
            store.keep_only(self._numbers_of(table, owned))
        reached("assigned")
        if not numbers:
            self._starts = Starts({}, (), frozenset())
            return
        began = time.monotonic()
        await self._brokers.start()
        await self._producer.initialise(numbers, member)
        reached("initialised")
        inputs = [TopicPartition(topic, number) for topic, name in self._agent_of.items() for number in owned[name]]
        patience_s = environment.transaction_timeout_s + environment.patience_s
        committed = await stable_offsets(self._brokers, member.group, inputs, patience_s)
        reached("fenced")
        rows_of = self._open_rows(owned)
        found = await extents(self._brokers, [*inputs, *rows_of])
        read = await read_changelogs(self._brokers, rows_of, found, patience_s)
        reached("recovered")
        self._starts = self._where_to_start(committed, {tp: found[tp] for tp in inputs}, rows_of)
        log.info("recovered %d changelog records in %.2f s", read, time.monotonic() - began)

    def _owned(self, assignment: Iterable[TopicPartition]) -> dict[str, set[int]]:
        """Return each agent's partition numbers; its topics must bring the same ones, and so must the agents."""
        by_topic: dict[str, set[int]] = {}
        for topic, partition in assignment:
            by_topic.setdefault(topic, set()).add(partition)
        owned: dict[str, set[int]] = {}
        for declaration in self._declarations.values():
            numbers = [by_topic.get(topic, set()) for topic in declaration.topics]
            if any(partitions != numbers[0] for partitions in numbers):
                found = ", ".join(f"{topic} {sorted(by_topic.get(topic, ()))}" for topic in declaration.topics)
                raise TopicError(f"topics of agent {declaration.name} must bring the same partitions, got: {found}")
            owned[declaration.name] = numbers[0]
        if any(numbers != next(iter(owned.values())) for numbers in owned.values()):
            raise TopicError(f"agents must own the same partitions, whose numbers name transactional ids: {owned}")
        return owned

    def _numbers_of(self, table: str, owned: Mapping[str, set[int]]) -> set[int]:
        return set().union(*(owned[name] for name, each in self._declarations.items() if table in each.tables))

    def _open_rows(self, owned: Mapping[str, set[int]]) -> dict[TopicPartition, PartitionRows]:
        return {
            TopicPartition(self.changelog(table), number): store.open(number)
            for table, store in self.stores.items()
            for number in self._numbers_of(table, owned)
        }

    def _where_to_start(
        self,
        committed: Mapping[TopicPartition, int],
        inputs: Mapping[TopicPartition, Extent],
        rows_of: Mapping[TopicPartition, PartitionRows],
    ) -> Starts:
        found = starts(committed, inputs)
        for gap in found.gaps:
            topic, partition = gap.partition
            log.warning("%s/%d: committed %d, resumed at %d", topic, partition, gap.committed, gap.resumed_at)
        forgotten = self._forgotten(found, rows_of)
        if not forgotten:
            return found
        if self._environment.lost_offsets == "stop":
            raise LostOffsetsError(
                f"the committed offsets of group {self._environment.application_id} are gone, as after seven days "
                f"without a worker, but its rows are there (partitions {sorted(forgotten)}). Set lost_offsets for one "
                "start: `beginning` reads again what the topics still hold, and counts twice what rows have forgotten; "
                "`end` goes on with what comes from now on. Or raise application_version and rebuild everything"
            )
        if self._environment.lost_offsets == "beginning":
            return found
        skipped = [
            Gap(tp, extent.beginning, extent.end)
            for tp, extent in inputs.items()
            if tp.partition in forgotten and tp in found.fresh and extent.beginning < extent.end
        ]
        ends = {gap.partition: gap.resumed_at for gap in skipped}
        return found._replace(positions={**found.positions, **ends}, gaps=(*found.gaps, *skipped))

    def _forgotten(self, found: Starts, rows_of: Mapping[TopicPartition, PartitionRows]) -> set[int]:
        """Return the partition numbers without any committed offset that have rows all the same."""
        with_offset = {tp.partition for tp in found.positions.keys() - found.fresh}
        without = {tp: rows for tp, rows in rows_of.items() if tp.partition not in with_offset}
        # not by its position: what was read may have been aborted
        return {tp.partition for tp, rows in without.items() if next(iter(rows.items()), None) is not None}

    def _prepare(self) -> None:
        """Make the tasks of what was taken over."""
        environment = self._environment
        numbers = {tp.partition for tp in self._starts.positions}
        for declaration in self._declarations.values():
            for number in sorted(numbers):
                rows = {table: self.stores[table].open(number) for table in declaration.tables}
                task = Task(declaration, number, rows, environment.limits, environment.incidents)
                self._tasks[task.id] = task
        for tp, offset in self._starts.positions.items():
            self._tasks[TaskId(self._agent_of[tp.topic], tp.partition)].positions[tp] = offset

    def start(self) -> Work | None:
        """Return the work on what was taken over, to be run; None when there is none."""
        self._prepare()
        if not self._tasks:
            return None
        opening = Round()
        for gap in self._starts.gaps:
            opening.tell_gap(self._tasks[TaskId(self._agent_of[gap.partition.topic], gap.partition.partition)], gap)
        changelogs = {table: self.changelog(table) for table in self.stores}
        rounds = Rounds(
            self._tasks.values(), self._producer, self._brokers, changelogs, self._environment.pace, opening
        )
        inputs = {tp: task for task in self._tasks.values() for tp in task.positions}
        self._work = Work(rounds, self._brokers, inputs)
        return self._work

    async def drain(self, running: asyncio.Task[None] | None, timeout_s: float | None = None) -> None:
        """Let the round that is being committed end, then let go of all tasks; their rows stay.

        A commit that cannot end in time (``timeout_s``, or the environment's) is cancelled: whether it took effect is
        read from the changelogs and the committed offsets at the next assignment, here or elsewhere.
        """
        work, self._work = self._work, None
        if work is not None:
            work.finish()
        if running is not None:
            _, late = await asyncio.wait([running], timeout=timeout_s or self._environment.drain_timeout_s)
            if late:
                running.cancel()
                await asyncio.wait([running])
        self._tasks = {}

    async def close(self) -> None:
        """Close connections and stores."""
        await self._brokers.stop()
        for store in self.stores.values():
            store.close()
