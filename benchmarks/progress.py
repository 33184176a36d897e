"""Waiting without a deadline: as long as something moves, on however slow a machine."""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from rich.console import Console

PATIENCE_S = 120.0
"""Nothing has moved for so long: nothing will."""
_LOOK_S = 0.1
_SHOW_S = 10.0

_console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


class BenchmarkError(Exception):
    """A figure cannot be measured; the text says why, with the last words of the process that is at fault."""


class Watched(Protocol):
    """What the wait is for."""

    def check(self) -> None:
        """Raise an error if it cannot go on."""

    def last_words(self) -> str:
        """Return the end of what it has written; empty if it writes nothing."""


class Stillness:
    """How long a state has been the same."""

    def __init__(self, now: float) -> None:
        self._state: object = None
        self._since = now

    def seconds(self, state: object, now: float) -> float:
        """Return for how many seconds the state has been this one."""
        if state != self._state:
            self._state, self._since = state, now
        return now - self._since


class Patience:
    """One wait: call `look` with what moves until the goal is reached."""

    def __init__(self, goal: str, watched: Sequence[Watched]) -> None:
        self._goal = goal
        self._watched = watched
        self._stillness = Stillness(time.monotonic())
        self._next_show = time.monotonic() + _SHOW_S

    async def look(self, state: object) -> None:
        """Wait a moment, and tell how it stands now and then.

        Raises BenchmarkError when the state has not changed for PATIENCE_S, and whatever the watched raise.
        """
        for each in self._watched:
            each.check()
        now = time.monotonic()
        if self._stillness.seconds(state, now) > PATIENCE_S:
            words = "\n".join(filter(None, (each.last_words() for each in self._watched)))
            raise BenchmarkError(f"{self._goal}: nothing moved for {PATIENCE_S:.0f} s at {state}\n{words}".rstrip())
        if now >= self._next_show:
            self._next_show = now + _SHOW_S
            say(f"  {self._goal}: {state}")
        await asyncio.sleep(_LOOK_S)


def say(text: str) -> None:
    """Tell the person who waits what is being done."""
    _console.print(text, style="dim")
