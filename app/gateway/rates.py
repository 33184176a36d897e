"""How often an endpoint may be called."""


class Bucket:
    """A bucket that fills by the clock, and from which each request takes one."""

    __slots__ = ("_at", "_left", "_most", "_per_s")

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._most = float(burst)
        self._left = self._most
        self._at: float | None = None

    def take(self, now: float) -> float:
        """Take one, and return 0; if there is none, return in how many seconds there will be."""
        if self._at is not None:
            # a request that took long to come is from before the last one
            now = max(now, self._at)
            self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._per_s
