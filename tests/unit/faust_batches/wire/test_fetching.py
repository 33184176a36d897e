"""Incremental fetches, and what comes of answers, against a broker made of a few lines."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest_v11
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from app.errors import BrokersError, FencedError
from app.faust_batches.transaction import Outgoing
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.encoding import record_batches
from app.faust_batches.wire.fetch_session import FetchSession
from app.faust_batches.wire.fetching import Fetched, Fetching, FetchSizes
from app.faust_batches.wire.offsets import Gap

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


def asked(request: Any) -> tuple[int, int, dict[tuple[str, int], int]]:  # noqa: ANN401 - as aiokafka's
    """Return session, epoch and offsets of a request."""
    built = request.build(FetchRequest_v11)
    offsets = {(topic, each[0]): each[2] for topic, partitions in built.topics for each in partitions}
    return built.session_id, built.session_epoch, offsets


def test_a_session_names_all_partitions_once_and_then_what_has_moved() -> None:
    session = FetchSession([A, B], 1000, 100)
    assert asked(session.request({A: 5, B: 7})) == (0, 0, {("t", 0): 5, ("t", 1): 7})
    session.answered(44)
    assert asked(session.request({A: 5, B: 9})) == (44, 1, {("t", 1): 9})
    session.answered(44)
    assert asked(session.request({A: 5, B: 9})) == (44, 2, {})


def test_a_session_that_is_lost_begins_anew_with_all_partitions() -> None:
    session = FetchSession([A], 1000, 100)
    session.request({A: 5})
    session.answered(44)
    session.reset()
    assert asked(session.request({A: 5})) == (0, 0, {("t", 0): 5})


def test_a_broker_without_room_for_sessions_gets_everything_each_time() -> None:
    session = FetchSession([A], 1000, 100)
    session.request({A: 5})
    session.answered(0)
    assert asked(session.request({A: 5})) == (0, 0, {("t", 0): 5})


def data(*values: bytes, first: int = 0) -> bytes:
    """Return records as a broker stores them, from an offset on."""
    (encoded,) = record_batches([Outgoing(b"k", value, [], 1) for value in values])
    stored = bytearray(encoded.builder.build())
    stored[0:8] = first.to_bytes(8, "big")
    return bytes(stored)


def answer(*partitions: tuple[Any, ...], code: int = 0, session: int = 44) -> SimpleNamespace:
    """Return an answer; a partition is number, code, last stable offset and data."""
    found: list[tuple[Any, ...]] = [
        (number, error, end, end, 0, [], -1, stored) for number, error, end, stored in partitions
    ]
    return SimpleNamespace(error_code=code, session_id=session, topics=[("t", found)] if found else [])


class Broker:
    """Gives scripted answers, then nothing more."""

    def __init__(self, *script: SimpleNamespace | Exception) -> None:
        self.cluster = SimpleNamespace(leader_for_partition=lambda _: 1)
        self.requests: list[tuple[int, int, dict[tuple[str, int], int]]] = []
        self._script = list(script)
        self.metadata = 0

    async def send(self, node: int, request: Any, group: object = None) -> Any:  # noqa: ANN401 - as aiokafka's
        """Answer."""
        del node, group
        self.requests.append(asked(request))
        if not self._script:
            await asyncio.Event().wait()
        found = self._script.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def force_metadata_update(self) -> bool:
        """Look for new leaders."""
        self.metadata += 1
        return True


async def follow(broker: Broker, positions: dict[TopicPartition, int] | None = None) -> list[Fetched]:
    """Follow until the broker has no more answers."""
    brokers = Brokers({}, "test", 5)
    client: Any = broker
    brokers._started = client
    came: list[Fetched] = []

    async def room() -> None:
        """Always."""

    fetching = Fetching(brokers, positions or {A: 0, B: 0}, FetchSizes(1000, 100), came.append, room)
    following = asyncio.create_task(fetching.run())
    done, _ = await asyncio.wait([following], timeout=0.3)
    if done:
        following.result()
    following.cancel()
    await asyncio.wait([following])
    return came


def values(came: list[Fetched]) -> list[tuple[int, list[bytes], int, bool]]:
    return [
        (each.partition.partition, [r.value for r in each.records], each.next_offset, each.reaches_end) for each in came
    ]


async def test_records_are_delivered_and_positions_move() -> None:
    """With word of whether there is more, as far as transactions have ended."""
    broker = Broker(answer((0, 0, 9, data(b"a", b"b"))), answer((0, 0, 3, data(b"c", first=2))))
    assert values(await follow(broker)) == [(0, [b"a", b"b"], 2, False), (0, [b"c"], 3, True)]
    assert broker.requests[1:] == [(44, 1, {("t", 0): 2}), (44, 2, {("t", 0): 3})]


async def test_what_lies_before_the_position_is_not_delivered_again() -> None:
    """A broker answers with whole batches."""
    broker = Broker(answer((0, 0, 3, data(b"a", b"b", b"c"))))
    assert values(await follow(broker, {A: 2})) == [(0, [b"c"], 3, True)]


async def test_a_lost_session_a_lost_answer_and_a_moved_leader_cost_time_alone() -> None:
    broker = Broker(
        answer((0, 0, 1, data(b"a"))),
        answer(code=70),
        KafkaConnectionError(),
        answer((0, 6, 0, b"")),
        answer((0, 0, 2, data(b"b", first=1))),
    )
    assert values(await follow(broker)) == [(0, [b"a"], 1, True), (0, [b"b"], 2, True)]
    assert broker.metadata == 2
    assert [request[:2] for request in broker.requests] == [(0, 0), (44, 1), (0, 0), (0, 0), (0, 0), (44, 1)]


async def test_a_damaged_batch_is_fetched_again() -> None:
    """Bytes that changed on their way are no reason to end, nor to skip."""
    damaged = bytearray(data(b"a"))
    damaged[-2] ^= 1
    broker = Broker(answer((0, 0, 1, bytes(damaged))), answer((0, 0, 1, data(b"a"))))
    assert values(await follow(broker)) == [(0, [b"a"], 1, True)]


async def test_a_position_out_of_range_is_for_the_take_over_to_mend() -> None:
    with pytest.raises(FencedError, match="t/0 at 0 is out of range"):
        await follow(Broker(answer((0, 1, 0, b""))))


async def test_what_is_refused_is_told_with_its_topic() -> None:
    with pytest.raises(BrokersError, match=r"fetch: t: refused by the brokers, TopicAuthorizationFailedError \(29\)"):
        await follow(Broker(answer((0, 29, 0, b""))))


async def test_a_batch_that_grows_beyond_measure_is_told_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before it in the answer is delivered; what comes after it is fetched again."""
    monkeypatch.setattr("app.faust_batches.wire.inflating.LARGEST_INFLATED", 50_000)
    builder = _DefaultRecordBatchBuilderPy(2, 1, 0, -1, -1, 0, 1_000_000)
    builder.append(0, 5, key=b"k", value=b"v" * 100_000, headers=[])
    bomb = bytearray(builder.build())
    bomb[0:8] = (1).to_bytes(8, "big")
    stored = data(b"a") + bytes(bomb) + data(b"b", first=2)
    came = await follow(Broker(answer((0, 0, 3, stored)), answer((0, 0, 3, data(b"b", first=2)))))
    assert values(came) == [(0, [b"a"], 2, False), (0, [b"b"], 3, True)]
    assert [each.passed_over for each in came] == [Gap(A, 1, 2), None]
