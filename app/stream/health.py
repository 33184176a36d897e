"""``provider.health`` as every worker sees it: all of it, read outside the consumer group."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from app import avro
from app.errors import BadInputError
from app.stream.metrics import DEAD_LETTERS
from app.topics import Topic


class Route(NamedTuple):
    """One way a message can take."""

    tenant: str
    provider: str
    channel: str


class ProviderHealthReader:
    """Keeps the set of degraded routes up to date.

    What a reducer saw of it goes into the row it writes: this set arrives by another way than the records do.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = connection
        self._degraded: set[Route] = set()

    def is_degraded(self, tenant: str, provider: str, channel: str) -> bool:
        """Tell whether a provider's failures should not be held against recipients now."""
        return Route(tenant, provider, channel) in self._degraded

    async def run(self, partitions: int) -> None:
        """Follow the topic until cancelled."""
        consumer = AIOKafkaConsumer(
            **self._connection,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(Topic.PROVIDER_HEALTH, number) for number in range(partitions)])
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        self.take(record.value)
        finally:
            await consumer.stop()

    def take(self, value: bytes | None) -> None:
        """Take in a record; one that is none of ours is counted and passed over, or no worker could start any more."""
        try:
            health = avro.decode(Topic.PROVIDER_HEALTH, value)
        except BadInputError:
            DEAD_LETTERS.labels("health", Topic.PROVIDER_HEALTH).inc()
            return
        route = Route(health["tenant"], health["provider"], health["channel"])
        if health["degraded"]:
            self._degraded.add(route)
        else:
            self._degraded.discard(route)
