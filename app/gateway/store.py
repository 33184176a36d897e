"""Where webhooks go: to the brokers, or to the disk while there are none."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import StoreError
from app.gateway.metrics import SPOOL_AGE, SPOOL_BYTES, SPOOL_DEPTH, SPOOL_ERRORS
from app.gateway.producer import NotStoredError, RawEntry, RawProducer
from app.gateway.spool import Entry, Spool, SpoolFullError, adopt, open_spool

_PATIENCE_S = 1.0
"""How long the brokers may take before a webhook goes to the disk as well."""
_DRAINED_RECORDS = 500
_DRAINED_BYTES = 4 * 1024 * 1024
_AGAIN_S = 1.0
_LOOK_S = 0.2
_LOOK_FOR_OTHERS_S = 10.0

Told = Callable[[str], None]
"""Is told once whether a webhook is stored: an empty text, or what went wrong."""

_log = logging.getLogger(__name__)


class Store:
    """Stores webhooks; with a spool, none is refused because the brokers are away.

    While anything lies in the spool, what comes goes there too, and all of it to the brokers in the order in which it
    came. A webhook that the brokers were too slow for may reach them twice; whatever follows from it counts once.
    """

    def __init__(self, producer: RawProducer, spool: Spool | None) -> None:
        self._producer = producer
        self._spool = spool
        self._writing: set[asyncio.Task[None]] = set()

    def put(self, entry: RawEntry, told: Told) -> None:
        """Store a webhook, and say by and by how it went."""
        if self._spool is not None and self._spool.depth:
            self._spool_it(entry, told)
            return
        waiting = _Waiting(self, entry, told)
        try:
            self._producer.store(entry, waiting.stored)
        except NotStoredError as error:
            waiting.stored(error)
            return
        if self._spool is not None:
            waiting.patience = asyncio.get_running_loop().call_later(_PATIENCE_S, waiting.impatient)

    def failed(self, entry: RawEntry, problem: str, told: Told) -> None:
        """Take a webhook that the brokers did not take."""
        if self._spool is None:
            told(problem)
        else:
            self._spool_it(entry, told)

    def _spool_it(self, entry: RawEntry, told: Told) -> None:
        task = asyncio.create_task(self._add(entry, told))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _add(self, entry: RawEntry, told: Told) -> None:
        assert self._spool is not None  # noqa: S101 - for mypy
        try:
            await self._spool.add(Entry(*entry, time.time_ns() // 1000))
        except SpoolFullError:
            SPOOL_ERRORS.labels("full").inc()
            told("the spool is full")
        except StoreError as error:
            SPOOL_ERRORS.labels("disk").inc()
            told(str(error))
        else:
            told("")

    async def drain(self, spool: Spool) -> None:
        """Bring what lies in a spool to the brokers, and keep its figures, until cancelled."""
        while True:
            _show(spool)
            try:
                moved = await self._drain_some(spool)
            except (NotStoredError, StoreError) as error:
                _log.warning("the spool waits: %s", error)
                await asyncio.sleep(_AGAIN_S)
            else:
                await asyncio.sleep(0 if moved else _LOOK_S)

    async def drain_left_behind(self, folder: Path) -> None:
        """Do the same, now and then, with spools whose processes are no more."""
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
                await self._drain_some(spool)
        finally:
            await spool.close()

    async def _drain_some(self, spool: Spool) -> int:
        entries = await spool.peek(_DRAINED_RECORDS, _DRAINED_BYTES) if spool.depth else []
        if entries:
            await self._store_all(entries)
            await spool.drop(len(entries))
        return len(entries)

    async def _store_all(self, entries: Sequence[Entry]) -> None:
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in entries]
        try:
            for entry, future in zip(entries, futures, strict=True):
                self._producer.store(RawEntry(*entry[:4]), _settle(future))
            await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()

    async def obstacle(self) -> str:
        """Return what keeps webhooks from being stored; empty if nothing does."""
        found = await self._producer.obstacle()
        if self._spool is None or not found:
            return found
        return "the spool is full" if self._spool.bytes >= self._spool.most_bytes else ""

    async def finish(self) -> None:
        """Wait until what is being written to the disk is there."""
        if self._writing:
            await asyncio.wait(self._writing)


class _Waiting:
    """A webhook that is on its way to the brokers, and goes to the disk if they are too slow or refuse it."""

    __slots__ = ("_entry", "_store", "_told", "patience")

    def __init__(self, store: Store, entry: RawEntry, told: Told) -> None:
        self._store = store
        self._entry = entry
        self._told: Told | None = told
        self.patience: asyncio.TimerHandle | None = None

    def stored(self, problem: NotStoredError | None) -> None:
        """Be told by the producer."""
        told, self._told = self._told, None
        if self.patience is not None:
            self.patience.cancel()
        if told is None:
            return
        if problem is None:
            told("")
        else:
            self._store.failed(self._entry, str(problem), told)

    def impatient(self) -> None:
        """Wait no longer."""
        told, self._told = self._told, None
        if told is not None:
            self._store.failed(self._entry, "", told)


def _settle(future: "asyncio.Future[None]") -> Callable[[NotStoredError | None], None]:
    def stored(problem: NotStoredError | None) -> None:
        if future.done():
            return
        if problem is None:
            future.set_result(None)
        else:
            future.set_exception(problem)

    return stored


def _show(spool: Spool) -> None:
    SPOOL_DEPTH.set(spool.depth)
    SPOOL_BYTES.set(spool.bytes)
    SPOOL_AGE.set(0 if spool.oldest_us is None else max(0.0, time.time() - spool.oldest_us / 1e6))
