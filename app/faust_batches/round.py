"""A round: what the tasks of a worker have done since the last commit, and will commit together."""

from collections.abc import Iterable, Mapping

from aiokafka import TopicPartition

from app.faust_batches.batch import Batch
from app.faust_batches.partitioning import partition_of
from app.faust_batches.task import Task
from app.faust_batches.transaction import Changes, Outgoing, Transaction
from app.faust_batches.wire.encoding import changelog_records, record_batches
from app.faust_batches.wire.offsets import Gap
from app.faust_batches.wire.producer import Written


class Round:
    """Grows until it is frozen; from then on nothing of it changes."""

    def __init__(self) -> None:
        self._transactions: dict[Task, Transaction] = {}
        self._offsets: dict[TopicPartition, int] = {}
        self.load = 0
        """Of its input (:attr:`Batch.load`)."""
        self.urgent = False
        """Somebody waits for its commit."""

    def __bool__(self) -> bool:
        """Tell whether there is anything to commit."""
        return bool(self._transactions)

    def process(self, task: Task, batch: Batch) -> None:
        """Let a task process a batch."""
        transaction = self._transactions.get(task)
        if transaction is None:
            transaction = self._transactions[task] = task.begin()
        task.process(batch, transaction)
        self._offsets[TopicPartition(batch.topic, batch.partition)] = batch.next_offset
        self.load += batch.load
        self.urgent |= not task.patient

    def tick(self, task: Task) -> None:
        """Let a task do what is due by the clock."""
        transaction = self._transactions.get(task) or task.begin()
        task.tick(transaction)
        self._keep(task, transaction)

    def tell_gap(self, task: Task, gap: Gap) -> None:
        """Tell of records that nobody will process."""
        transaction = self._transactions.get(task) or task.begin()
        task.tell_gap(gap, transaction)
        self._keep(task, transaction)

    def _keep(self, task: Task, transaction: Transaction) -> None:
        """Add a task's transaction if there is anything in it."""
        if not transaction.empty:
            self._transactions[task] = transaction
            self.urgent |= not task.patient

    def freeze(self) -> "FrozenRound":
        """Make it final, at once: what is reduced from now on belongs to the next round and sees its rows."""
        outputs: dict[tuple[str, int | None], list[Outgoing]] = {}
        rows: dict[tuple[Task, str], Changes] = {}
        for task, transaction in self._transactions.items():
            for at, records in transaction.outputs.items():
                outputs.setdefault(at, []).extend(records)
            for table, changed in task.freeze(transaction).items():
                rows[task, table] = changed
            if not any(tp in self._offsets for tp in task.positions):
                # the clock alone changed it: its position, committed again, is what fences it
                tp, offset = next(iter(task.positions.items()))
                self._offsets[tp] = offset
        return FrozenRound(outputs, rows, self._offsets)


class FrozenRound:
    """What one transaction will carry."""

    def __init__(
        self,
        outputs: Mapping[tuple[str, int | None], list[Outgoing]],
        rows: Mapping[tuple[Task, str], Changes],
        offsets: Mapping[TopicPartition, int],
    ) -> None:
        self._outputs = outputs
        self._rows = rows
        self._offsets = offsets

    @property
    def topics(self) -> set[str]:
        """The topics that keys must be placed in."""
        return {topic for topic, partition in self._outputs if partition is None}

    def encode(self, partitions: Mapping[str, int], changelogs: Mapping[str, str]) -> Written:
        """Return it as record batches; ``partitions`` by topic, ``changelogs`` by table."""
        placed = _placed(self._outputs, partitions)
        batches = {tp: record_batches(records) for tp, records in placed.items()}
        for (task, table), changed in self._rows.items():
            batches[TopicPartition(changelogs[table], task.id.partition)] = record_batches(changelog_records(changed))
        return Written(batches, self._offsets)

    def apply(self, ends: Mapping[TopicPartition, int | None], changelogs: Mapping[str, str]) -> None:
        """Apply its rows to the stores; ``ends``: where the changelogs end with it."""
        for task, table in self._rows:
            task.apply(table, ends[TopicPartition(changelogs[table], task.id.partition)])


def _placed(
    outputs: Mapping[tuple[str, int | None], Iterable[Outgoing]], partitions: Mapping[str, int]
) -> dict[TopicPartition, list[Outgoing]]:
    """Return outputs by partition, as every other Kafka client would place them by their keys."""
    placed: dict[TopicPartition, list[Outgoing]] = {}
    for (topic, partition), records in outputs.items():
        if partition is not None:
            placed.setdefault(TopicPartition(topic, partition), []).extend(records)
            continue
        count = partitions[topic]
        for record in records:
            tp = TopicPartition(topic, partition_of(record.key or b"", count))
            placed.setdefault(tp, []).append(record)
    return placed
