"""Which rows have something due, by the clock."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

MAX_DUE = 1000
"""Rows looked at in one round, so that a flood of them does not hold up the records behind it."""


class DueRows:
    """A queue of row keys by the moment (microseconds) at which they want to be looked at."""

    def __init__(self, rows: Iterable[tuple[bytes, int | None]]) -> None:
        self._due = {key: moment for key, moment in rows if moment is not None}
        self._heap = [(moment, key) for key, moment in self._due.items()]
        heapify(self._heap)

    def schedule(self, key: bytes, moment: int | None) -> None:
        """Set, change or (None) drop a row's moment."""
        if moment is None:
            self._due.pop(key, None)
        elif self._due.get(key) != moment:
            self._due[key] = moment
            heappush(self._heap, (moment, key))

    def pop_due(self, now: int, limit: int) -> list[bytes]:
        """Take at most ``limit`` keys whose moment has come."""
        taken: list[bytes] = []
        while self._heap and self._heap[0][0] <= now and len(taken) < limit:
            moment, key = heappop(self._heap)
            # an entry that was rescheduled since is stale
            if self._due.get(key) == moment:
                del self._due[key]
                taken.append(key)
        return taken
