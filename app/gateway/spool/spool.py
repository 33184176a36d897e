"""The spool as the gateway sees it: many requests add at the same time, one task drains."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar, TypeVarTuple

from app.gateway.spool.disk import SpoolError, SpoolFullError
from app.gateway.spool.entries import Entry, encode
from app.gateway.spool.log import Log

_SEGMENT_BYTES = 16 * 1024 * 1024

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _Waiting(NamedTuple):
    frame: bytes
    spooled_at_us: int
    written: asyncio.Future[None]


class Spool:
    """A folder of entries, for one process and one event loop; it is opened by ``open_spool``.

    All methods raise SpoolError if the disk fails or the spool is closed. What was acknowledged is drained at least
    once: after a crash, entries that were dropped in the last moments come again.
    """

    def __init__(self, folder: Path, most_bytes: int, segment_bytes: int = _SEGMENT_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._segment_bytes = segment_bytes
        self._log = Log(folder, segment_bytes)
        # one thread: whatever touches the disk happens in turn
        self._thread = ThreadPoolExecutor(1, "spool")
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._is_open = False

    @property
    def depth(self) -> int:
        """Entries on the disk that are not dropped."""
        return self._log.depth

    @property
    def bytes(self) -> int:
        """Bytes on the disk, segments set aside as damaged among them."""
        return self._log.size

    @property
    def most_bytes(self) -> int:
        """The bound of `bytes`."""
        return self._most_bytes

    @property
    def oldest_us(self) -> int | None:
        """When the oldest entry was spooled, in microseconds since 1970; None if there is none."""
        return self._log.oldest_us if self._log.depth else None

    async def open(self) -> None:
        """Lock the folder, creating it where it is missing, and count what is in it."""
        try:
            await self._in_thread(self._log.open)
            self._is_open = True
        except BaseException:
            # also if cancelled: the thread may only now be locking the folder
            self._thread.submit(self._log.close)
            self._thread.shutdown(wait=False)
            raise

    async def add(self, entry: Entry) -> None:
        """Return when an entry is on the disk; raises SpoolFullError when there is no room for it.

        Entries that come while others are being written share the next write. Safe to be cancelled; that leaves open
        whether the entry is written.
        """
        self._check_open()
        frame = encode(entry)
        # what is being written may count twice for a moment: rather too early than too late
        if self._log.size + self._waiting_bytes + len(frame) > self._most_bytes:
            raise SpoolFullError(f"spool {self._folder}: it is full, with at most {self._most_bytes} bytes")
        waiting = _Waiting(frame, entry.spooled_at_us, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._waiting_bytes += len(frame)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting())
        await waiting.written

    async def peek(self, most_records: int, most_bytes: int) -> Sequence[Entry]:
        """Return the oldest entries, up to a number and to encoded bytes; at least one if there is any."""
        self._check_open()
        return await self._in_thread(self._log.peek, most_records, most_bytes)

    async def drop(self, count: int) -> None:
        """Forget the oldest entries, which must have been peeked at; cancellation does not keep it from happening."""
        self._check_open()
        await asyncio.shield(self._in_thread(self._log.drop, count))

    async def close(self) -> None:
        """Write what waits, remember the position and unlock the folder; safe to be called again."""
        if not self._is_open:
            return
        self._is_open = False
        if self._writer is not None:
            await asyncio.wait([self._writer])
        await self._in_thread(self._log.close)
        self._thread.shutdown(wait=False)

    def _check_open(self) -> None:
        if not self._is_open:
            raise SpoolError(f"spool {self._folder}: it is not open")

    def _in_thread(self, work: Callable[[*_Ts], _T], *arguments: *_Ts) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            live = [each for each in batch if not each.written.done()]
            try:
                if live:
                    await self._in_thread(self._log.append, [each.frame for each in live], live[0].spooled_at_us)
            except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                _refuse(live, error)
            else:
                _acknowledge(live)
            finally:
                self._waiting_bytes -= sum(len(each.frame) for each in batch)

    def _next_batch(self) -> list[_Waiting]:
        """Take as many as fit one segment, at least one."""
        batch = [self._waiting.popleft()]
        room = self._segment_bytes - len(batch[0].frame)
        while self._waiting and len(self._waiting[0].frame) <= room:
            batch.append(self._waiting.popleft())
            room -= len(batch[-1].frame)
        return batch


async def open_spool(folder: Path, most_bytes: int, segment_bytes: int = _SEGMENT_BYTES) -> Spool:
    """Return the spool in a folder, which is created where it is missing.

    Raises SpoolError if another process has it, or if it cannot be read or written.
    """
    spool = Spool(folder, most_bytes, segment_bytes)
    await spool.open()
    return spool


def _acknowledge(batch: list[_Waiting]) -> None:
    for each in batch:
        if not each.written.done():
            each.written.set_result(None)


def _refuse(batch: list[_Waiting], error: Exception) -> None:
    for each in batch:
        if not each.written.done():
            # each its own: an exception that several tasks raise gathers all their tracebacks
            failure = SpoolError(str(error))
            failure.__cause__ = error
            each.written.set_exception(failure)
