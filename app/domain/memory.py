"""Which events a row has already seen.

Ids are kept as 60-bit fingerprints by the UTC day of the event: ``{"20345": "aaaaaaaaaabbbbbbbbbb…"}``, ten characters
an id, sorted. What is kept depends on the set of events alone, never on their order: a day is forgotten when it is
older than the limit *and* newer days hold enough ids; beyond the upper limit the oldest go.

An id that was forgotten would count again. Two ids share a fingerprint once in 10**18 pairs.
"""

from binascii import b2a_base64
from bisect import bisect_left
from hashlib import blake2b

from app.domain.clock import DAY
from app.domain.policy_document import MemoryLimits

_WIDTH = 10


def fingerprint(event_id: str) -> str:
    """Return ten characters that stand for an id of any length."""
    return b2a_base64(blake2b(event_id.encode(), digest_size=8).digest())[:_WIDTH].decode("ascii")


class Memory:
    """The ids in one row; ``days`` is the part that is stored."""

    __slots__ = ("_seen", "days")

    def __init__(self, days: dict[str, str]) -> None:
        self.days = days
        self._seen: set[str] | None = None

    def add(self, event_id: str, at: int, limits: MemoryLimits) -> bool:
        """Remember an event and return True; False when it was known."""
        seen = self._seen
        if seen is None:
            seen = self._seen = {word for day in self.days.values() for word in _words(day)}
        mark = fingerprint(event_id)
        if mark in seen:
            return False
        seen.add(mark)
        day = str(at // DAY)
        known = self.days.get(day, "")
        place = _WIDTH * bisect_left(
            range(len(known) // _WIDTH), mark, key=lambda i: known[i * _WIDTH : (i + 1) * _WIDTH]
        )
        self.days[day] = known[:place] + mark + known[place:]
        if len(seen) > limits.ids_at_least:
            self._forget(limits, seen)
        return True

    def _forget(self, limits: MemoryLimits, seen: set[str]) -> None:
        days = sorted(map(int, self.days))
        oldest_needed = days[-1] - limits.days_at_least
        if days[0] >= oldest_needed and len(seen) <= limits.ids_at_most:
            return
        kept = 0
        for number in reversed(days):
            day = str(number)
            words = self.days[day]
            room = 0 if kept >= limits.ids_at_least and number < oldest_needed else limits.ids_at_most - kept
            surplus = max(0, len(words) // _WIDTH - room) * _WIDTH
            if surplus:
                seen.difference_update(_words(words[:surplus]))
                self.days[day] = words[surplus:]
                if surplus == len(words):
                    del self.days[day]
            kept += (len(words) - surplus) // _WIDTH


def _words(text: str) -> list[str]:
    return [text[i : i + _WIDTH] for i in range(0, len(text), _WIDTH)]
