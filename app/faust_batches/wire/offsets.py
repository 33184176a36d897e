"""Where the input partitions of an assignment are to be read from, and what is found to be missing there."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.offset import OffsetRequest

from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.codes import Code
from app.faust_batches.wire.protocol import OffsetFetchRequest, by_topic

_EARLIEST = -2
_LATEST = -1
_ONE_REPLICA = -1
"""Asked as a client, and not as a broker."""
READ_UNCOMMITTED = 0


class Gap(NamedTuple):
    """Records of a partition that nobody will process: those between two offsets, whichever is the greater."""

    partition: TopicPartition
    committed: int
    resumed_at: int


class Starts(NamedTuple):
    """Where partitions are read from."""

    positions: Mapping[TopicPartition, int]
    gaps: tuple[Gap, ...]
    fresh: frozenset[TopicPartition]
    """Those without a committed offset; they are read from their beginning."""


class Extent(NamedTuple):
    """What a partition holds."""

    beginning: int
    end: int
    """The high watermark: what open transactions have written counts."""


async def stable_offsets(
    brokers: Brokers, group: str, partitions: Iterable[TopicPartition], patience_s: float
) -> dict[TopicPartition, int]:
    """Return committed offsets once no open transaction can change them (KIP-447); without those there are not.

    What an older owner has begun is decided by then, at the latest when its transaction times out.
    """
    response = await brokers.ask_group(
        "fetch stable offsets",
        group,
        OffsetFetchRequest(group, partitions),
        lambda found: [found.error_code, *(code for _, each, _ in found.topics for *_, code, _ in each)],
        patience_s=patience_s,
    )
    return {
        TopicPartition(topic, number): offset
        for topic, each, _ in response.topics
        for number, offset, *_ in each
        if offset >= 0
    }


async def extents(brokers: Brokers, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Extent]:
    """Return what partitions hold."""
    wanted = list(partitions)
    beginnings = await _list_offsets(brokers, wanted, _EARLIEST)
    ends = await _list_offsets(brokers, wanted, _LATEST)
    return {tp: Extent(beginnings[tp], ends[tp]) for tp in wanted}


async def _list_offsets(brokers: Brokers, partitions: list[TopicPartition], which: int) -> dict[TopicPartition, int]:
    async def ask(node: int, mine: list[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        topics = [(topic, [(number, which) for number in numbers]) for topic, numbers in by_topic(mine)]
        response = await brokers.send(node, OffsetRequest(_ONE_REPLICA, READ_UNCOMMITTED, topics))
        found = {
            TopicPartition(topic, number): (code, offset)
            for topic, each in response.topics
            for number, code, _, offset, *_ in each
        }
        return {tp: found.get(tp, (int(Code.NOT_LEADER), -1)) for tp in mine}

    return await brokers.ask_leaders("look up offsets", partitions, ask)


def starts(committed: Mapping[TopicPartition, int], found: Mapping[TopicPartition, Extent]) -> Starts:
    """Decide where each partition is read from: at its committed offset, or at what is nearest to it.

    An offset below the log's beginning means that retention has overtaken the group; one beyond its end that records
    which had been processed are gone, and others may have taken their places.
    """
    positions: dict[TopicPartition, int] = {}
    gaps: list[Gap] = []
    for tp, extent in found.items():
        offset = committed.get(tp, extent.beginning)
        positions[tp] = min(max(offset, extent.beginning), extent.end)
        if positions[tp] != offset:
            gaps.append(Gap(tp, offset, positions[tp]))
    return Starts(positions, tuple(gaps), frozenset(found.keys() - committed.keys()))
