"""A reader of `suppression.changed`, as downstream has one: committed records only."""

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.product.stack import PARTITIONS
from benchmarks.progress import Patience, Watched

TOPIC = "suppression.changed"
_NUMBER = re.compile(rb"\+\d+")


class Reader:
    """Notes what becomes readable within an `async with` block, and when."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        self._reading: asyncio.Task[None] | None = None
        self.seen: dict[str, float] = {}
        """When the first record about a recipient was read, by the monotonic clock."""
        self.arrivals: list[float] = []
        """When records became readable, by the monotonic clock."""

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign([TopicPartition(TOPIC, number) for number in range(PARTITIONS)])
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
        await self._consumer.stop()

    def check(self) -> None:
        """Raise the error that ended the reading."""
        if self._reading is not None and self._reading.done():
            self._reading.result()

    def last_words(self) -> str:
        """Return nothing: its errors speak."""
        return ""

    async def wait_for(self, recipients: Iterable[str], watched: Sequence[Watched]) -> None:
        """Return when there was a record about each of these."""
        missing = set(recipients)
        total = len(missing)
        patience = Patience(f"webhooks to {TOPIC}", [self, *watched])
        while missing := {each for each in missing if each not in self.seen}:
            await patience.look(f"{total - len(missing):,} of {total:,}")

    async def _read(self) -> None:
        while True:
            found = await self._consumer.getmany(timeout_ms=1000)
            now = time.monotonic()
            if found:
                self.arrivals.append(now)
            for records in found.values():
                for record in records:
                    for number in _NUMBER.findall(record.key or b""):
                        self.seen.setdefault(number.decode(), now)
