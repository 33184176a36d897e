"""Brings rows up to the end of their changelogs."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition

from app.errors import RetriesExhaustedError
from app.faust_batches.faults import reached
from app.faust_batches.rows import PartitionRows
from app.faust_batches.rows.partition_rows import DUE_HEADER, decode_due
from app.faust_batches.transaction import Row
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.fetching import Fetched, Fetching, FetchSizes
from app.faust_batches.wire.offsets import Extent

log = logging.getLogger(__name__)

TOMBSTONE_S = 24 * 3600.0
"""``delete.retention.ms`` of the changelogs: rows that were away longer may have missed that others were deleted."""
_SIZES = FetchSizes(answer=16 * 1024 * 1024, partition=2 * 1024 * 1024)


async def read_changelogs(
    brokers: Brokers,
    rows_of: Mapping[TopicPartition, PartitionRows],
    extents: Mapping[TopicPartition, Extent],
    patience_s: float,
) -> int:
    """Bring rows up to the end of their changelog partitions, the high watermark; returns how many records were read.

    Call it after every older writer was fenced: then nothing can follow the end. Not to the last stable offset: an
    open transaction of an older writer may hide behind it what was committed.
    """
    for tp, rows in rows_of.items():
        _forget_what_cannot_be_caught_up(tp, rows, extents[tp])
    starts = {tp: max(rows.position, extents[tp].beginning) for tp, rows in rows_of.items()}
    behind = {tp: extents[tp].end for tp, start in starts.items() if start < extents[tp].end}
    if not behind:
        return 0
    reading = _Reading(rows_of, behind)
    fetching = Fetching(brokers, {tp: starts[tp] for tp in behind}, _SIZES, reading.take, reading.room)
    following = asyncio.create_task(fetching.run())
    try:
        await reading.wait(following, patience_s)
    finally:
        following.cancel()
        await asyncio.wait([following])
    return reading.records


class _Reading:
    """Applies what comes, and knows when all of it has."""

    def __init__(self, rows_of: Mapping[TopicPartition, PartitionRows], ends: Mapping[TopicPartition, int]) -> None:
        self._rows_of = rows_of
        self._left = dict(ends)
        self._moved = asyncio.Event()
        self.records = 0

    def take(self, fetched: Fetched) -> None:
        """Apply rows; commit markers occupy offsets, so that the position tells how far it is."""
        tp = fetched.partition
        if fetched.passed_over is not None:
            log.error("%s/%d: a record batch is too large to be unpacked, its rows are missing", *tp)
        self._rows_of[tp].apply(_changes(fetched.records), fetched.next_offset)
        self.records += len(fetched.records)
        if fetched.next_offset >= self._left.get(tp, 0):
            self._left.pop(tp, None)
        self._moved.set()
        reached("recovering")

    async def room(self) -> None:
        """Wait for nothing: rows are applied at once."""

    async def wait(self, following: asyncio.Task[None], patience_s: float) -> None:
        """Wait for the end; raises what ends the reading before, or RetriesExhaustedError when nothing comes."""
        while self._left:
            self._moved.clear()
            moved = asyncio.create_task(self._moved.wait())
            await asyncio.wait([following, moved], timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                moved.cancel()
                following.result()
            elif not moved.done():
                moved.cancel()
                stuck = ", ".join(f"{tp.topic}/{tp.partition}" for tp in sorted(self._left))
                raise RetriesExhaustedError(f"read changelogs: nothing came for {patience_s:.0f} s from {stuck}")


def _forget_what_cannot_be_caught_up(tp: TopicPartition, rows: PartitionRows, extent: Extent) -> None:
    if rows.position > extent.end:
        reason = f"they stand for offset {rows.position}, beyond its end {extent.end}"
    elif 0 < rows.position < extent.end and 0 < rows.written_at < time.time() - TOMBSTONE_S:
        reason = "they were away for longer than the changelog keeps tombstones"
    else:
        return
    log.warning("rows of %s/%d are rebuilt: %s", tp.topic, tp.partition, reason)
    rows.clear()


def _changes(records: Sequence[Any]) -> dict[bytes, Row | None]:
    """Return the rows in changelog records, the last of each key; what has no row's key was written by a stranger."""
    return {
        record.key: None if record.value is None else Row(record.value, _due(record.headers))
        for record in records
        if record.key and record.key[0]
    }


def _due(headers: Sequence[tuple[str, bytes]]) -> int | None:
    return decode_due(headers[0][1]) if headers and headers[0][0] == DUE_HEADER else None
