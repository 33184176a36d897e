"""Reads for the overview while somebody asks for it, and not otherwise."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from app.web.answers import place_of
from app.web.overview import Overview

_log = logging.getLogger(__name__)

Follow = Callable[[Overview], Coroutine[Any, Any, None]]


class OverviewOnDemand:
    """Starts ``follow`` at a request, and stops it and forgets what it read when nobody has asked for a while.

    An error ends what is under way and is logged, and nothing else; a request that comes ``retry_s`` later or after
    that starts anew.
    """

    def __init__(self, follow: Follow, *, unwatched_s: float, retry_s: float) -> None:
        self._follow = follow
        self._unwatched_s = unwatched_s
        self._retry_s = retry_s
        self._not_before = 0.0
        """Loop time of the next start after an error."""
        self._overview = Overview()
        self._task: asyncio.Task[None] | None = None
        self._unended: set[asyncio.Task[None]] = set()
        """The present one, and those that are closing what they opened."""
        self._end: asyncio.TimerHandle | None = None

    def read(self) -> Overview:
        """Return the overview as far as it has been read."""
        loop = asyncio.get_running_loop()
        if self._end is not None:
            self._end.cancel()
        self._end = loop.call_later(self._unwatched_s, self._stop)
        if self._task is None and loop.time() >= self._not_before:
            self._task = loop.create_task(self._run(self._overview))
            self._unended.add(self._task)
            self._task.add_done_callback(self._unended.discard)
        return self._overview

    async def close(self, _app: web.Application) -> None:
        """Stop for good, when the web server does."""
        if self._end is not None:
            self._end.cancel()
        self._stop()
        if self._unended:
            await asyncio.wait(set(self._unended))

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._forget()

    def _forget(self) -> None:
        self._task = None
        self._overview = Overview()

    async def _run(self, overview: Overview) -> None:
        try:
            await self._follow(overview)
        except Exception as error:  # noqa: BLE001 - it only shows: whatever it is, the worker goes on
            _log.warning("the page's overview stopped reading: %s", place_of(error))
            self._not_before = asyncio.get_running_loop().time() + self._retry_s
        finally:
            # once stopped, it may be another's by now
            if self._overview is overview:
                self._forget()
