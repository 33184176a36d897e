"""``provider.health`` as every worker sees it: all of it, read outside the consumer group."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from app import avro
from app.domain.outages import Outage, Outages
from app.edge import check
from app.errors import BadInputError
from app.faust_batches.wire.brokers import Attempts
from app.stream.metrics import DEAD_LETTERS
from app.topics import Topic

_LOOK_AGAIN_S = 0.05
_NEVER_OUT = Outages()
_MOST_ROUTES = 100_000
"""Routes that were ever out of order: whoever names more of them makes them up."""


class Route(NamedTuple):
    """One way a message can take."""

    tenant: str
    provider: str
    channel: str


class ProviderHealthReader:
    """Keeps every route's history of outages up to date.

    What a reducer saw of it goes into the row it writes: this history arrives by another way than the records do.
    """

    def __init__(self, connection: Mapping[str, Any], patience_s: float = 60) -> None:
        self._connection = connection
        self._patience_s = patience_s
        self._outages: dict[Route, Outages] = {}
        self._consumer: AIOKafkaConsumer | None = None
        """Present while its partitions are followed."""

    def outages(self, tenant: str, provider: str, channel: str) -> Outages:
        """Return the outages of a provider on a channel, as far as they were announced."""
        return self._outages.get(Route(tenant, provider, channel), _NEVER_OUT)

    async def follow(self, partitions: int) -> None:
        """Follow the topic until cancelled; an error of the brokers that does not pass is raised."""
        consumer = await self._started_consumer()
        try:
            consumer.assign([TopicPartition(Topic.PROVIDER_HEALTH, number) for number in range(partitions)])
            self._consumer = consumer
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        self.take(record.value)
        finally:
            self._consumer = None
            await consumer.stop()

    async def _started_consumer(self) -> AIOKafkaConsumer:
        """Connect; brokers that are starting are asked again."""
        attempts = Attempts("follow provider.health", self._patience_s)
        while True:
            consumer = AIOKafkaConsumer(
                **self._connection,
                isolation_level="read_committed",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
            )
            try:
                await consumer.start()
            except KafkaError as error:
                await consumer.stop()
                await attempts.wait(error)
            else:
                return consumer

    async def catch_up(self) -> None:
        """Wait until `follow` has taken in everything that is in the topic now; for ever when it has failed."""
        while not await self._has_caught_up():  # noqa: ASYNC110 - no event tells of a position that moves
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _has_caught_up(self) -> bool:
        consumer = self._consumer
        if consumer is None:
            return False
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            positions = {partition: await consumer.position(partition) for partition in ends}
        except KafkaError:
            # the brokers are away: asked again, for nothing may be processed before it is known
            return False
        # a position moves when records are taken out, also where taking them in fails
        return self._consumer is consumer and all(positions[partition] >= end for partition, end in ends.items())

    def take(self, value: bytes | None) -> None:
        """Take in a record; one that is none of ours is counted and passed over, or no worker could start any more."""
        try:
            health = avro.decode(Topic.PROVIDER_HEALTH, value)
            check(Topic.PROVIDER_HEALTH, health)
        except BadInputError:
            DEAD_LETTERS.labels("health", Topic.PROVIDER_HEALTH).inc()
            return
        route = Route(health["tenant"], health["provider"], health["channel"])
        if route not in self._outages and len(self._outages) >= _MOST_ROUTES:
            DEAD_LETTERS.labels("health", Topic.PROVIDER_HEALTH).inc()
            return
        self._outages[route] = Outages(tuple([Outage(each["since"], each["until"]) for each in health["periods"]]))
