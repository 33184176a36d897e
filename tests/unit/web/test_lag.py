from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import BrokerNotAvailableError

from app.topics import Topic
from app.web.lag import Gap, gaps, waiting, without_records

RAW = TopicPartition(Topic.RAW_TEEKRR, 0)
FAILED = TopicPartition(Topic.DELIVERY_FAILED, 0)


def test_all_topics_of_an_agent_count_and_no_others() -> None:
    agents = {"normalize": (Topic.RAW_TEEKRR, Topic.RAW_PRELUDE), "suppress": (Topic.DELIVERY_FAILED,), "credit": ()}
    assert waiting(agents, {RAW: Gap(7, 10), FAILED: Gap(15, 29)}) == {"normalize": 3, "suppress": 14, "credit": 0}


def test_what_was_never_read_waits_from_its_beginning() -> None:
    assert gaps({}, {RAW: 100, FAILED: 0}, {RAW: 110, FAILED: 0}) == {RAW: Gap(100, 110)}


def test_records_deleted_before_they_were_read_do_not_wait() -> None:
    assert gaps({RAW: 50}, {RAW: 100}, {RAW: 110}) == {RAW: Gap(100, 110)}


def test_what_is_committed_up_to_its_end_has_no_gap() -> None:
    assert gaps({RAW: 110, FAILED: 7}, {RAW: 100, FAILED: 0}, {RAW: 110, FAILED: 6}) == {}


class _Consumer:
    """Stands in for aiokafka's: a partition has a record at some offset, an error, or nothing but markers."""

    def __init__(self, contents: dict[TopicPartition, list[Any]]) -> None:
        self._contents = contents
        self._positions: dict[TopicPartition, int] = {}

    def assign(self, tps: list[TopicPartition]) -> None:
        self._positions = dict.fromkeys(tps, -1)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._positions[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self._positions[tp]

    async def getmany(self, tp: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        assert timeout_ms == 0
        rest = self._contents[tp][self._positions[tp] :]
        if not rest:
            return {}
        if isinstance(rest[0], Exception):
            raise rest[0]
        # one offset at a time, as if each had been fetched by itself
        self._positions[tp] += 1
        return {tp: rest[:1]} if rest[0] else {}


async def test_a_gap_of_markers_holds_nothing() -> None:
    contents = {RAW: ["record", "record", None, None], FAILED: ["record", None, None, "record"]}
    found = {RAW: Gap(2, 4), FAILED: Gap(1, 4)}
    assert await without_records(_Consumer(contents), found) == {RAW}


async def test_a_record_that_cannot_be_unpacked_is_one_that_waits() -> None:
    contents = {RAW: [None, UnicodeDecodeError("utf-8", b"\xff", 0, 1, "header")]}
    assert await without_records(_Consumer(contents), {RAW: Gap(0, 2)}) == set()


async def test_a_gap_that_is_not_read_in_time_counts() -> None:
    assert await without_records(_Consumer({RAW: [None] * 1000}), {RAW: Gap(0, 1000)}) == set()


async def test_without_gaps_nothing_is_asked() -> None:
    assert await without_records(_Consumer({}), {}) == set()


async def test_an_error_of_the_brokers_is_raised() -> None:
    with pytest.raises(BrokerNotAvailableError):
        await without_records(_Consumer({RAW: [BrokerNotAvailableError()]}), {RAW: Gap(0, 1)})
