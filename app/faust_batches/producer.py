"""A task's transactional producer: outputs and rows as record batches, offsets, one commit."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced
from aiokafka.producer import sender

from app.errors import FencedError
from app.faust_batches.batch import Batch, Outgoing, partition_of
from app.faust_batches.faults import reached

# aiokafka sleeps this long when the broker has not quite ended the transaction before; 20 ms would be most of the
# latency at low rates
sender.BACKOFF_OVERRIDE = 0.002

# brokers refuse record batches above 1,048,588 bytes unless told otherwise
MAX_BATCH_BYTES = 900_000
MAX_REQUEST_BYTES = 2_000_000


class TaskProducer:
    """One transactional id: starting it ends whatever an older owner of the task left open, and fences that owner."""

    def __init__(self, transactional_id: str, group: str, timeout_ms: int, connection: Mapping[str, Any]) -> None:
        self._group = group
        self._producer = AIOKafkaProducer(
            **connection,
            client_id=transactional_id,
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            # brokers since 3.6 answer the first produce of a transaction with a retriable error now and then
            retry_backoff_ms=5,
        )
        self._partitions: dict[str, int] = {}

    async def start(self) -> None:
        """Fence older owners (InitProducerId)."""
        await self._producer.start()

    async def stop(self) -> None:
        """Close the connections; an open transaction is left to the next owner's fencing."""
        await self._producer.stop()
        for future in self._left_behind():
            _look_at(future)

    def _left_behind(self) -> Iterator[asyncio.Future[Any]]:
        """Find the futures on which aiokafka has put the error that ended it, and which nobody awaits."""
        batches = self._producer._message_accumulator._batches  # noqa: SLF001 - pinned version
        yield from (batch._drain_waiter for waiting in batches.values() for batch in waiting)  # noqa: SLF001
        if end := self._producer._txn_manager.wait_for_transaction_end():  # noqa: SLF001
            yield end

    async def commit(
        self,
        outputs: Mapping[tuple[str, int | None], list[Outgoing]],
        changelogs: Mapping[str, Mapping[bytes, bytes | None]],
        partition: int,
        batches: Iterable[Batch],
    ) -> dict[str, int]:
        """Write outputs, rows and input offsets in one transaction.

        ``changelogs`` maps changelog topics to rows, written to ``partition``. Returns, for each of them, the offset
        after its last row.

        Raises FencedError when another worker owns the task by now.
        """
        try:
            await self._producer.begin_transaction()
            reached("begun")
            deliveries = [await self._append(*batch) for batch in await self._by_partition(outputs)]
            rows = [
                (topic, await self._append(topic, partition, [Outgoing(k, v, [], None) for k, v in changed.items()]))
                for topic, changed in changelogs.items()
                if changed
            ]
            reached("appended")
            offsets = {TopicPartition(batch.topic, batch.partition): batch.next_offset for batch in batches}
            if offsets:
                await self._producer.send_offsets_to_transaction(offsets, self._group)
            reached("offsets")
            await asyncio.gather(*(future for delivery in deliveries for future, _ in delivery))
            positions = {topic: await self._last_position(delivery) for topic, delivery in rows}
            reached("delivered")
            await self._producer.commit_transaction()
            reached("committed")
        except (ProducerFenced, InvalidProducerEpoch) as error:
            raise FencedError("another worker owns this task now") from error
        return positions

    async def _by_partition(
        self, outputs: Mapping[tuple[str, int | None], list[Outgoing]]
    ) -> list[tuple[str, int, list[Outgoing]]]:
        placed: dict[tuple[str, int], list[Outgoing]] = {}
        for (topic, partition), records in outputs.items():
            if partition is not None:
                placed.setdefault((topic, partition), []).extend(records)
                continue
            count = await self._partition_count(topic)
            for record in records:
                placed.setdefault((topic, partition_of(record.key or b"", count)), []).append(record)
        return [(topic, partition, records) for (topic, partition), records in placed.items()]

    async def _partition_count(self, topic: str) -> int:
        if topic not in self._partitions:
            self._partitions[topic] = len(await self._producer.partitions_for(topic))
        return self._partitions[topic]

    async def _append(
        self, topic: str, partition: int, records: list[Outgoing]
    ) -> list[tuple[asyncio.Future[Any], int]]:
        """Hand records to the producer; returns the delivery of each record batch with its number of records."""
        sent: list[tuple[asyncio.Future[Any], int]] = []
        builder = self._producer.create_batch()
        for key, value, headers, timestamp in records:
            if builder.append(timestamp=timestamp, key=key, value=value, headers=headers) is None:
                sent.append(await self._send(builder, topic, partition))
                builder = self._producer.create_batch()
                builder.append(timestamp=timestamp, key=key, value=value, headers=headers)
        sent.append(await self._send(builder, topic, partition))
        return sent

    async def _send(self, builder: Any, topic: str, partition: int) -> tuple[asyncio.Future[Any], int]:
        count = builder.record_count()
        delivery = await self._producer.send_batch(builder, topic, partition=partition)
        # what fails before the deliveries are awaited is told by its own error
        delivery.add_done_callback(_look_at)
        return delivery, count

    @staticmethod
    async def _last_position(delivery: list[tuple[asyncio.Future[Any], int]]) -> int:
        position = 0
        for future, count in delivery:
            position = max(position, (await future).offset + count)
        return position


def _look_at(future: asyncio.Future[Any]) -> None:
    """Take note of a future's error: one that nobody has asked for is logged by asyncio when the future goes."""
    if future.done() and not future.cancelled():
        future.exception()
