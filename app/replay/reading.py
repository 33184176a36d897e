"""Reads topics up to where they ended when the reading began: committed records only, outside any consumer group."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.progress import Progress

from app.errors import UndeliveredError
from app.faust_batches import Record

_FETCH_BYTES = 4 * 1024 * 1024
_POLL_MS = 200


class OpenTransactionError(UndeliveredError):
    """A transaction was left open for too long: what lies behind it cannot be read."""


class Span(NamedTuple):
    """A part of a partition."""

    start: int
    end: int
    """Exclusive."""


Spans = Mapping[TopicPartition, Span]


class Reader:
    """Reads for the length of an async with block.

    ``patience_s`` is how long it waits for a transaction to end; the brokers end one that was left open.
    """

    def __init__(self, connection: Mapping[str, Any], patience_s: float, progress: Progress) -> None:
        self._connection = connection
        self._patience_s = patience_s
        self._progress = progress
        self._consumer = _consumer(connection, "read_committed")

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def whole(self, topics: Iterable[str], partitions: int) -> dict[TopicPartition, Span]:
        """Return all that has been written to topics, what is in open transactions included."""
        tps = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        starts = await self._consumer.beginning_offsets(tps)
        everything = _consumer(self._connection, "read_uncommitted")
        await everything.start()
        try:
            ends = await everything.end_offsets(tps)
        finally:
            await everything.stop()
        return {tp: Span(starts[tp], ends[tp]) for tp in tps}

    async def first_since(self, tps: Iterable[TopicPartition], moment: int) -> dict[TopicPartition, int]:
        """Return the offset of the first record of each partition that is not older than a moment, if there is one."""
        found = await self._consumer.offsets_for_times(dict.fromkeys(tps, moment // 1000))
        return {tp: each.offset for tp, each in found.items() if each is not None}

    async def read(self, title: str, spans: Spans, take: Callable[[Record], None]) -> None:
        """Hand over the records of these spans, those of each partition in their order.

        Raises OpenTransactionError.
        """
        left = {tp: span for tp, span in spans.items() if span.start < span.end}
        self._consumer.assign(list(left))
        for tp, span in left.items():
            self._consumer.seek(tp, span.start)
        shown = self._progress.add_task(title, total=sum(end - start for start, end in left.values()))
        positions: dict[TopicPartition, int] = {}
        moved = time.monotonic()
        while left:
            for tp, records in (await self._consumer.getmany(*left, timeout_ms=_POLL_MS)).items():
                for record in records:
                    if record.offset < left[tp].end:
                        take(record)
                self._progress.advance(shown, len(records))
            if positions != (positions := {tp: await self._consumer.position(tp) for tp in left}):
                moved = time.monotonic()
            elif time.monotonic() - moved > self._patience_s:
                raise OpenTransactionError(_stuck(left, self._patience_s))
            left = {tp: span for tp, span in left.items() if positions[tp] < span.end}
        self._progress.remove_task(shown)


def _consumer(connection: Mapping[str, Any], isolation_level: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection,
        isolation_level=isolation_level,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )


def _stuck(left: Spans, seconds: float) -> str:
    names = ", ".join(sorted(f"{tp.topic}/{tp.partition}" for tp in left))
    return f"{names}: a transaction has been open for more than {seconds:.0f} s; run this again when it has ended"
