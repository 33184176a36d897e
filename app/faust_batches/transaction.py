"""What a piece of work changes: rows and outputs, in layers that can be dropped one by one."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from app.errors import OversizeError

Headers = list[tuple[str, bytes]]

FRAMING_BYTES = 128
"""More than what a record takes beside its key, value and headers."""
_HEADER_FRAMING_BYTES = 10
_MOMENTS = 1 << 63


class Outgoing(NamedTuple):
    """A record waiting for the commit."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int | None


class Row(NamedTuple):
    """A row as it is kept, and when it wants to be looked at."""

    value: bytes
    due: int | None
    """Microseconds since 1970; None: never."""


Changes = Mapping[bytes, Row | None]
"""Rows by key; None: deleted."""


class Layer(Protocol):
    """Rows of one table and one partition that changes lie upon."""

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return at most ``limit`` keys of rows that are due by then."""


class SizeLimits(NamedTuple):
    """How large a record may be, in bytes: what is larger is refused before a transaction begins."""

    by_topic: Mapping[str, int]
    rows: int
    """Of a changelog."""
    others: int

    def of(self, topic: str) -> int:
        """Return the limit of a topic."""
        return self.by_topic.get(topic, self.others)


BROKER_LIMITS = SizeLimits({}, 1_000_000, 1_000_000)
"""What brokers take unless told otherwise, with room to spare."""


class Transaction:
    """Everything a piece of work changes; nothing of it is visible before the commit.

    ``now`` is the clock, in microseconds since 1970: pure code behind it gets the time from here. A :meth:`savepoint`
    lies upon it and sees what it holds; what was done there takes effect by :meth:`absorb`, or is forgotten.
    """

    __slots__ = ("_limits", "_tables", "now", "outputs", "partition", "rows")

    def __init__(
        self, partition: int, tables: Mapping[str, Layer], now: int, limits: SizeLimits = BROKER_LIMITS
    ) -> None:
        self.partition = partition
        self.now = now
        self.outputs: dict[tuple[str, int | None], list[Outgoing]] = {}
        self.rows: dict[str, dict[bytes, Row | None]] = {name: {} for name in tables}
        self._tables = tables
        self._limits = limits

    def savepoint(self, now: int) -> "Transaction":
        """Begin a piece of work upon this one."""
        return Transaction(
            self.partition,
            {name: Covered(self.rows[name], self._tables[name]) for name in self.rows},
            now,
            self._limits,
        )

    def absorb(self, done: "Transaction") -> None:
        """Add what was done upon a savepoint of this one."""
        for at, records in done.outputs.items():
            self.outputs.setdefault(at, []).extend(records)
        for table, changed in done.rows.items():
            self.rows[table].update(changed)

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return a row as this transaction has left it."""
        changed = self.rows[table]
        if key in changed:
            row = changed[key]
            return None if row is None else row.value
        return self._tables[table].get(key)

    def put(self, table: str, key: bytes, value: bytes | None, due: int | None = None) -> None:
        """Write a row that is due at a moment (microseconds); None deletes it (a tombstone in the changelog).

        Raises OversizeError; ValueError for a key that no changelog gives back, or a moment that is none.
        """
        if not key or key[0] == 0 or (due is not None and not 0 <= due < _MOMENTS):
            raise ValueError(f"row of {table}: a key or due time that cannot be stored")
        size = FRAMING_BYTES + len(key) + (len(value) if value is not None else 0)
        if size > self._limits.rows:
            raise OversizeError(f"row of {table}: {size} bytes, at most {self._limits.rows} fit into its changelog")
        # a serialiser may leave a whole buffer behind a short result
        self.rows[table][key] = None if value is None else Row(bytes(memoryview(value)), due)

    def due(self, table: str, until: int, limit: int) -> list[bytes]:
        """Return at most ``limit`` keys of rows that are due by then, as this transaction has left them."""
        return Covered(self.rows[table], self._tables[table]).due(until, limit)

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
        """Write a record; without ``partition`` its key decides, as with every other Kafka client.

        Raises OversizeError.
        """
        record = Outgoing(key, value, headers or [], timestamp)
        size, limit = size_of(record), self._limits.of(topic)
        if size > limit:
            raise OversizeError(f"record for {topic}: {size} bytes, at most {limit} fit into the topic")
        self.outputs.setdefault((topic, partition), []).append(record)

    @property
    def empty(self) -> bool:
        """True when there is nothing to commit but offsets."""
        return not self.outputs and not any(self.rows.values())


class Covered:
    """Rows with changes upon them."""

    __slots__ = ("_below", "changes")

    def __init__(self, changes: Changes, below: Layer) -> None:
        self.changes = changes
        self._below = below

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        if key in self.changes:
            row = self.changes[key]
            return None if row is None else row.value
        return self._below.get(key)

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return at most ``limit`` keys of rows that are due by then."""
        found = [key for key in self._below.due(until, limit + len(self.changes)) if key not in self.changes]
        found += self._changed_and_due(until)
        return found[:limit]

    def _changed_and_due(self, until: int) -> Iterator[bytes]:
        for key, row in self.changes.items():
            if row is not None and row.due is not None and row.due <= until:
                yield key


def size_of(record: Outgoing) -> int:
    """Return about how many bytes a record takes in its batch, never too few."""
    size = FRAMING_BYTES + len(record.key or b"") + len(record.value or b"")
    if not record.headers:
        return size
    names, values = zip(*record.headers, strict=True)
    text = "".join(names)
    # a character takes four bytes of UTF-8 at most, and names are ASCII nearly always
    size += _HEADER_FRAMING_BYTES * len(names) + (len(text) if text.isascii() else 4 * len(text))
    return size + sum(map(len, filter(None, values)))
