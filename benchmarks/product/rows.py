"""Rows of recipients in their changelog, copied under other numbers."""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.product.topics import partitions_of
from benchmarks.progress import BenchmarkError, Patience

_TOPIC_ENDS = "-recipients-changelog"
_NUMBER = re.compile(rb"\+6012\d{7}")
_BATCH_BYTES = 500_000


class StoredRow(NamedTuple):
    """A record of the changelog."""

    topic: str
    number: bytes
    """The recipient's, as it stands in the key."""
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]

    def of(self, number: bytes) -> "StoredRow":
        """Return this row for another number of the same length."""
        key, value = (text.replace(self.number, number) for text in (self.key, self.value))
        return self._replace(number=number, key=key, value=value)


async def rows_of(bootstrap: str) -> list[StoredRow]:
    """Return the rows that a worker has written; raises BenchmarkError if there are none."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    rows: list[StoredRow] = []
    async with consumer:
        partitions = await partitions_of(bootstrap, _TOPIC_ENDS)
        ends = await consumer.end_offsets(partitions)
        consumer.assign(partitions)
        behind = set(partitions)
        patience = Patience("rows are read", [])
        while behind:
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                rows.extend(
                    StoredRow(partition.topic, found[0], record.key, record.value, record.headers)
                    for record in records
                    if record.value and (found := _NUMBER.search(record.key or b""))
                )
            behind = {each for each in behind if await consumer.position(each) < ends[each]}
            await patience.look(f"{len(rows)} rows, {len(behind)} partitions left")
    if not rows:
        raise BenchmarkError(f"no row in a topic named *{_TOPIC_ENDS} is that of a number")
    return rows


async def copy_rows(bootstrap: str, models: Sequence[StoredRow], count: int) -> None:
    """Write so many rows, each for another number."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20, max_batch_size=_BATCH_BYTES)
    async with producer:
        written = [
            await producer.send(row.topic, row.value, key=row.key, headers=list(row.headers))
            for row in itertools.islice(_copies(models), count)
        ]
        await producer.flush()
        for each in written:
            each.result()


def _copies(models: Sequence[StoredRow]) -> Iterator[StoredRow]:
    for number, model in enumerate(itertools.cycle(models)):
        yield model.of(b"+6013%07d" % number)
