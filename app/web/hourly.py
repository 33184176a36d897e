"""Counts of the last 24 hours, by name and hour."""

import sys
from array import array
from collections.abc import Iterable, Mapping

from app.domain.clock import HOUR
from app.events import Micros

HOURS = 24
"""Hours kept, the present one included."""
MOST_NAMES = 256
MOST_COUNTED = 2**32 - 1
"""An hour's count stays there."""

Name = tuple[str, ...]


class HourlyCounts:
    """At most 256 names of 24 numbers each, about 100 kB."""

    def __init__(self) -> None:
        self.left_out = 0
        """Counted under no name, for there were too many."""
        self._newest = 0
        """The present hour, since 1970."""
        self._counts: dict[Name, array[int]] = {}

    def add(self, name: Name, at: Micros, count: int, now: Micros) -> None:
        """Count what happened at ``at``; what is older than the hours kept is nobody's business any more.

        ``count`` is never negative.
        """
        self._advance(now)
        # a provider's clock may be ahead
        age = max(0, self._newest - at // HOUR)
        if age >= HOURS:
            return
        counts = self._counts.get(name)
        if counts is None:
            if len(self._counts) >= MOST_NAMES:
                self.left_out += count
                return
            counts = self._counts[tuple(map(sys.intern, name))] = _zeros(HOURS)
        place = HOURS - 1 - age
        counts[place] = min(MOST_COUNTED, counts[place] + count)

    def by_name(self, now: Micros) -> Mapping[Name, Iterable[int]]:
        """Return the counts, oldest hour first."""
        self._advance(now)
        return self._counts

    def _advance(self, now: Micros) -> None:
        passed = min(HOURS, now // HOUR - self._newest)
        if passed <= 0:
            return
        self._newest = now // HOUR
        moved = {name: counts[passed:] + _zeros(passed) for name, counts in self._counts.items()}
        self._counts = {name: counts for name, counts in moved.items() if any(counts)}


def first_hours(now: Micros) -> list[Micros]:
    """Return when each of the hours kept begins, oldest first."""
    newest = now // HOUR
    return [(newest - age) * HOUR for age in reversed(range(HOURS))]


def _zeros(count: int) -> "array[int]":
    return array("I", bytes(4 * count))
