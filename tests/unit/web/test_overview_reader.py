import time
from typing import Any, NamedTuple

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import BrokerNotAvailableError, CorruptRecordException

from app.topics import Topic
from app.web.overview import Overview
from app.web.overview_json import overview as overview_json
from app.web.overview_reader import LAST_DAY, MOST_READ, Reading
from tests.unit.web.overview_samples import Consumed, consumed, credit, stats

STATS = TopicPartition(Topic.DELIVERY_STATS, 0)
CREDIT = TopicPartition(Topic.CREDIT_CHANGED, 0)


class Found(NamedTuple):
    """An offset for a time."""

    offset: int


class Partition:
    """What lies in a partition: a record, an error or (None) a marker at each offset."""

    def __init__(self, *contents: Consumed | Exception | None, end: int = 0) -> None:
        self.contents = contents
        self.end = end or len(contents)


class _Consumer:
    """Stands in for aiokafka's: hands out a partition up to its end, or raises what lies there."""

    def __init__(self, partitions: dict[TopicPartition, Partition], day_ago: dict[TopicPartition, int]) -> None:
        self.partitions = partitions
        self.positions: dict[TopicPartition, int] = {}
        self._day_ago = day_ago

    def assign(self, tps: list[TopicPartition]) -> None:
        self.positions = dict.fromkeys(tps, -1)

    def assignment(self) -> set[TopicPartition]:
        return set(self.positions)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.positions[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self.positions[tp]

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.partitions[tp].end if tp in self.partitions else 0 for tp in tps}

    async def beginning_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, 0)

    async def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, Found | None]:
        assert {tp.topic for tp in times} == set(LAST_DAY)
        return {tp: Found(self._day_ago[tp]) if tp in self._day_ago else None for tp in times}

    async def getmany(
        self, tp: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Consumed]]:
        assert timeout_ms == 0
        start = self.positions[tp]
        contents = self.partitions[tp].contents[start : start + max_records] if tp in self.partitions else ()
        for each in contents:
            if isinstance(each, Exception):
                raise each
        self.positions[tp] += len(contents)
        return {tp: [each for each in contents if isinstance(each, Consumed)]} if contents else {}


async def seeking(partitions: dict[TopicPartition, Partition], day_ago: dict[TopicPartition, int]) -> Any:  # noqa: ANN401
    """Return a consumer, an overview and the reading that has sought."""
    consumer, overview = _Consumer(partitions, day_ago), Overview()
    reading = Reading(consumer, overview)
    await reading.seek(1)
    return consumer, overview, reading


async def test_a_day_of_some_topics_and_the_tail_of_others_is_read() -> None:
    """What a tail leaves out is said; what is older than a day is nobody's business."""
    most = MOST_READ[Topic.CREDIT_CHANGED]
    alerts = TopicPartition(Topic.DELIVERY_ALERT, 0)
    consumer, overview, _ = await seeking(
        {STATS: Partition(end=500), CREDIT: Partition(end=most + 7), alerts: Partition(end=most)}, {STATS: 400}
    )
    assert {tp.topic: offset for tp, offset in consumer.positions.items()} == {
        Topic.DELIVERY_STATS: 400,
        Topic.SUPPRESSION_CHANGED: 0,
        Topic.DEAD_LETTER: 0,
        Topic.CREDIT_CHANGED: 7,
        Topic.DELIVERY_ALERT: 0,
    }
    assert overview.partly_read == {"credit.changed"}


async def test_a_day_is_cut_as_well() -> None:
    """A record with a false timestamp can make the day begin anywhere."""
    most = MOST_READ[Topic.DELIVERY_STATS]
    consumer, overview, _ = await seeking({STATS: Partition(end=most + 1000)}, {STATS: 3})
    assert (consumer.positions[STATS], overview.partly_read) == (1000, {"delivery.stats"})


async def test_a_day_without_records_is_read_from_its_end() -> None:
    consumer, overview, reading = await seeking({STATS: Partition(end=500)}, {})
    assert consumer.positions[STATS] == 500
    assert not await reading.sweep()
    assert overview.caught_up


async def test_it_has_caught_up_when_all_partitions_were_read_to_where_they_ended() -> None:
    now = time.time_ns() // 1000
    usual = consumed(Topic.DELIVERY_STATS, stats(minute=now))
    _, overview, reading = await seeking({STATS: Partition(usual, None)}, {STATS: 0})
    assert not overview.caught_up
    assert await reading.sweep()
    assert overview.caught_up
    assert not await reading.sweep()
    assert overview_json(overview, "acme", now)["failures"][0]["total"] == 1


async def test_a_hostile_record_is_passed_over_alone() -> None:
    now = time.time_ns() // 1000
    usual = consumed(Topic.DELIVERY_STATS, stats(minute=now))
    hostile = [
        consumed(Topic.DELIVERY_STATS, stats(minute=now, count=-5)),
        consumed(Topic.DELIVERY_STATS, stats(tenant="a/b")),
        consumed(Topic.DELIVERY_STATS, stats(minute=2**63 - 1)),
        Consumed(Topic.DELIVERY_STATS, b"\xff"),
        Consumed(Topic.DELIVERY_STATS, "no bytes at all"),  # type: ignore[arg-type]
    ]
    _, overview, reading = await seeking({STATS: Partition(usual, *hostile, usual)}, {STATS: 0})
    await reading.sweep()
    assert overview_json(overview, "acme", now)["failures"][0]["total"] == 2
    assert (overview.caught_up, overview.partly_read) == (True, set())


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "header"), CorruptRecordException(), ValueError(), OSError()]
)
async def test_what_cannot_be_unpacked_is_passed_over_with_the_rest_of_its_batch(error: Exception) -> None:
    """The answer says that something is missing; what lies before it and in other partitions is taken."""
    now = time.time_ns() // 1000
    usual = consumed(Topic.DELIVERY_STATS, stats(minute=now))
    account = consumed(Topic.CREDIT_CHANGED, credit(occurred_at=now))
    contents: list[Consumed | Exception] = [*[usual] * 5, *[error] * 5, *[usual] * 20]
    consumer, overview, reading = await seeking({STATS: Partition(*contents), CREDIT: Partition(account)}, {STATS: 0})
    for _ in range(12):
        await reading.sweep()
    shown = overview_json(overview, "acme", now)
    assert len(shown["credit"]) == 1
    assert shown["failures"][0]["total"] == 5 + 20 - 2
    assert (shown["caught_up"], shown["complete"], shown["partly_read"]) == (True, False, ["delivery.stats"])
    assert consumer.positions[STATS] == 30


async def test_passing_over_ends_at_the_end_of_the_partition() -> None:
    """It never goes round to the beginning."""
    consumer, overview, reading = await seeking({STATS: Partition(*[ValueError()] * 5)}, {STATS: 0})
    for _ in range(4):
        await reading.sweep()
    assert (consumer.positions[STATS], overview.caught_up) == (5, True)


async def test_an_error_of_the_brokers_is_raised() -> None:
    """It is no record's fault: nothing is passed over."""
    consumer, _, reading = await seeking({STATS: Partition(BrokerNotAvailableError())}, {STATS: 0})
    with pytest.raises(BrokerNotAvailableError):
        await reading.sweep()
    assert consumer.positions[STATS] == 0
