"""What an agent sees: batches of records in, one transaction out."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from aiokafka.partitioner import murmur2

Headers = list[tuple[str, bytes]]


class Record(Protocol):
    """A consumed record, as aiokafka hands it over."""

    @property
    def topic(self) -> str:
        """Topic it was read from."""

    @property
    def partition(self) -> int:
        """Partition it was read from."""

    @property
    def offset(self) -> int:
        """Offset in that partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970."""

    @property
    def key(self) -> bytes | None:
        """Key, if any."""

    @property
    def value(self) -> bytes | None:
        """Value; None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Headers in order; a name may come twice."""


class Batch(NamedTuple):
    """The records of one partition that are in flight together."""

    topic: str
    partition: int
    records: Sequence[Record]

    @property
    def next_offset(self) -> int:
        """The offset to commit once the batch has taken effect."""
        return self.records[-1].offset + 1


class Outgoing(NamedTuple):
    """A record waiting for the transaction's end."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int | None


class Rows(Protocol):
    """The rows of one table and one partition."""

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in no order."""


class Transaction:
    """Everything one batch changes; nothing of it is visible before the commit.

    ``now`` is the clock of the batch, in microseconds since 1970: pure code behind it gets the time from here.
    """

    def __init__(self, partition: int, tables: Mapping[str, Rows], now: int) -> None:
        self.partition = partition
        self.now = now
        self.outputs: dict[tuple[str, int | None], list[Outgoing]] = {}
        self.rows: dict[str, dict[bytes, bytes | None]] = {name: {} for name in tables}
        self._tables = tables

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return a row as this transaction has left it."""
        changed = self.rows[table]
        return changed[key] if key in changed else self._tables[table].get(key)

    def put(self, table: str, key: bytes, value: bytes | None) -> None:
        """Write a row; None deletes it (a tombstone in the changelog)."""
        self.rows[table][key] = value

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers | None = None,
        *,
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Write a record; without ``partition`` its key decides, as with every other Kafka client."""
        self.outputs.setdefault((topic, partition), []).append(Outgoing(key, value, headers or [], timestamp))

    @property
    def empty(self) -> bool:
        """True when there is nothing to commit but offsets."""
        return not self.outputs and not any(self.rows.values())


class Processor(Protocol):
    """The work of one agent on one partition: made anew after each recovery, called by one task only."""

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Turn records into outputs and rows.

        Bad data becomes an output (a dead letter). Whatever this raises stops the worker with nothing committed.
        """

    def tick(self, transaction: Transaction) -> None:
        """Do what is due by the clock; called about once a second, batch or no batch."""


@lru_cache(maxsize=200_000)
def partition_of(key: bytes, partitions: int) -> int:
    """Return a key's partition by the hash every Java client uses (murmur2)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
