"""Where webhooks go: to the brokers, or to the disk while there are none."""

import asyncio
import time
from collections.abc import Callable

from app.errors import StoreError
from app.gateway.metrics import SPOOL_ERRORS
from app.gateway.producer import NotStoredError, RawEntry, RawProducer
from app.gateway.spool import Entry, Spool, SpoolFullError

_PATIENCE_S = 1.0
"""How long the brokers may take before a webhook goes to the disk as well."""

Told = Callable[[str], None]
"""Is told once whether a webhook is stored: an empty text, or what went wrong."""


class Store:
    """Stores webhooks; with a spool, none is refused because the brokers are away.

    While anything lies in the spool, what comes goes there too, and all of it to the brokers in the order in which it
    came. A webhook that the brokers were too slow for may reach them twice; whatever follows from it counts once.
    """

    def __init__(self, producer: RawProducer, spool: Spool | None, body_bytes: int) -> None:
        self._producer = producer
        self._spool = spool
        self._body_bytes = body_bytes
        self._writing: set[asyncio.Task[None]] = set()

    def put(self, entry: RawEntry, told: Told) -> None:
        """Store a webhook, and say by and by how it went."""
        if self._spool is None:
            self._put_without_spool(entry, told)
        elif self._spool.depth:
            self.spool(entry, told)
        else:
            _Waiting(self, entry, told).send(self._producer)

    def _put_without_spool(self, entry: RawEntry, told: Told) -> None:
        try:
            self._producer.store(entry, lambda problem: told("" if problem is None else str(problem)))
        except NotStoredError as error:
            told(str(error))

    def spool(self, entry: RawEntry, told: Told) -> None:
        """Take a webhook to the disk that the brokers did not take, or not soon enough."""
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

    async def obstacle(self) -> str:
        """Return what keeps webhooks from being stored; empty if nothing does."""
        missing = await self._producer.missing_topics()
        if missing:
            return f"topics are missing: {', '.join(missing)}"
        if missing is not None:
            return ""
        if self._spool is None:
            return self._producer.obstacle
        return "the spool is full" if self._spool.bytes + self._body_bytes > self._spool.most_bytes else ""

    async def finish(self) -> None:
        """Wait until what is being written to the disk is there."""
        if self._writing:
            await asyncio.wait(self._writing)


class _Waiting:
    """A webhook that is on its way to the brokers, and goes to the disk if they are too slow or refuse it."""

    __slots__ = ("_entry", "_patience", "_store", "_told")

    def __init__(self, store: Store, entry: RawEntry, told: Told) -> None:
        self._store = store
        self._entry = entry
        self._told: Told | None = told
        self._patience: asyncio.TimerHandle | None = None

    def send(self, producer: RawProducer) -> None:
        try:
            producer.store(self._entry, self._stored)
        except NotStoredError as error:
            self._stored(error)
        else:
            self._patience = asyncio.get_running_loop().call_later(_PATIENCE_S, self._go_to_the_disk)

    def _stored(self, problem: NotStoredError | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        if problem is not None:
            self._go_to_the_disk()
        elif self._told is not None:
            told, self._told = self._told, None
            told("")

    def _go_to_the_disk(self) -> None:
        told, self._told = self._told, None
        if told is not None:
            self._store.spool(self._entry, told)
