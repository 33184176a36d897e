"""Reads topics back as a ``read_committed`` consumer sees them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition


class Stored(Protocol):
    """A record as aiokafka hands it over."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


async def read(bootstrap: str, topics: Iterable[str], partitions: int, take: Callable[[Stored], None]) -> int:
    """Hand over every record of these topics, each partition in its order; returns how many there were."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(partitions)])
        return await _read_to_the_end(consumer, take)
    finally:
        await consumer.stop()


async def _read_to_the_end(consumer: AIOKafkaConsumer, take: Callable[[Stored], None]) -> int:
    ends = await consumer.end_offsets(consumer.assignment())
    left = {tp for tp, end in ends.items() if end}
    count = 0
    while left:
        for records in (await consumer.getmany(*left, timeout_ms=200)).values():
            count += len(records)
            for record in records:
                take(record)
        left = {tp for tp in left if await consumer.position(tp) < ends[tp]}
    return count


async def read_rows(bootstrap: str, changelog: str, partitions: int) -> dict[bytes, bytes]:
    """Return the rows of a table: the last value of each key that was not deleted."""
    rows: dict[bytes, Any] = {}

    def take(record: Stored) -> None:
        rows[record.key or b""] = record.value

    await read(bootstrap, [changelog], partitions, take)
    return {key: value for key, value in rows.items() if value is not None}
