from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.protocol.offset import OffsetRequest_v2

from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.offsets import Extent, Gap, extents, starts

A, B = TopicPartition("raw", 0), TopicPartition("raw", 1)


def test_a_committed_offset_within_the_log_is_where_reading_goes_on() -> None:
    found = starts({A: 5, B: 9}, {A: Extent(2, 9), B: Extent(0, 9)})
    assert (found.positions, found.gaps, found.fresh) == ({A: 5, B: 9}, (), frozenset())


def test_without_a_committed_offset_a_partition_is_read_from_its_beginning() -> None:
    found = starts({A: 5}, {A: Extent(0, 9), B: Extent(3, 9)})
    assert (found.positions, found.gaps, found.fresh) == ({A: 5, B: 3}, (), frozenset({B}))


def test_what_retention_took_away_is_a_gap() -> None:
    found = starts({A: 5}, {A: Extent(7, 9)})
    assert (found.positions, found.gaps) == ({A: 7}, (Gap(A, 5, 7),))


def test_an_offset_beyond_the_end_is_a_gap_too() -> None:
    """A restored cluster or an unclean election: to wait for that offset would be to stand still with no lag."""
    found = starts({A: 50}, {A: Extent(0, 9)})
    assert (found.positions, found.gaps) == ({A: 9}, (Gap(A, 50, 9),))


async def test_the_end_is_the_high_watermark() -> None:
    """The last stable offset, which is told to readers of committed records, hides rows behind an open transaction."""
    isolation: list[int] = []

    async def send(_: int, request: Any, group: object) -> Any:  # noqa: ANN401 - as aiokafka's
        del group
        built = request.build(OffsetRequest_v2)
        isolation.append(built.isolation_level)
        ((topic, ((number, which),)),) = built.topics
        return SimpleNamespace(topics=[(topic, [(number, 0, -1, {-2: 3, -1: 9}[which])])])

    client: Any = SimpleNamespace(send=send, cluster=SimpleNamespace(leader_for_partition=lambda _: 1))
    brokers = Brokers({}, "test", 5)
    brokers._started = client
    assert await extents(brokers, [A]) == {A: Extent(3, 9)}
    assert isolation == [0, 0]
