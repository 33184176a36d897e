"""How many records wait for each agent.

Offsets are counted, from where the group has committed to where the topic ends for ``read_committed`` readers. The
markers that transactions leave and the records of aborted ones take offsets too, so a figure is about right and never
too low. It is exactly 0 when nothing waits: where there is a gap it is read, and one without a record does not count.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CorruptRecordException, KafkaError

from app.web.answers import place_of

_log = logging.getLogger(__name__)

_LOOK_FOR_S = 1.0
"""A gap that was not read to its end by then counts."""
_LOOK_AGAIN_S = 0.02
_PARTITION_BYTES = 16 * 1024


class Gap(NamedTuple):
    """Offsets of a partition that a group has not committed."""

    start: int
    end: int


class LagReader:
    """Asks the brokers how far a consumer group has come."""

    def __init__(
        self, connection: Mapping[str, Any], group: str, agents: Mapping[str, Sequence[str]], partitions: int
    ) -> None:
        self._connection = connection
        self._group = group
        self._agents = agents
        topics = {topic for topics in agents.values() for topic in topics}
        self._tps = [TopicPartition(topic, number) for topic in sorted(topics) for number in range(partitions)]

    async def read(self) -> dict[str, int] | None:
        """Return what waits for each agent; None while the brokers do not say, which stops nothing."""
        admin = AIOKafkaAdminClient(**self._connection)
        consumer = AIOKafkaConsumer(
            **self._connection,
            isolation_level="read_committed",
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=_PARTITION_BYTES,
        )
        try:
            await admin.start()
            await consumer.start()
            committed = await admin.list_consumer_group_offsets(self._group)
            offsets = {tp: entry.offset for tp, entry in committed.items()}
            beginnings = await consumer.beginning_offsets(self._tps)
            found = gaps(offsets, beginnings, await consumer.end_offsets(self._tps))
            empty = await without_records(consumer, found)
        except Exception as error:  # noqa: BLE001 - it only shows
            _log.warning("the page's lag is not known: %s", place_of(error))
            return None
        finally:
            await consumer.stop()
            await admin.close()
        return waiting(self._agents, {tp: gap for tp, gap in found.items() if tp not in empty})


def gaps(
    committed: Mapping[TopicPartition, int],
    beginnings: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> dict[TopicPartition, Gap]:
    """Return what has not been committed, as far as it still exists."""
    found = {tp: Gap(max(committed.get(tp, 0), beginnings[tp]), end) for tp, end in ends.items()}
    return {tp: gap for tp, gap in found.items() if gap.start < gap.end}


def waiting(agents: Mapping[str, Sequence[str]], found: Mapping[TopicPartition, Gap]) -> dict[str, int]:
    """Return how many offsets of an agent's topics lie in gaps."""
    return {
        agent: sum(gap.end - gap.start for tp, gap in found.items() if tp.topic in topics)
        for agent, topics in agents.items()
    }


async def without_records(consumer: AIOKafkaConsumer, found: Mapping[TopicPartition, Gap]) -> set[TopicPartition]:
    """Return the partitions whose gap was read to its end and held no record."""
    if not found:
        return set()
    consumer.assign(list(found))
    for tp, gap in found.items():
        consumer.seek(tp, gap.start)
    empty: set[TopicPartition] = set()
    unknown = set(found)
    until = asyncio.get_running_loop().time() + _LOOK_FOR_S
    while unknown and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(_LOOK_AGAIN_S)
        for tp in tuple(unknown):
            if await _has_record(consumer, tp):
                unknown.discard(tp)
            elif await consumer.position(tp) >= found[tp].end:
                unknown.discard(tp)
                empty.add(tp)
    return empty


async def _has_record(consumer: AIOKafkaConsumer, tp: TopicPartition) -> bool:
    try:
        return bool(await consumer.getmany(tp, timeout_ms=0))
    except CorruptRecordException:
        return True
    except KafkaError:
        raise
    except Exception:  # noqa: BLE001 - there is one, which cannot be unpacked
        return True
