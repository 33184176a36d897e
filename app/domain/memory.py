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
_SHORT = 3000


def fingerprint(event_id: str) -> str:
    """Return ten characters that stand for an id of any length."""
    return b2a_base64(blake2b(event_id.encode(), digest_size=8).digest())[:_WIDTH].decode("ascii")


class Memory:
    """The ids in one row; ``days`` is what is stored."""

    __slots__ = ("days",)

    def __init__(self, days: dict[str, str]) -> None:
        self.days = days

    def add(self, event_id: str, at: int, limits: MemoryLimits) -> bool:
        """Remember an event and return True; False when it was known."""
        mark = fingerprint(event_id)
        total = 0
        for words in self.days.values():
            if _holds(words, mark):
                return False
            total += len(words)
        day = str(at // DAY)
        words = self.days.get(day, "")
        place = _place(words, mark)
        self.days[day] = words[:place] + mark + words[place:]
        if total >= limits.ids_at_least * _WIDTH:
            self._forget(limits, total // _WIDTH + 1)
        return True

    def holds(self, event_id: str) -> bool:
        """Tell whether an event is remembered."""
        mark = fingerprint(event_id)
        return any(_holds(words, mark) for words in self.days.values())

    def _forget(self, limits: MemoryLimits, total: int) -> None:
        days = sorted(map(int, self.days))
        oldest_needed = days[-1] - limits.days_at_least
        if days[0] >= oldest_needed and total <= limits.ids_at_most:
            return
        kept = 0
        for number in reversed(days):
            day = str(number)
            words = self.days.pop(day)
            room = 0 if kept >= limits.ids_at_least and number < oldest_needed else limits.ids_at_most - kept
            count = min(len(words) // _WIDTH, room)
            if count:
                self.days[day] = words[len(words) - count * _WIDTH :]
            kept += count


def _place(words: str, mark: str) -> int:
    """Return where in a day's text an id stands or would."""
    count = len(words) // _WIDTH
    return _WIDTH * bisect_left(range(count), mark, key=lambda i: words[i * _WIDTH : (i + 1) * _WIDTH])


def _holds(words: str, mark: str) -> bool:
    # the search is quicker than the bisection while the text is short, but may hit across two ids
    if len(words) < _SHORT and mark not in words:
        return False
    return words.startswith(mark, _place(words, mark))
