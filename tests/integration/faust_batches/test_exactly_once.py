"""Exactly-once batches against a real Kafka: processes are killed and frozen, and every record still counts once."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.broker import Cluster
from tests.integration.faust_batches.counting_worker import CHANGELOG, INPUTS, OUTPUT, PARTITIONS

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("counting_worker.py")
KEYS = 200


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Start a broker of its own: the workers' group and transactional ids are fixed."""
    with Cluster() as cluster:
        yield cluster


class Worker:
    """A counting worker as a process of its own."""

    def __init__(self, bootstrap: str, folder: str, log: Path) -> None:
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), bootstrap, folder],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> None:
        """Kill it if it still runs."""
        self.process.kill()
        self.process.wait()
        self._log.close()


@contextmanager
def worker(cluster: Cluster, tmp_path: Path, *, rocksdb: bool = False) -> Iterator[Worker]:
    """Run a worker for the length of a with block."""
    folder = str(tmp_path / "rows") if rocksdb else ""
    started = Worker(cluster.bootstrap, folder, tmp_path / "worker.log")
    try:
        yield started
    finally:
        started.end()


async def create_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    compact = NewTopic(CHANGELOG, PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"})
    await admin.create_topics([*(NewTopic(name, PARTITIONS, 1) for name in (*INPUTS, OUTPUT)), compact])
    await admin.close()


async def produce(bootstrap: str, first: int, count: int) -> None:
    """Write records numbered from ``first``, spread over both topics and all keys."""
    chance = random.Random(first)  # noqa: S311 - load, no secret
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    await producer.start()
    sent = [
        await producer.send(chance.choice(INPUTS), key=b"k%d" % chance.randrange(KEYS), value=b"%d" % number)
        for number in range(first, first + count)
    ]
    await asyncio.gather(*sent)
    await producer.stop()


@asynccontextmanager
async def reading(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Read a topic from its beginning, committed records only."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
    try:
        yield consumer
    finally:
        await consumer.stop()


async def read_until(consumer: AIOKafkaConsumer, seen: list[int], count: int, timeout_s: float = 60) -> None:
    """Append record numbers to ``seen`` until there are ``count``."""
    async with asyncio.timeout(timeout_s):
        while len(seen) < count:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                seen.extend(int(record.value) for record in records)


async def row_sum(bootstrap: str) -> int:
    """Add up the last value of every row in the changelog."""
    async with reading(bootstrap, CHANGELOG) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        rows: dict[bytes, int] = {}
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                rows.update({record.key: int(record.value) for record in records})
    return sum(rows.values())


async def assert_each_once(consumer: AIOKafkaConsumer, seen: list[int], bootstrap: str, count: int) -> None:
    """Every number came out once and was counted once, and nothing follows."""
    assert sorted(seen) == list(range(count))
    late = await consumer.getmany(timeout_ms=1500)
    assert sum(map(len, late.values())) == 0
    assert await row_sum(bootstrap) == count


@pytest.mark.parametrize("rocksdb", [False, True], ids=["memory", "rocksdb"])
async def test_every_record_counts_once_through_kills(cluster: Cluster, tmp_path: Path, *, rocksdb: bool) -> None:
    """A worker killed with SIGKILL in the middle of its work costs nothing and doubles nothing."""
    await create_topics(cluster.bootstrap)
    await produce(cluster.bootstrap, 0, 60_000)
    seen: list[int] = []
    async with reading(cluster.bootstrap, OUTPUT) as consumer:
        for reached in (3_000, 30_000):
            with worker(cluster, tmp_path, rocksdb=rocksdb) as running:
                await read_until(consumer, seen, reached)
                running.signal(signal.SIGKILL)
        with worker(cluster, tmp_path, rocksdb=rocksdb) as running:
            await read_until(consumer, seen, 60_000)
            running.signal(signal.SIGTERM)
            assert await asyncio.to_thread(running.process.wait, 30) == 0
        await assert_each_once(consumer, seen, cluster.bootstrap, 60_000)


async def test_a_frozen_worker_does_not_win_when_it_continues(cluster: Cluster, tmp_path: Path) -> None:
    """A worker frozen past its session time-out is fenced by the one that took over its partitions."""
    await create_topics(cluster.bootstrap)
    seen: list[int] = []
    async with reading(cluster.bootstrap, OUTPUT) as consumer:
        with worker(cluster, tmp_path) as frozen, worker(cluster, tmp_path):
            await produce(cluster.bootstrap, 0, 10_000)
            await read_until(consumer, seen, 10_000)
            feeding = asyncio.create_task(produce(cluster.bootstrap, 10_000, 40_000))
            frozen.signal(signal.SIGSTOP)
            await feeding
            await read_until(consumer, seen, 50_000)
            frozen.signal(signal.SIGCONT)
            await produce(cluster.bootstrap, 50_000, 10_000)
            await read_until(consumer, seen, 60_000)
        await assert_each_once(consumer, seen, cluster.bootstrap, 60_000)


async def test_joining_and_leaving_workers_change_no_count(cluster: Cluster, tmp_path: Path) -> None:
    """Rebalances move partitions with their rows; nothing is counted by two owners."""
    await create_topics(cluster.bootstrap)
    seen: list[int] = []
    async with reading(cluster.bootstrap, OUTPUT) as consumer:
        with worker(cluster, tmp_path):
            feeding = asyncio.create_task(produce(cluster.bootstrap, 0, 40_000))
            await read_until(consumer, seen, 1_000)
            with worker(cluster, tmp_path) as second:
                await feeding
                await produce(cluster.bootstrap, 40_000, 10_000)
                await read_until(consumer, seen, 50_000)
                second.signal(signal.SIGTERM)
                assert await asyncio.to_thread(second.process.wait, 30) == 0
            await produce(cluster.bootstrap, 50_000, 10_000)
            await read_until(consumer, seen, 60_000)
        await assert_each_once(consumer, seen, cluster.bootstrap, 60_000)
