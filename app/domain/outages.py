"""When a provider was out of order on a channel: a history in event time, by which its failures are judged.

A change is announced ahead of the events it is about: it takes effect at the start of the second minute after the
newest minute that was known when it was decided. What is processed in time is then judged alike when it first comes,
when a worker starts again, and in a replay.
"""

from typing import NamedTuple

from app.domain.clock import MINUTE

KEPT = 32
"""Newest outages; of older ones nothing is known any more."""
_AHEAD = 2
"""Minutes, counted from the start of the one in which a change is decided."""


class Outage(NamedTuple):
    """A time in which failures are not held against recipients; microseconds of event time."""

    since: int
    until: int | None
    """Exclusive; None: it lasts."""


class Outages(NamedTuple):
    """The outages of a provider on a channel, oldest first; only the last may be open."""

    periods: tuple[Outage, ...] = ()

    def covers(self, at: int) -> bool:
        """Whether something that happened at this moment fell into an outage."""
        return any(each.since <= at and (each.until is None or at < each.until) for each in self.periods)

    @property
    def lasts(self) -> bool:
        """Whether the last one is open."""
        return bool(self.periods) and self.periods[-1].until is None

    @property
    def decided_until(self) -> int:
        """The newest moment that a change was announced for: before it nothing is changed any more. 0: none."""
        if not self.periods:
            return 0
        since, until = self.periods[-1]
        return since if until is None else until

    def begun(self, at: int) -> "Outages":
        """Return the history with an outage that begins now; ``at`` is a moment `takes_effect` gave."""
        return Outages((*self.periods, Outage(at, None))[-KEPT:])

    def ended(self, at: int) -> "Outages":
        """Return the history with the last outage ended."""
        return Outages((*self.periods[:-1], self.periods[-1]._replace(until=at)))


def takes_effect(decided_at: int) -> int:
    """Return when a change takes effect that was decided at this moment of event time."""
    return (decided_at // MINUTE + _AHEAD) * MINUTE
