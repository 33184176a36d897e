"""From the spool to the brokers, in order."""

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from app.errors import StoreError
from app.gateway.metrics import SPOOL_AGE, SPOOL_BYTES, SPOOL_DEPTH, SPOOL_REFUSED
from app.gateway.producer import NotStoredError, RawEntry, Stored
from app.gateway.spool import Entry, Spool, adopt, open_spool

_RECORDS = 500
_BYTES = 4 * 1024 * 1024
_AGAIN_S = 1.0
_LOOK_S = 0.2
_LOOK_FOR_OTHERS_S = 10.0
_REFUSED = "refused"
"""Folder, within a spool's, of what the brokers will never take."""
_REFUSED_BYTES = 1 << 40

_log = logging.getLogger(__name__)


class Taker(Protocol):
    """Takes records for the brokers; see `RawProducer`."""

    def store(self, entry: RawEntry, stored: Stored) -> None:
        """Write a record, and say by and by what became of it; raises NotStoredError."""


class Draining:
    """Brings what lies in spools to the brokers; what they took is forgotten, up to the first that they did not take.

    An entry that they will never take, such as one beyond its topic's limit, is set aside in a spool of its own, for a
    person to look at: what lies behind it is not to wait for ever.
    """

    def __init__(self, producer: Taker) -> None:
        self._producer = producer
        self._moment = 0.0

    async def run(self, spool: Spool, folder: Path) -> None:
        """Drain a spool, and keep its figures, until cancelled."""
        while True:
            _show(spool)
            pause_s = _LOOK_S
            try:
                if await self._drain_some(spool, folder):
                    pause_s = 0
            except (NotStoredError, StoreError) as error:
                self._say(f"the spool waits: {error}")
                pause_s = _AGAIN_S
            await asyncio.sleep(pause_s)

    async def run_left_behind(self, folder: Path) -> None:
        """Drain, now and then, the spools below a folder whose processes are no more."""
        while True:
            for each in await asyncio.to_thread(adopt, folder):
                try:
                    await self._drain_all(each)
                except (NotStoredError, StoreError) as error:
                    _log.warning("spool %s waits: %s", each, error)
            await asyncio.sleep(_LOOK_FOR_OTHERS_S)

    async def _drain_all(self, folder: Path) -> None:
        spool = await open_spool(folder, 0)
        try:
            while spool.depth:
                await self._drain_some(spool, folder)
        finally:
            await spool.close()

    async def _drain_some(self, spool: Spool, folder: Path) -> int:
        entries = await spool.peek(_RECORDS, _BYTES) if spool.depth else []
        if not entries:
            return 0
        stored, problem = await self._store(entries)
        if problem is not None and problem.for_ever and not stored:
            # in company it may be another one's fault
            stored, problem = await self._store(entries[:1])
            if problem is not None and problem.for_ever:
                await _set_aside(entries[0], folder)
                stored, problem = 1, None
        await spool.drop(stored)
        if problem is not None and not stored:
            raise problem
        return stored

    async def _store(self, entries: Sequence[Entry]) -> tuple[int, NotStoredError | None]:
        """Return how many from the first on are stored, and what kept the next one from it."""
        loop = asyncio.get_running_loop()
        results: list[asyncio.Future[NotStoredError | None]] = []
        for entry in entries:
            result = loop.create_future()
            try:
                self._producer.store(RawEntry(*entry[:4]), _told(result))
            except NotStoredError as error:
                result.set_result(error)
                results.append(result)
                break
            results.append(result)
        problems = await asyncio.gather(*results)
        for place, problem in enumerate(problems):
            if problem is not None:
                return place, problem
        return len(problems), None

    def _say(self, text: str) -> None:
        now = time.monotonic()
        if now - self._moment > _LOOK_FOR_OTHERS_S:
            self._moment = now
            _log.warning(text)


def _told(result: "asyncio.Future[NotStoredError | None]") -> Stored:
    def tell(problem: NotStoredError | None) -> None:
        if not result.done():
            result.set_result(problem)

    return tell


async def _set_aside(entry: Entry, folder: Path) -> None:
    refused = await open_spool(folder / _REFUSED, _REFUSED_BYTES)
    try:
        await refused.add(entry)
    finally:
        await refused.close()
    SPOOL_REFUSED.inc()
    _log.error("the brokers will never take a webhook for %s: it is set aside in %s", entry.topic, folder / _REFUSED)


def _show(spool: Spool) -> None:
    SPOOL_DEPTH.set(spool.depth)
    SPOOL_BYTES.set(spool.bytes)
    SPOOL_AGE.set(0 if spool.oldest_us is None else max(0.0, time.time() - spool.oldest_us / 1e6))
