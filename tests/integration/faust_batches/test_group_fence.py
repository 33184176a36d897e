"""The generation of a group fences, against a real Kafka: who is no member any more writes nothing that counts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.broker import Cluster
from app.errors import FencedError, RetriesExhaustedError
from app.faust_batches.transaction import Outgoing
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.encoding import record_batches
from app.faust_batches.wire.offsets import extents, stable_offsets
from app.faust_batches.wire.producer import RoundProducer, Written
from app.faust_batches.wire.protocol import Membership


class Group:
    """A group with one input and one output of one partition each."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self.name = name
        self._bootstrap = bootstrap
        self.input = TopicPartition(f"{name}.input", 0)
        self.output = TopicPartition(f"{name}.output", 0)

    async def create_topics(self) -> None:
        """Create them."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(tp.topic, 1, 1) for tp in (self.input, self.output)])
        await admin.close()

    @asynccontextmanager
    async def member(self) -> AsyncIterator[Membership]:
        """Be a member of the group for the length of an async with block."""
        consumer = AIOKafkaConsumer(
            self.input.topic, bootstrap_servers=self._bootstrap, group_id=self.name, enable_auto_commit=False
        )
        await consumer.start()
        try:
            async with asyncio.timeout(30):
                # of two members one is assigned nothing, and is a member all the same
                while consumer._subscription.subscription.assignment is None:
                    await consumer.getmany(timeout_ms=100)
            coordinator = consumer._coordinator
            yield Membership(self.name, coordinator.generation, coordinator.member_id)
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def producer(self, application: str, member: Membership) -> AsyncIterator[RoundProducer]:
        """Write as a member."""
        brokers = Brokers({"bootstrap_servers": self._bootstrap}, application, 20)
        await brokers.start()
        producer = RoundProducer(brokers, application, 60_000)
        await producer.initialise([0], member)
        try:
            yield producer
        finally:
            await brokers.stop()

    async def committed(self, patience_s: float = 20) -> dict[TopicPartition, int]:
        """Return the group's stable offsets."""
        brokers = Brokers({"bootstrap_servers": self._bootstrap}, "reader", 20)
        await brokers.start()
        try:
            return await stable_offsets(brokers, self.name, [self.input], patience_s)
        finally:
            await brokers.stop()

    async def written(self) -> list[bytes]:
        """Return what a reader of committed records finds in the output."""
        brokers = Brokers({"bootstrap_servers": self._bootstrap}, "reader", 20)
        await brokers.start()
        end = (await extents(brokers, [self.output]))[self.output].end
        await brokers.stop()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        await consumer.start()
        consumer.assign([self.output])
        found: list[bytes] = []
        async with asyncio.timeout(30):
            while await consumer.position(self.output) < end:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += [record.value for record in records]
        await consumer.stop()
        return found

    def round(self, value: bytes, offset: int) -> Written:
        """Return a round with one output."""
        return Written({self.output: record_batches([Outgoing(b"k", value, [], 1)])}, {self.input: offset})


async def test_a_member_of_an_older_generation_writes_nothing(kafka: Cluster) -> None:
    """Its transactional id is its own, so that nothing but the generation can fence it."""
    group = Group(kafka.bootstrap, "older")
    await group.create_topics()
    async with group.member() as old, group.producer("old", old) as old_producer:
        await old_producer.commit(group.round(b"before", 1))
        async with group.member() as new, group.producer("new", new) as new_producer:
            await new_producer.commit(group.round(b"after", 2))
            with pytest.raises(FencedError) as caught:
                await old_producer.commit(group.round(b"late", 2))
            assert caught.value.lost_generation
            await old_producer.initialise([0], old)
            assert await group.committed() == {group.input: 2}
            assert await group.written() == [b"before", b"after"]


async def test_a_member_that_left_writes_nothing(kafka: Cluster) -> None:
    group = Group(kafka.bootstrap, "left")
    await group.create_topics()
    async with group.member() as member:
        pass
    async with group.producer("left", member) as producer:
        with pytest.raises(FencedError) as caught:
            await producer.commit(group.round(b"late", 1))
        assert caught.value.lost_generation
    assert await group.committed() == {}


async def test_a_successor_that_takes_the_id_fences_the_producer(kafka: Cluster) -> None:
    """While the group has not changed: as after a transaction that timed out."""
    group = Group(kafka.bootstrap, "successor")
    await group.create_topics()
    async with group.member() as member, group.producer("same", member) as old:
        await old.commit(group.round(b"before", 1))
        async with group.producer("same", member) as new:
            with pytest.raises(FencedError) as caught:
                await old.commit(group.round(b"late", 2))
            assert not caught.value.lost_generation
            await new.commit(group.round(b"after", 2))
    assert await group.written() == [b"before", b"after"]


async def test_offsets_are_stable_when_no_open_transaction_can_change_them(kafka: Cluster) -> None:
    """A worker that died between offsets and end: its successor waits for them until it has ended that transaction."""
    group = Group(kafka.bootstrap, "stable")
    await group.create_topics()
    async with group.member() as member, group.producer("dead", member) as dead:
        await dead.commit(group.round(b"before", 1))
        await dead._add_group()
        await dead._commit_offsets({group.input: 2})
        with pytest.raises(RetriesExhaustedError, match=r"fetch stable offsets: .*\(88\)"):
            await group.committed(patience_s=0.5)
        async with group.producer("dead", member):
            assert await group.committed() == {group.input: 1}
