"""The order of a commit, and what is asked again, against coordinators and leaders made of a few lines."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from app.errors import BrokersError, FencedError, RetriesExhaustedError
from app.faust_batches.transaction import Outgoing
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.encoding import record_batches
from app.faust_batches.wire.producer import RoundProducer, Written
from app.faust_batches.wire.protocol import Membership

OUTPUT, CHANGELOG, INPUT = (TopicPartition(name, 0) for name in ("output", "changelog", "input"))
MEMBER = Membership("group", 3, "member-1")
PRODUCER_ID, EPOCH = 77, 5

_ANSWERS: dict[str, Callable[[int], Any]] = {
    "InitProducerIdRequest": lambda code: SimpleNamespace(
        error_code=code, producer_id=PRODUCER_ID, producer_epoch=EPOCH
    ),
    "AddPartitionsToTxnRequest": lambda code: SimpleNamespace(errors=[("output", [(0, code)])]),
    "AddOffsetsToTxnRequest": lambda code: SimpleNamespace(error_code=code),
    "TxnOffsetCommitRequest": lambda code: SimpleNamespace(errors=[("input", [(0, code, {})], {})]),
    "EndTxnRequest": lambda code: SimpleNamespace(error_code=code),
}


class Cluster:
    """One broker that is leader and coordinator of everything; answers are scripted, by kind of request."""

    def __init__(self, **script: list[int | Exception]) -> None:
        self.asked: list[str] = []
        self.produced: list[list[bytes]] = []
        self.looked_up = 0
        self.cluster = SimpleNamespace(leader_for_partition=lambda _: 1)
        self._script = script

    async def coordinator_lookup(self, kind: int, key: str) -> int:
        """Say who coordinates."""
        del kind, key
        self.looked_up += 1
        return 1

    async def force_metadata_update(self) -> bool:
        """Look for new leaders."""
        self.asked.append("metadata")
        return True

    async def send(self, node: int, request: Any, group: object = None) -> Any:  # noqa: ANN401 - as aiokafka's
        """Answer as the script says, or well."""
        del node, group
        name = type(request).__name__
        self.asked.append(name)
        await asyncio.sleep(0)
        answers = self._script.get(name, [])
        answer = answers.pop(0) if answers else 0
        if isinstance(answer, Exception):
            raise answer
        if name == "ProduceRequest":
            self.produced.append([data for _, partitions in request._topics for _, data in partitions])
            topics = [(topic, [(n, answer, 100) for n, _ in partitions]) for topic, partitions in request._topics]
            return SimpleNamespace(topics=topics)
        return _ANSWERS[name](answer)


async def commit(cluster: Cluster, times: int = 1, patience_s: float = 5) -> dict[TopicPartition, int | None]:
    """Commit an output, a row and an offset."""
    brokers = Brokers({}, "test", patience_s)
    brokers._started = cluster
    producer = RoundProducer(brokers, "group", 1000)
    await producer.initialise({2, 1}, MEMBER)
    ends: dict[TopicPartition, int | None] = {}
    for _ in range(times):
        batches = {tp: record_batches([Outgoing(b"k", b"v", [], 1)] * 3) for tp in (OUTPUT, CHANGELOG)}
        ends = await producer.commit(Written(batches, {INPUT: 9}))
    return ends


async def test_offsets_come_before_records_and_the_end_comes_last() -> None:
    """A worker that is no member any more fails before it has written anything."""
    cluster = Cluster()
    ends = await commit(cluster)
    assert cluster.asked == [
        "InitProducerIdRequest",
        "InitProducerIdRequest",
        "AddPartitionsToTxnRequest",
        "AddOffsetsToTxnRequest",
        "TxnOffsetCommitRequest",
        "ProduceRequest",
        "EndTxnRequest",
    ]
    assert ends == {OUTPUT: 103, CHANGELOG: 103}


@pytest.mark.parametrize("code", [22, 25])
async def test_a_lost_generation_is_told_before_a_record_is_written(code: int) -> None:
    cluster = Cluster(TxnOffsetCommitRequest=[code])
    with pytest.raises(FencedError) as caught:
        await commit(cluster)
    assert caught.value.lost_generation
    assert "ProduceRequest" not in cluster.asked
    assert "EndTxnRequest" not in cluster.asked


async def test_a_commit_without_a_generation_is_never_sent() -> None:
    """Brokers would take it, and nothing would fence it."""
    brokers = Brokers({}, "test", 1)
    brokers._started = cluster = Cluster()
    producer = RoundProducer(brokers, "group", 1000)
    await producer.initialise({1}, Membership("group", -1, ""))
    with pytest.raises(ValueError, match="would not be fenced"):
        await producer.commit(Written({}, {INPUT: 9}))
    assert "TxnOffsetCommitRequest" not in cluster.asked


async def test_a_lost_answer_is_asked_for_again() -> None:
    """Of every request; a coordinator is looked up anew."""
    lost: list[int | Exception] = [KafkaConnectionError()]
    script = {name: list(lost) for name in (*_ANSWERS, "ProduceRequest")}
    cluster = Cluster(**script)
    assert await commit(cluster) == {OUTPUT: 103, CHANGELOG: 103}
    assert cluster.asked.count("EndTxnRequest") == 2
    assert cluster.looked_up > 2


async def test_records_that_are_sent_again_are_the_same_bytes() -> None:
    """With the same sequence numbers, by which the leader knows them; the next round goes on from there."""
    cluster = Cluster(ProduceRequest=[6, 0, 0])
    await commit(cluster, times=2)
    first, again, after = cluster.produced
    assert first == again
    assert first != after
    assert "metadata" in cluster.asked


async def test_a_batch_that_the_leader_has_already_is_written() -> None:
    """Where it lies it does not say."""
    cluster = Cluster(ProduceRequest=[46])
    assert await commit(cluster) == {OUTPUT: 103, CHANGELOG: 103}


async def test_a_coordinator_that_is_busy_is_asked_again() -> None:
    """Loading, moved, or still ending the transaction before."""
    cluster = Cluster(AddOffsetsToTxnRequest=[51, 51, 14], EndTxnRequest=[16, 15], TxnOffsetCommitRequest=[14, 16])
    assert await commit(cluster) == {OUTPUT: 103, CHANGELOG: 103}


async def test_a_refused_record_ends_the_round_with_its_topic() -> None:
    with pytest.raises(BrokersError, match="produce: changelog, output: refused"):
        await commit(Cluster(ProduceRequest=[29]))


async def test_patience_has_an_end() -> None:
    """What does not come about in time is told with the last answer."""
    with pytest.raises(RetriesExhaustedError, match=r"end the transaction: tried for 0 s, last .*\(14\)"):
        await commit(Cluster(EndTxnRequest=[14] * 1000), patience_s=0.05)
