"""One line a second at most for each kind of refusal, with a count: who sends rubbish does not fill the disk."""

import logging
from typing import NamedTuple

_EVERY_S = 1.0
_MOST_KINDS = 1000


class Kind(NamedTuple):
    """What refusals have in common; nothing of the request itself."""

    status: int
    endpoint: str
    """As configured; ``-`` where it is none of ours."""
    cause: str


class Refusals:
    """Counts them, and logs them now and then."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._counts: dict[Kind, int] = {}
        self._told_at: dict[Kind, float] = {}

    def note(self, kind: Kind, now: float) -> None:
        """Note a refusal; the first of its kind in a while is logged at once. ``now``: any clock, in seconds."""
        if kind not in self._told_at and len(self._told_at) >= _MOST_KINDS:
            return
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if now - self._told_at.get(kind, now - _EVERY_S) >= _EVERY_S:
            self._tell(kind, now)

    def tell_due(self, now: float) -> None:
        """Log what has been counted since, once a second for each kind."""
        for kind in [each for each, at in self._told_at.items() if now - at >= _EVERY_S]:
            if kind in self._counts:
                self._tell(kind, now)
            else:
                del self._told_at[kind]

    def _tell(self, kind: Kind, now: float) -> None:
        count = self._counts.pop(kind)
        times = "" if count == 1 else f" ({count} times)"
        self._log.warning("refused %d endpoint=%s: %s%s", kind.status, kind.endpoint, kind.cause, times)
        self._told_at[kind] = now
