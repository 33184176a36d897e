"""How far the inputs of a processor have been read, in the time of their records."""

from collections.abc import Hashable, Iterable

_LONGEST_LOOK = 5_000_000
"""Microseconds; what lies further apart than this between two looks is time in which nobody looked."""


class Watermark:
    """The moment before which every record has been read.

    In a replay, or behind an outage, a processor may have read one input to its end and another one hardly at all. So
    the moment is that of the source which is furthest behind. A source from which nothing was read for ``quiet``
    microseconds counts as read up to the present, or one that has nothing to say would hold back time for ever. The
    silence is counted while the processor works: one that was stopped has not listened.

    It is as good as the clocks that date the records: one that is ahead makes its source seem read up to there, but
    never beyond the present.
    """

    def __init__(self, sources: Iterable[Hashable], quiet: int) -> None:
        self._quiet = quiet
        self._newest: dict[Hashable, int] = {}
        self._heard_at: dict[Hashable, int] = dict.fromkeys(sources, 0)
        """By `_worked`."""
        self._worked = 0
        self._looked_at: int | None = None

    def read(self, source: Hashable, at: int, now: int) -> None:
        """Take note of a record; a source that was not named before is one from now on."""
        self._look(now)
        self._newest[source] = max(at, self._newest.get(source, at))
        self._heard_at[source] = self._worked

    def moment(self, now: int) -> int | None:
        """Return the moment, at most ``now``; None: not known yet, for a source may still begin to speak."""
        self._look(now)
        found = now
        for source, heard_at in self._heard_at.items():
            if self._worked - heard_at >= self._quiet:
                continue
            if source not in self._newest:
                return None
            found = min(found, self._newest[source])
        return found

    def _look(self, now: int) -> None:
        if self._looked_at is not None:
            self._worked += min(max(0, now - self._looked_at), _LONGEST_LOOK)
        self._looked_at = now
