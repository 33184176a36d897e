"""A small processor, its records, and what it puts aside: for tests of the room around it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.errors import StoreError
from app.faust_batches import Batch, Record, Transaction
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.task import AgentDeclaration, Task
from app.faust_batches.transaction import BROKER_LIMITS

TABLE = "counts"


class Taken(NamedTuple):
    """A record; the value says what becomes of it."""

    offset: int
    value: bytes = b"+"
    key: bytes = b"k"
    topic: str = "input"
    partition: int = 0
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


class Counting:
    """Counts keys and copies values; raises at ``poison``, and at rows that are ``poison``."""

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Add one for each record."""
        for batch in batches:
            for record in batch.records:
                key = record.key or b""
                if record.value == b"large":
                    transaction.send("output", key, b"x" * 2_000_000)
                count = int(transaction.get(TABLE, key) or 0) + 1
                transaction.put(TABLE, key, b"%d" % count, record.timestamp or None)
                transaction.send("output", key, record.value)
                if record.value == b"poison":
                    raise KeyError("whatever")
                if record.value == b"disk":
                    raise StoreError("the disk")

    def moment(self, now: int) -> int | None:
        """Everything that is due by the clock may be done."""
        return now

    def tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:
        """Double a count."""
        del moment
        for key in keys:
            transaction.put(table, key, b"%d" % (2 * int(transaction.get(table, key) or 0)))


class Aside:
    """Writes down what is put aside."""

    def put_aside(self, agent: str, record: Record, error: Exception, transaction: Transaction) -> None:
        """Write a record down."""
        transaction.send("dead", b"%d" % record.offset, f"{agent} {type(error).__name__}".encode())

    def put_row_aside(
        self, agent: str, table: str, key: bytes, row: bytes, error: Exception, transaction: Transaction
    ) -> None:
        """Write a row down."""
        del agent, table
        transaction.send("dead", key, row + type(error).__name__.encode())

    def gap(
        self, agent: str, topic: str, partition: int, committed: int, resumed_at: int, transaction: Transaction
    ) -> None:
        """Write a gap down."""
        del agent
        transaction.send("alert", None, f"{topic}/{partition} {committed} {resumed_at}".encode())


def new_task(rows: MemoryRows | None = None, partition: int = 0, *, patient: bool = False) -> Task:
    """Return a task whose one table is in memory."""
    declaration = AgentDeclaration("count", ("input",), (TABLE,), lambda _: Counting(), patient)
    return Task(declaration, partition, {TABLE: rows or MemoryRows()}, BROKER_LIMITS, Aside())


def batch(*records: Taken) -> Batch:
    """Return records as a batch."""
    return Batch(records[0].topic, records[0].partition, records)


def values(
    outputs: Mapping[tuple[str, int | None], Sequence[tuple[bytes | None, bytes | None, object, object]]],
) -> dict[str, list[bytes | None]]:
    """Return what was sent, by topic."""
    return {topic: [record[1] for record in records] for (topic, _), records in outputs.items()}
