"""The tasks this worker owns, from one assignment to the next."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from faust.types import TP

from app.errors import TopicError
from app.faust_batches.batch import Batch
from app.faust_batches.faults import reached
from app.faust_batches.producer import TaskProducer
from app.faust_batches.recovery import read_changelogs
from app.faust_batches.store import PartitionRows, TableStore
from app.faust_batches.task import AgentDeclaration, Task, TaskId

log = logging.getLogger(__name__)


class Environment(NamedTuple):
    """What every task of an application shares."""

    application_id: str
    """Consumer group, and prefix of transactional ids and changelogs."""
    connection: Mapping[str, Any]
    """aiokafka's keyword arguments for bootstrap and security."""
    transaction_timeout_ms: int
    drain_timeout_s: float
    """How long a task may take to end its transaction before its partitions go elsewhere."""
    release: Callable[[Sequence[Batch]], Awaitable[None]]
    crash: Callable[[BaseException], Awaitable[None]]


class Tasks:
    """Makes, feeds and ends the tasks of the partitions this worker owns."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._declarations: dict[str, AgentDeclaration] = {}
        self.stores: dict[str, TableStore] = {}
        self._tasks: dict[TaskId, Task] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._taking_over: asyncio.Task[None] | None = None

    def declare(self, declaration: AgentDeclaration) -> None:
        """Add an agent, before the worker starts."""
        self._declarations[declaration.name] = declaration

    def changelog(self, table: str) -> str:
        """Return the name of a table's changelog topic; Faust gives it the same."""
        return f"{self._environment.application_id}-{table}-changelog"

    def summary(self) -> str:
        """Say what this worker owns, for its log."""
        owned: dict[str, list[int]] = {}
        for agent, partition in sorted(self._tasks):
            owned.setdefault(agent, []).append(partition)
        return ", ".join(f"{agent} {partitions}" for agent, partitions in owned.items()) or "no partitions"

    def feed(self, agent: str, batch: Batch) -> None:
        """Hand a batch to its task."""
        self._tasks[TaskId(agent, batch.partition)].feed(batch)

    async def take_over(self, assignment: Iterable[TP]) -> bool:
        """Fence and recover the tasks of an assignment; False when :meth:`drain` came in between."""
        await self.drain()
        self._taking_over = asyncio.create_task(self._take_over(self._owned(assignment)))
        await asyncio.wait([self._taking_over])
        if self._taking_over.cancelled():
            return False
        self._taking_over.result()
        self._taking_over = None
        return True

    def _owned(self, assignment: Iterable[TP]) -> dict[str, set[int]]:
        """Return each agent's partition numbers; its topics must bring the same ones."""
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
        return owned

    async def _take_over(self, owned: Mapping[str, set[int]]) -> None:
        for name, partitions in owned.items():
            for table in self._declarations[name].tables:
                self.stores[table].keep_only(partitions)
        for name, partitions in owned.items():
            for partition in partitions:
                task = self._new_task(self._declarations[name], partition)
                self._tasks[task.id] = task
        reached("assigned")
        # fencing comes first: until it is done an older owner may still commit
        await asyncio.gather(*(task.producer.start() for task in self._tasks.values()))
        reached("fenced")
        changelogs: dict[tuple[str, int], PartitionRows] = {
            (self.changelog(table), task.id.partition): rows
            for task in self._tasks.values()
            for table, rows in task.rows.items()
        }
        read, seconds = await read_changelogs(changelogs, self._environment.connection)
        reached("recovered")
        log.info("recovered %d changelog records in %.2f s", read, seconds)

    def _new_task(self, declaration: AgentDeclaration, partition: int) -> Task:
        environment = self._environment
        producer = TaskProducer(
            f"{environment.application_id}-{declaration.name}-{partition}",
            environment.application_id,
            environment.transaction_timeout_ms,
            environment.connection,
        )
        rows = {table: self.stores[table].open(partition) for table in declaration.tables}
        return Task(declaration, partition, producer, rows, {table: self.changelog(table) for table in rows})

    def start(self) -> None:
        """Let the recovered tasks work."""
        self._loops = [asyncio.create_task(self._guard(task), name=str(task.id)) for task in self._tasks.values()]

    async def _guard(self, task: Task) -> None:
        """Stop the worker when a task cannot go on: the next owner starts from the committed offsets."""
        try:
            await task.run(self._environment.release)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be committed after it
            await self._environment.crash(error)

    async def drain(self) -> None:
        """Let each task end the transaction it is in, then let go of them all; their rows stay.

        A task that cannot end in time is cancelled: whether its transaction took effect is read from the changelogs
        and the committed offsets at the next assignment, here or elsewhere.
        """
        if self._taking_over is not None:
            self._taking_over.cancel()
            await asyncio.wait([self._taking_over])
            self._taking_over = None
        for task in self._tasks.values():
            task.finish()
        if self._loops:
            _, late = await asyncio.wait(self._loops, timeout=self._environment.drain_timeout_s)
            for loop in late:
                loop.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await asyncio.gather(*(task.producer.stop() for task in self._tasks.values()))
        self._loops = []
        self._tasks = {}

    def close(self) -> None:
        """Close the stores."""
        for store in self.stores.values():
            store.close()
