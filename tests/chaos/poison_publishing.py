"""Writes records, also those that no client of Kafka would send as they are."""

import struct
from collections.abc import Awaitable
from random import Random

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from tests.chaos.poison import Draft, Headers

LARGEST_REQUEST = 8 * 1024 * 1024

_STAND_IN = "chaos-\x1a\x1a\x1a"
"""As long as the name whose place it keeps."""
_NAME = b"chaos-\xff\xc3\x28"
"""No UTF-8: a byte that begins nothing, and a beginning without its end."""
_CRC_AT = 17
_CRC_FROM = 21


class _UnreadableNames(BatchBuilder):  # type: ignore[misc] # aiokafka has no types
    """A batch whose header names are no UTF-8: aiokafka takes text only, so the bytes are changed afterwards."""

    _buffer: bytearray | None

    def _build(self) -> bytearray:
        if self._buffer is None:
            batch = bytearray(super()._build()).replace(_STAND_IN.encode(), _NAME)
            struct.pack_into(">I", batch, _CRC_AT, calc_crc32c(bytes(batch[_CRC_FROM:])))
            self._buffer = batch
        return self._buffer


class Sender:
    """Writes each record as its draft says; ``compressing`` is for those that are compressed."""

    def __init__(self, producer: AIOKafkaProducer, compressing: AIOKafkaProducer, rng: Random) -> None:
        self._producer = producer
        self._compressing = compressing
        self._rng = rng

    async def send(self, record: Draft) -> Awaitable[object]:
        """Hand a record over; returns what is done when the brokers have it."""
        if record.unreadable_names:
            return await self._send_unreadable(record)
        producer = self._compressing if record.compressed else self._producer
        sent: Awaitable[object] = await producer.send(
            record.topic,
            record.value,
            key=record.key,
            partition=record.partition,
            headers=record.headers,
            timestamp_ms=record.timestamp_ms,
        )
        return sent

    async def _send_unreadable(self, record: Draft) -> Awaitable[object]:
        batch = _UnreadableNames(LARGEST_REQUEST, 0)
        headers: Headers = [*record.headers, (_STAND_IN, b"hostile")]
        batch.append(timestamp=record.timestamp_ms, key=record.key, value=record.value, headers=headers)
        batch.close()
        partitions = len(await self._producer.partitions_for(record.topic))
        partition = self._rng.randrange(partitions)
        if record.key is not None:
            partition = (murmur2(record.key) & 0x7FFFFFFF) % partitions
        sent: Awaitable[object] = await self._producer.send_batch(batch, record.topic, partition=partition)
        return sent
