"""How many records wait for each agent."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from app.topics import RAW_TOPICS, Topic

_log = logging.getLogger(__name__)

_WRITTEN_BY_OTHERS = frozenset({*RAW_TOPICS.values(), Topic.SUPPRESSION_REQUESTED, Topic.CREDIT_REQUESTED})


def waiting(
    topics: Iterable[str],
    beginnings: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    committed: Mapping[TopicPartition, int],
    writers: int,
) -> int:
    """Return about how many records of an agent's topics its group has not processed.

    Each transaction leaves a marker that takes an offset, so that behind the last record there may be as many markers
    as there are ``writers`` of a topic. In the topics that agents write to, so many offsets do not count: the figure
    is too low by so many a partition at most, and it comes down to 0, which it would else never do.
    """
    wanted = set(topics)
    total = 0
    for tp, end in ends.items():
        if tp.topic in wanted:
            markers = 0 if tp.topic in _WRITTEN_BY_OTHERS else writers
            total += max(0, end - max(committed.get(tp, 0), beginnings[tp]) - markers)
    return total


class LagReader:
    """Asks the brokers how far a consumer group has come."""

    def __init__(self, connection: Mapping[str, Any], group: str, agents: Mapping[str, Sequence[str]]) -> None:
        self._connection = connection
        self._group = group
        self._agents = agents

    async def read(self, consumer: AIOKafkaConsumer, partitions: int) -> dict[str, int] | None:
        """Return what waits for each agent; None while the brokers do not say, which stops nothing."""
        topics = {topic for topics in self._agents.values() for topic in topics}
        tps = [TopicPartition(topic, number) for topic in sorted(topics) for number in range(partitions)]
        admin = AIOKafkaAdminClient(**self._connection)
        try:
            await admin.start()
            committed = await admin.list_consumer_group_offsets(self._group)
            beginnings = await consumer.beginning_offsets(tps)
            ends = await consumer.end_offsets(tps)
        except KafkaError as error:
            _log.warning("lag not known: %s", type(error).__name__)
            return None
        finally:
            await admin.close()
        offsets = {tp: entry.offset for tp, entry in committed.items()}
        # an agent writes with one producer for each partition
        return {agent: waiting(names, beginnings, ends, offsets, partitions) for agent, names in self._agents.items()}
