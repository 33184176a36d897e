"""Rows in memory; rebuilt from the changelog at each start."""

from collections.abc import Iterable

from app.faust_batches.rows.due_index import DueIndex
from app.faust_batches.transaction import Changes


class MemoryRows:
    """Rows in a dict, with an index of when they are due."""

    written_at = 0.0

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._due = DueIndex()
        self.position = 0

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        return self._rows.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in no order."""
        return self._rows.items()

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return at most ``limit`` keys of rows that are due by then."""
        return self._due.due(until, limit)

    def apply(self, changes: Changes, position: int) -> None:
        """Apply committed rows."""
        rows, set_due = self._rows, self._due.set
        for key, row in changes.items():
            if row is None:
                rows.pop(key, None)
                set_due(key, None)
            else:
                rows[key] = row.value
                set_due(key, row.due)
        self.position = max(self.position, position)

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._due = DueIndex()
        self.position = 0

    def close(self) -> None:
        """Nothing to let go of."""
