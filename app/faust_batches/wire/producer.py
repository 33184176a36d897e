"""The worker's transactional producer: everything of a round in one transaction, fenced by the group's generation.

Written on aiokafka's connections instead of its producer: that one asks for one thing after the other, and sends
records while the coordinator is still busy adding the group, which brokers answer with an error to be retried.

The order of a commit is the argument for its soundness:

1. The partitions it writes to and the group join the transaction, both at once.
2. The input offsets go to the group's coordinator with our generation. A worker that is no member any more is refused
   here, before it has written a record.
3. Outputs and rows go to the partitions' leaders.
4. The transaction ends.

Whatever is not answered is asked again: sequence numbers keep a record batch from being written twice, and the end of a
transaction that has ended is confirmed. When a transaction timed out meanwhile, its producer is fenced.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
)

from app.faust_batches.faults import reached
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.codes import Code
from app.faust_batches.wire.encoding import Encoded, waves
from app.faust_batches.wire.protocol import Membership, Producer, TxnOffsetCommitRequest, by_topic

RANDOM_IDS_VARIABLE = "UNDELIVERED_RANDOM_TRANSACTIONAL_IDS"
"""For a test that shows that the generation alone fences: nobody then ends what an older owner left open."""
_PRODUCE_TIMEOUT_MS = 10_000


class Written(NamedTuple):
    """What one transaction carries."""

    batches: Mapping[TopicPartition, list[Encoded]]
    offsets: Mapping[TopicPartition, int]


class RoundProducer:
    """Commits one round at a time."""

    def __init__(self, brokers: Brokers, application_id: str, transaction_timeout_ms: int) -> None:
        self._brokers = brokers
        self._application_id = application_id
        self._timeout_ms = transaction_timeout_ms
        self._producer = Producer("", -1, -1)
        self._member = Membership("", -1, "")
        self._sequences: dict[TopicPartition, int] = {}

    async def initialise(self, numbers: Iterable[int], member: Membership) -> None:
        """Begin to write for partitions of these numbers as a member of the group.

        There is a transactional id for each number. All of them are initialised, which ends at once what a dead owner
        left open; the first one is ours.
        """
        ids = [f"{self._application_id}-{number}" for number in sorted(numbers)]
        if os.environ.get(RANDOM_IDS_VARIABLE):
            ids = [f"{self._application_id}-{os.urandom(8).hex()}"]
        producers = await asyncio.gather(*map(self._initialise, ids))
        self._producer, self._member = producers[0], member
        self._sequences.clear()

    async def _initialise(self, transactional_id: str) -> Producer:
        request = InitProducerIdRequest(transactional_id, self._timeout_ms)
        answer = await self._brokers.ask_transactions(
            "initialise the producer", transactional_id, request, lambda found: [found.error_code]
        )
        return Producer(transactional_id, answer.producer_id, answer.producer_epoch)

    async def commit(self, written: Written) -> dict[TopicPartition, int | None]:
        """Write a round; returns the offset after each partition's last record, None where it is not known.

        Raises FencedError, BrokersError or RetriesExhaustedError: only the first leaves a worker that can go on, and
        none of them tells whether the transaction took effect.
        """
        await asyncio.gather(self._add_partitions(written.batches), self._add_group())
        reached("begun")
        await self._commit_offsets(written.offsets)
        reached("offsets")
        ends = await self._produce(written.batches)
        reached("delivered")
        await self._end()
        reached("committed")
        return ends

    async def _add_partitions(self, partitions: Iterable[TopicPartition]) -> None:
        topics = by_topic(partitions)
        if topics:
            request = AddPartitionsToTxnRequest(*self._producer, topics)
            await self._brokers.ask_transactions(
                "add partitions to the transaction", self._producer.transactional_id, request, _each_partition
            )

    async def _add_group(self) -> None:
        request = AddOffsetsToTxnRequest(*self._producer, self._member.group)
        await self._brokers.ask_transactions(
            "add the group to the transaction",
            self._producer.transactional_id,
            request,
            lambda found: [found.error_code],
        )

    async def _commit_offsets(self, offsets: Mapping[TopicPartition, int]) -> None:
        request = TxnOffsetCommitRequest(self._producer, self._member, offsets)
        await self._brokers.ask_group("commit offsets", self._member.group, request, _each_partition)

    async def _end(self) -> None:
        request = EndTxnRequest(*self._producer, True)
        await self._brokers.ask_transactions(
            "end the transaction", self._producer.transactional_id, request, lambda found: [found.error_code]
        )

    async def _produce(self, batches: Mapping[TopicPartition, list[Encoded]]) -> dict[TopicPartition, int | None]:
        ends: dict[TopicPartition, int | None] = {}
        for wave in waves(batches):
            buffers = {tp: self._stamped(tp, encoded) for tp, encoded in wave.items()}

            async def ask(
                node: int, partitions: list[TopicPartition], buffers: Mapping[TopicPartition, bytes] = buffers
            ) -> dict[TopicPartition, tuple[int, int]]:
                return await self._produce_to(node, {tp: buffers[tp] for tp in partitions})

            for tp, base in (await self._brokers.ask_leaders("produce", buffers, ask)).items():
                ends[tp] = base + wave[tp].records if base >= 0 else None
            reached("producing")
        return ends

    def _stamped(self, tp: TopicPartition, encoded: Encoded) -> bytes:
        """Return a record batch with its place in our sequence: sent again, it is recognised."""
        sequence = self._sequences.get(tp, 0)
        encoded.builder.set_producer_state(self._producer.producer_id, self._producer.epoch, sequence)
        self._sequences[tp] = (sequence + encoded.records) & 0x7FFFFFFF
        return bytes(encoded.builder.build())

    async def _produce_to(
        self, node: int, buffers: Mapping[TopicPartition, bytes]
    ) -> dict[TopicPartition, tuple[int, int]]:
        topics = [
            (topic, [(number, buffers[TopicPartition(topic, number)]) for number in numbers])
            for topic, numbers in by_topic(buffers)
        ]
        request = ProduceRequest(self._producer.transactional_id, -1, _PRODUCE_TIMEOUT_MS, topics)
        response = await self._brokers.send(node, request)
        found = {
            TopicPartition(topic, partition[0]): (int(partition[1]), int(partition[2]))
            for topic, partitions in response.topics
            for partition in partitions
        }
        return {tp: found.get(tp, (int(Code.NOT_LEADER), -1)) for tp in buffers}


def _each_partition(response: Any) -> list[int]:
    return [code for _, partitions, *_ in response.errors for _, code, *_ in partitions]
