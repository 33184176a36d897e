"""When rows in memory are due: no entry is ever stale, however often a row is moved."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

_SPAN_BITS = 26
"""Rows are kept together by spans of 67 s: few enough to sort, short enough to look through."""
_FEW_EMPTY = 64


class DueIndex:
    """Keys by spans of moments (microseconds since 1970); the moments themselves stay with the rows."""

    def __init__(self) -> None:
        self._spans: dict[int, set[bytes]] = {}
        self._order: list[int] = []
        """A heap of the numbers of all spans."""
        self._empty = 0
        """Spans without a key; never more than the others, but for a few."""

    def __len__(self) -> int:
        return sum(map(len, self._spans.values()))

    def move(self, key: bytes, old: int | None, new: int | None) -> None:
        """Move a row from one moment to another; None: never."""
        before = None if old is None else old >> _SPAN_BITS
        after = None if new is None else new >> _SPAN_BITS
        if before == after:
            return
        if before is not None:
            self._drop(key, before)
        if after is not None:
            self._add(key, after)

    def due(self, until: int, limit: int, moment_of: Callable[[bytes], int]) -> list[bytes]:
        """Return at most ``limit`` keys that are due by then, the earliest spans first."""
        found: list[bytes] = []
        looked_at: list[int] = []
        while self._order and self._order[0] <= until >> _SPAN_BITS and len(found) < limit:
            number = heappop(self._order)
            if not self._spans[number]:
                del self._spans[number]
                self._empty -= 1
                continue
            looked_at.append(number)
            found += [key for key in self._spans[number] if moment_of(key) <= until]
        for number in looked_at:
            heappush(self._order, number)
        return found[:limit]

    def _add(self, key: bytes, number: int) -> None:
        span = self._spans.get(number)
        if span is None:
            span = self._spans[number] = set()
            heappush(self._order, number)
        elif not span:
            self._empty -= 1
        span.add(key)

    def _drop(self, key: bytes, number: int) -> None:
        span = self._spans[number]
        span.discard(key)
        if span:
            return
        self._empty += 1
        if self._empty > _FEW_EMPTY and 2 * self._empty > len(self._spans):
            self._spans = {name: keys for name, keys in self._spans.items() if keys}
            self._order = list(self._spans)
            heapify(self._order)
            self._empty = 0
