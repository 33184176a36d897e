"""Rows in memory; rebuilt from the changelog at each start.

A row lies behind the eight bytes of the moment at which it is due, as in RocksDB: a million rows are kept for a month,
and each entry of another index would cost as much as a row.
"""

from collections.abc import Iterable

from app.faust_batches.rows.due_index import DueIndex
from app.faust_batches.rows.partition_rows import NEVER, encode_due
from app.faust_batches.transaction import Changes, Row


class MemoryRows:
    """Rows in a dict, with an index of when they are due."""

    written_at = 0.0

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._due = DueIndex()
        self.position = 0

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        found = self._rows.get(key)
        return None if found is None else found[8:]

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in no order."""
        return ((key, found[8:]) for key, found in self._rows.items())

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return at most ``limit`` keys of rows that are due by then."""
        rows = self._rows
        return self._due.due(until, limit, lambda key: int.from_bytes(rows[key][:8], "big"))

    def apply(self, changes: Changes, position: int) -> None:
        """Apply committed rows."""
        for key, row in changes.items():
            self._apply(key, row)
        self.position = max(self.position, position)

    def _apply(self, key: bytes, row: Row | None) -> None:
        rows = self._rows
        old = rows.get(key, NEVER)[:8]
        new = NEVER if row is None or row.due is None else encode_due(row.due)
        if old != new:
            # with the key goes the object that the index may hold: both are to hold the same
            rows.pop(key, None)
            self._due.move(key, _moment(old), _moment(new))
        if row is None:
            rows.pop(key, None)
        else:
            rows[key] = new + row.value

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._due = DueIndex()
        self.position = 0

    def close(self) -> None:
        """Nothing to let go of."""


def _moment(due: bytes) -> int | None:
    return None if due == NEVER else int.from_bytes(due, "big")
