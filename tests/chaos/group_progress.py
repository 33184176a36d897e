"""How far a group has come with its input, and when it has nothing left to do."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

_POLL_MS = 300
_QUIET_S = 3.0


class GroupProgress:
    """Looks at a group from outside; opened anew after each error, for brokers come and go."""

    def __init__(
        self, bootstrap: str, group: str, inputs: Iterable[str], outputs: Iterable[str], partitions: int
    ) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self.sums: Counter[str] = Counter()
        """Committed offsets of each input, added up, when they were last looked at."""
        self._inputs = [TopicPartition(topic, number) for topic in inputs for number in range(partitions)]
        self._all = [
            *self._inputs,
            *(TopicPartition(topic, number) for topic in outputs for number in range(partitions)),
        ]

    async def look(self) -> None:
        """Bring ``sums`` up to date; while the cluster does not answer they stay as they are."""
        with contextlib.suppress(KafkaError, asyncio.TimeoutError, OSError):
            async with asyncio.timeout(5):
                await self._committed()

    async def is_idle(self) -> bool:
        """Tell whether every record is consumed, and no transaction is open."""
        return await self._idle_ends() is not None

    async def behind(self) -> str:
        """Return which inputs are not consumed to their ends, and which topics hold open transactions."""
        try:
            async with asyncio.timeout(30):
                lag, opened = await self._lag(), await self._open()
        except TimeoutError:
            return "the cluster does not answer"
        return f"not consumed: {lag or 'nothing'}; transactions open in: {opened or 'nothing'}"

    async def wait_until_idle(self, timeout_s: float, look_after: Callable[[], None]) -> None:
        """Return when every record is consumed, no transaction is open, and nothing has been written for a while.

        ``look_after`` is called at each look. Raises TimeoutError.
        """
        deadline = time.monotonic() + timeout_s
        still_since = time.monotonic()
        before: Mapping[TopicPartition, int] = {}
        while True:
            look_after()
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"group {self._group} did not become idle in {timeout_s:.0f} s; {await self.behind()}"
                )
            ends = await self._idle_ends()
            if ends is None or ends != before:
                still_since, before = time.monotonic(), ends or {}
            elif time.monotonic() - still_since > _QUIET_S:
                return
            await asyncio.sleep(0.5)

    async def _committed(self) -> dict[TopicPartition, int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self._group)
        finally:
            await admin.close()
        committed = {tp: max(0, found[tp].offset) if tp in found else 0 for tp in self._inputs}
        self.sums = Counter()
        for tp, offset in committed.items():
            self.sums[tp.topic] += offset
        return committed

    async def _idle_ends(self) -> Mapping[TopicPartition, int] | None:
        """Return the ends of all partitions, or None when there is something left to do."""
        try:
            async with asyncio.timeout(30), _reader(self._bootstrap, "read_committed") as consumer:
                # first of all, so that ``sums`` follow a group that is never without an open transaction
                committed = await self._committed()
                stable = await consumer.end_offsets(self._all)
                async with _reader(self._bootstrap, "read_uncommitted") as other:
                    if await other.end_offsets(self._all) != stable:
                        return None  # a transaction is open
                behind = {tp: at for tp, at in committed.items() if at < stable[tp]}
                return None if behind and await _holds_records(consumer, behind, stable) else stable
        except (KafkaError, TimeoutError, OSError):
            return None

    async def _lag(self) -> dict[str, int]:
        with contextlib.suppress(KafkaError, OSError):
            async with _reader(self._bootstrap, "read_committed") as consumer:
                ends, committed = await consumer.end_offsets(self._inputs), await self._committed()
                behind = {tp: at for tp, at in committed.items() if at < ends[tp]}
                with_records = [tp for tp, at in behind.items() if await _holds_records(consumer, {tp: at}, ends)]
                return {f"{tp.topic}/{tp.partition}": ends[tp] - behind[tp] for tp in with_records}
        return {}

    async def _open(self) -> list[str]:
        with contextlib.suppress(KafkaError, OSError):
            async with _reader(self._bootstrap, "read_committed") as consumer:
                stable = await consumer.end_offsets(self._all)
            async with _reader(self._bootstrap, "read_uncommitted") as consumer:
                ends = await consumer.end_offsets(self._all)
            return [f"{tp.topic}/{tp.partition}" for tp, end in ends.items() if stable[tp] < end]
        return []


@contextlib.asynccontextmanager
async def _reader(bootstrap: str, isolation_level: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level=isolation_level, enable_auto_commit=False, fetch_max_wait_ms=100
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def _holds_records(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> bool:
    """Tell whether there is a record between these offsets, or commit markers alone."""
    consumer.assign(list(starts))
    for tp, offset in starts.items():
        consumer.seek(tp, offset)
    left = set(starts)
    while left:
        if await consumer.getmany(*left, timeout_ms=_POLL_MS, max_records=1):
            return True
        left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    return False
