"""How far the inputs of a processor have been read, in the time of their records."""

from collections.abc import Hashable, Iterable

from app.topics import RAW_TOPICS

_SECOND = 1_000_000
"""Microseconds."""
_LONGEST_LOOK = 5 * _SECOND
"""What lies further apart than this between two looks is time in which nobody looked."""
_UNDER_WAY = 5 * _SECOND
"""What was received so shortly ago may not be in its partition yet, or have come after the end was seen."""

_NEVER = -(1 << 80)
"""Before every record: its timestamp may be any 64-bit number of milliseconds."""


class Watermark:
    """The moment before which every record has been read.

    In a replay, or behind an outage, a processor may have read one input to its end and another one hardly at all. So
    the moment is that of the source which is furthest behind. A source from which nothing was read for ``quiet_s``
    seconds counts as read up to the present, or one that has nothing to say would hold back time for ever. The silence
    is counted while the processor works: one that was stopped has not listened.

    It is as good as the clocks that date the records: one that is ahead makes its source seem read up to the moment of
    reading; one that is slow holds time back no longer than until its source is read to the end.
    """

    def __init__(self, sources: Iterable[Hashable], quiet_s: float) -> None:
        self._quiet = round(quiet_s * _SECOND)
        self._newest = dict.fromkeys(sources, _NEVER)
        self._heard_at = dict.fromkeys(self._newest, 0)
        """By `_worked`."""
        self._worked = 0
        self._looked_at: int | None = None

    def read(self, source: Hashable, at: int, now: int) -> int:
        """Take note that a source was read up to a moment; returns up to when it is read by all that is known of it.

        One that was not named is passed over: anybody may write the record that it comes from.
        """
        if now != self._looked_at:
            self._look(now)
        newest = self._newest.get(source)
        if newest is None:
            return at
        self._heard_at[source] = self._worked
        at = min(at, now)
        if at <= newest:
            return newest
        self._newest[source] = at
        return at

    def read_to_end(self, source: Hashable, now: int) -> int:
        """Take note that nothing more was there when a source was last fetched, whatever its clocks say."""
        return self.read(source, now - _UNDER_WAY, now)

    def moment(self, now: int) -> int | None:
        """Return the moment, at most ``now``; None: not known yet, for a source may still begin to speak."""
        self._look(now)
        found = now
        for source, heard_at in self._heard_at.items():
            if self._worked - heard_at >= self._quiet:
                continue
            found = min(found, self._newest[source])
        return None if found == _NEVER else found

    def _look(self, now: int) -> None:
        if self._looked_at is not None:
            self._worked += min(max(0, now - self._looked_at), _LONGEST_LOOK)
        self._looked_at = now


def raw_partitions(partitions: int) -> list[tuple[str, int]]:
    """Return every partition of the raw topics, as records tell their origin."""
    return [(str(topic), number) for topic in RAW_TOPICS.values() for number in range(partitions)]
