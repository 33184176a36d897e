"""One agent on one partition: its rows, its place in the input, and what it does in a round."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from aiokafka import TopicPartition

from app.errors import StoreError
from app.faust_batches.batch import Batch, Incidents, Processor, Record
from app.faust_batches.rows import PartitionRows
from app.faust_batches.transaction import Changes, Covered, SizeLimits, Transaction
from app.faust_batches.wire.offsets import Gap

_LOOK_AGAIN = 24 * 3600 * 1_000_000
"""Microseconds until a row that was put aside is tried again: the software may have been mended."""
MOST_DUE = 1000
"""Rows of a table looked at in one tick, so that a flood of them does not hold up the records behind it."""


class TaskId(NamedTuple):
    """Names a task: an agent's work on one partition number."""

    agent: str
    partition: int


class AgentDeclaration(NamedTuple):
    """What an agent reads and which tables its tasks own."""

    name: str
    topics: tuple[str, ...]
    tables: tuple[str, ...]
    new_processor: Callable[[int], Processor]
    """Makes the processor of one partition."""
    patient: bool = False
    """Nobody waits for what it does: it goes with the next commit that others need, or a little later alone."""


class Task:
    """Work on one partition; its changes lie in a transaction of the present round until that is committed.

    Whatever a processor raises is about the records or rows that it was given: it does no I/O of its own, and what the
    store raises is known by its class. So neighbours take effect, exactly once, and the one that raises is put aside.
    """

    def __init__(
        self,
        declaration: AgentDeclaration,
        partition: int,
        rows: Mapping[str, PartitionRows],
        limits: SizeLimits,
        incidents: Incidents,
    ) -> None:
        self.id = TaskId(declaration.name, partition)
        self.tables = declaration.tables
        self.patient = declaration.patient
        self.rows = rows
        self.positions: dict[TopicPartition, int] = {}
        """The next offset to be processed of each input partition."""
        self._processor = declaration.new_processor(partition)
        self._limits = limits
        self._incidents = incidents
        self._committing: dict[str, Changes] = {name: {} for name in rows}
        """Rows of the round that is being committed: what is reduced meanwhile sees them."""

    def begin(self) -> Transaction:
        """Return an empty transaction upon what is committed and what is being committed."""
        layers = {name: Covered(self._committing[name], rows) for name, rows in self.rows.items()}
        return Transaction(self.id.partition, layers, _now(), self._limits)

    def freeze(self, transaction: Transaction) -> dict[str, Changes]:
        """Say that a transaction is final and about to be committed; returns its rows by table."""
        changed: dict[str, Changes] = {table: changes for table, changes in transaction.rows.items() if changes}
        self._committing.update(changed)
        return changed

    def apply(self, table: str, position: int | None) -> None:
        """Apply the rows of a table that were committed, with the changelog position that they stand for."""
        rows = self.rows[table]
        rows.apply(self._committing[table], rows.position if position is None else position)
        self._committing[table] = {}

    def process(self, batch: Batch, transaction: Transaction) -> None:
        """Process records; each takes effect or is put aside."""
        try:
            with _savepoint(transaction) as upon:
                self._processor.process([batch], upon)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - about its records, whatever it is: see the class
            for record in batch.records:
                self._process_alone(batch, record, transaction)
        self.positions[TopicPartition(batch.topic, batch.partition)] = batch.next_offset

    def _process_alone(self, batch: Batch, record: Record, transaction: Transaction) -> None:
        try:
            with _savepoint(transaction) as upon:
                last = record is batch.records[-1]
                alone = batch._replace(records=[record], reaches_end=batch.reaches_end and last)
                self._processor.process([alone], upon)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            with _savepoint(transaction) as upon:
                self._incidents.put_aside(self.id.agent, record, error, upon)

    def tick(self, transaction: Transaction) -> None:
        """Do what is due by the clock."""
        moment = self._processor.moment(_now())
        if moment is None:
            return
        for table in self.tables:
            keys = transaction.due(table, moment, MOST_DUE)
            if keys:
                self._tend(table, keys, moment, transaction)

    def _tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:
        try:
            with _savepoint(transaction) as upon:
                self._processor.tend(table, keys, moment, upon)
        except StoreError:
            raise
        except Exception:  # noqa: BLE001 - about its rows
            for key in keys:
                self._tend_alone(table, key, moment, transaction)

    def _tend_alone(self, table: str, key: bytes, moment: int, transaction: Transaction) -> None:
        try:
            with _savepoint(transaction) as upon:
                self._processor.tend(table, [key], moment, upon)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            row = transaction.get(table, key)
            with _savepoint(transaction) as upon:
                if row is not None:
                    self._incidents.put_row_aside(self.id.agent, table, key, row, error, upon)
                upon.put(table, key, row, moment + _LOOK_AGAIN)

    def tell_gap(self, gap: Gap, transaction: Transaction) -> None:
        """Tell of records that nobody will process."""
        with _savepoint(transaction) as upon:
            topic, partition = gap.partition
            self._incidents.gap(self.id.agent, topic, partition, gap.committed, gap.resumed_at, upon)


@contextmanager
def _savepoint(transaction: Transaction) -> Iterator[Transaction]:
    """Keep what is done only if all of it is done."""
    upon = transaction.savepoint(_now())
    yield upon
    transaction.absorb(upon)


def _now() -> int:
    return time.time_ns() // 1000
