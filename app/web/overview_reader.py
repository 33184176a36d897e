"""Fills the overview from the topics, outside the consumer group: every worker reads all of them."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, TopicPartition

from app import avro
from app.domain.clock import DAY
from app.errors import BadInputError
from app.events import CreditChanged, DeliveryAlert, DeliveryStats, Micros, SuppressionChanged
from app.faust_batches import Record
from app.identity import check_tenant
from app.topics import Topic
from app.web.lag import LagReader
from app.web.overview import DeadLetter, Overview

LAST_DAY = (Topic.DELIVERY_STATS, Topic.SUPPRESSION_CHANGED, Topic.DEAD_LETTER)
WHOLE = (Topic.CREDIT_CHANGED, Topic.DELIVERY_ALERT)
"""Read from their beginning: an account's last change and an alert that is still raised may be older than a day."""

_MOST_RECORDS = 500
_PAUSE_S = 0.01
"""After so many records, which take about as long: reading a day's history leaves the loop to the agents."""
_PARTITION_BYTES = 64 * 1024
_LAG_EVERY_S = 15.0
_LONGEST_TEXT = 300


def take(overview: Overview, record: Record, now: Micros) -> None:
    """Add a record to the overview; what is not a record of its topic is left alone, for it is none of ours."""
    if record.topic == Topic.DEAD_LETTER:
        letter = dead_letter(record)
        overview.of(letter.tenant).take_dead_letter(letter, now)
        return
    try:
        value = avro.decode(record.topic, record.value)
    except BadInputError:
        return
    tenant = overview.of(value["tenant"])
    match record.topic:
        case Topic.DELIVERY_STATS:
            tenant.take_stats(cast("DeliveryStats", value), now)
        case Topic.SUPPRESSION_CHANGED:
            tenant.take_suppression(cast("SuppressionChanged", value), now)
        case Topic.CREDIT_CHANGED:
            tenant.take_credit(cast("CreditChanged", value))
        case Topic.DELIVERY_ALERT:
            tenant.take_alert(cast("DeliveryAlert", value))


def dead_letter(record: Record) -> DeadLetter:
    """Return what a dead letter says of itself in its headers; its body is not looked at."""
    # the agent's own headers come last
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    try:
        tenant = check_tenant(headers.get("tenant", ""))
    except BadInputError:
        tenant = ""
    origin = "/".join(headers.get(f"origin-{part}", "?") for part in ("topic", "partition", "offset"))
    return DeadLetter(record.timestamp * 1000, tenant, origin, headers.get("error-text", "")[:_LONGEST_TEXT])


class OverviewReader:
    """Follows the topics for as long as the worker runs."""

    def __init__(self, connection: Mapping[str, Any], overview: Overview, lag: LagReader) -> None:
        self._connection = connection
        self._overview = overview
        self._lag = lag

    async def run(self, partitions: int) -> None:
        """Follow the topics until cancelled; an error of the brokers that does not pass is raised."""
        consumer = AIOKafkaConsumer(
            **self._connection,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=_PARTITION_BYTES,
        )
        await consumer.start()
        try:
            pending = await _seek(consumer, partitions)
            lag_due = 0.0
            while True:
                pending = {tp: end for tp, end in pending.items() if await consumer.position(tp) < end}
                self._overview.caught_up = not pending
                if time.monotonic() >= lag_due:
                    self._overview.lag = await self._lag.read(consumer, partitions)
                    lag_due = time.monotonic() + _LAG_EVERY_S
                batches = await consumer.getmany(timeout_ms=1000, max_records=_MOST_RECORDS)
                self._take(record for records in batches.values() for record in records)
                if batches:
                    await asyncio.sleep(_PAUSE_S)
        finally:
            await consumer.stop()

    def _take(self, records: Iterable[Record]) -> None:
        now = time.time_ns() // 1000
        for record in records:
            take(self._overview, record, now)


async def _seek(consumer: AIOKafkaConsumer, partitions: int) -> dict[TopicPartition, int]:
    """Go to where each partition is to be read from; return where they end now."""
    recent = [TopicPartition(topic, number) for topic in LAST_DAY for number in range(partitions)]
    whole = [TopicPartition(topic, number) for topic in WHOLE for number in range(partitions)]
    consumer.assign(recent + whole)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(recent + whole)
    day_ago_ms = (time.time_ns() // 1000 - DAY) // 1000
    first = await consumer.offsets_for_times(dict.fromkeys(recent, day_ago_ms))
    starts = {tp: found.offset if found else ends[tp] for tp, found in first.items()}
    starts |= await consumer.beginning_offsets(whole)
    for tp, offset in starts.items():
        consumer.seek(tp, offset)
    return {tp: end for tp, end in ends.items() if starts[tp] < end}
