"""Fills the overview from the topics, outside the consumer group: every worker that is asked reads for itself.

What is read is bounded, so these can be missing, and ``partly_read`` names the topics concerned:

- what lies further back in a topic than `MOST_READ` says, even within the last day;
- an account that has not changed, or an alert that has not been raised or cleared, within that tail: of these two
  topics it alone is read, because what stands in them counts for longer than a day;
- a record that cannot be unpacked, with what follows in its batch and up to as many behind that.

A record that is none of ours is counted (``undelivered_overview_passed_over_total``) and passed over.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError
from prometheus_client import Counter

from app.domain.clock import DAY
from app.faust_batches import Record
from app.topics import Topic
from app.web.lag import LagReader
from app.web.overview import Overview
from app.web.overview_records import take

MOST_READ: Mapping[Topic, int] = {
    Topic.DELIVERY_STATS: 200_000,
    Topic.SUPPRESSION_CHANGED: 200_000,
    Topic.DEAD_LETTER: 200_000,
    Topic.CREDIT_CHANGED: 50_000,
    Topic.DELIVERY_ALERT: 50_000,
}
"""Offsets before a topic's end, shared out evenly to its partitions; all of them take about a minute."""
LAST_DAY = (Topic.DELIVERY_STATS, Topic.SUPPRESSION_CHANGED, Topic.DEAD_LETTER)
"""Of these, nothing older than a day by the records' timestamps."""

_MOST_AT_ONCE = 200
_REST = 2.0
"""How many times as long as it worked it leaves the loop to the agents: 4 ms, then 8 ms."""
_LOOK_AGAIN_S = 0.2
_PARTITION_BYTES = 64 * 1024
_LAG_EVERY_S = 15.0

_PASSED_OVER = Counter(
    "undelivered_overview_passed_over_total", "Records that the page's overview could not use", ["topic"]
)


class OverviewReader:
    """Reads the topics into an overview."""

    def __init__(self, connection: Mapping[str, Any], partitions: int, lag: LagReader) -> None:
        self._connection = connection
        self._partitions = partitions
        self._lag = lag

    async def follow(self, overview: Overview) -> None:
        """Follow the topics until cancelled; an error of the brokers that does not pass is raised."""
        consumer = AIOKafkaConsumer(
            **self._connection,
            isolation_level="read_committed",
            # starting over at the beginning would read without bound
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=_PARTITION_BYTES,
        )
        try:
            await consumer.start()
            reading = Reading(consumer, overview)
            await reading.seek(self._partitions)
            lag_due = 0.0
            while True:
                if time.monotonic() >= lag_due:
                    overview.lag = await self._lag.read()
                    lag_due = time.monotonic() + _LAG_EVERY_S
                if not await reading.sweep():
                    await asyncio.sleep(_LOOK_AGAIN_S)
        finally:
            await consumer.stop()


class Reading:
    """One consumer's way through the topics."""

    def __init__(self, consumer: AIOKafkaConsumer, overview: Overview) -> None:
        self._consumer = consumer
        self._overview = overview
        self._pending: dict[TopicPartition, int] = {}
        """Where the partitions ended at the start that have not been read up to there."""
        self._skips: dict[TopicPartition, int] = {}
        """How many offsets were last passed over where nothing can be unpacked; 0: one record is taken at a time."""

    async def seek(self, partitions: int) -> None:
        """Go to where each partition is to be read from."""
        consumer = self._consumer
        tps = [TopicPartition(topic, number) for topic in MOST_READ for number in range(partitions)]
        ends = await consumer.end_offsets(tps)
        wanted = await consumer.beginning_offsets(tps)
        day_ago_ms = (time.time_ns() // 1000 - DAY) // 1000
        first = await consumer.offsets_for_times({tp: day_ago_ms for tp in tps if tp.topic in LAST_DAY})
        wanted |= {tp: found.offset if found else ends[tp] for tp, found in first.items()}
        # at once with the seeks: a partition without a position would be an error
        consumer.assign(tps)
        for tp in tps:
            start = max(wanted[tp], ends[tp] - MOST_READ[tp.topic] // partitions)
            if start > wanted[tp]:
                self._overview.partly_read.add(str(tp.topic))
            if start < ends[tp]:
                self._pending[tp] = ends[tp]
            consumer.seek(tp, start)

    async def sweep(self) -> bool:
        """Take what has arrived of every partition; False when nothing has."""
        found = False
        for tp in self._consumer.assignment():
            began = time.perf_counter()
            records = await self._records(tp)
            if records:
                found = True
                self._take(records)
                await asyncio.sleep(_REST * (time.perf_counter() - began))
        # a position moves past markers too, and past what was aborted
        self._pending = {tp: end for tp, end in self._pending.items() if await self._consumer.position(tp) < end}
        self._overview.caught_up = not self._pending
        return found

    def _take(self, records: list[Record]) -> None:
        now = time.time_ns() // 1000
        for record in records:
            try:
                take(self._overview, record, now)
            except Exception:  # noqa: BLE001 - a record may hold anything, and none may end this
                _PASSED_OVER.labels(record.topic).inc()

    async def _records(self, tp: TopicPartition) -> list[Record]:
        """Return what has arrived of one partition: what is raised is then about that one, and costs no other's."""
        most = 1 if tp in self._skips else _MOST_AT_ONCE
        try:
            found = await self._consumer.getmany(tp, timeout_ms=0, max_records=most)
        except CorruptRecordException:
            await self._pass_over(tp)
            return []
        except KafkaError:
            raise
        except Exception:  # noqa: BLE001 - what it cannot unpack: a header's name that is not UTF-8, a broken compression
            await self._pass_over(tp)
            return []
        records: list[Record] = found.get(tp, [])
        if records and self._skips.get(tp):
            del self._skips[tp]
        return records

    async def _pass_over(self, tp: TopicPartition) -> None:
        """Go on behind what cannot be unpacked: how long its batch is cannot be known, each step is twice the last."""
        if tp not in self._skips:
            # those before it were lost with it; taken one by one they are not
            self._skips[tp] = 0
            return
        position = await self._consumer.position(tp)
        end = (await self._consumer.end_offsets([tp]))[tp]
        skip = self._skips[tp] = 2 * self._skips[tp] or 1
        target = min(position + skip, end)
        if target <= position:
            raise KafkaError("the end of a partition cannot be read")
        self._consumer.seek(tp, target)
        self._overview.partly_read.add(str(tp.topic))
        _PASSED_OVER.labels(tp.topic).inc(target - position)
