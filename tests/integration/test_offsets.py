"""Nothing is skipped in silence: what a worker does when its committed offsets no longer fit its topics."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.client import CoordinationType
from aiokafka.protocol.admin import DeleteGroupsRequest

from app import avro
from app.broker import Cluster
from app.identity import recipient_key
from app.settings import Settings
from app.stream import cluster_topics
from app.stream.worker import application_id, connection, declarations, sizing
from app.topics import Topic
from tests.chaos.reading import Stored, read
from tests.unit.domain.samples import asked

ROOT = Path(__file__).parents[2]
LONGEST_S = 60
REQUESTS = TopicPartition(Topic.SUPPRESSION_REQUESTED, 0)
NOW = time.time_ns() // 1000


class Product:
    """The product on a broker, with one partition of everything."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.settings = Settings(bootstrap_servers=bootstrap, partitions=1)
        self._folder = folder
        self._asked = 0

    async def create_topics(self) -> None:
        """Create them."""
        settings = self.settings
        await cluster_topics.create(declarations(settings), sizing(settings), connection(settings))

    async def ask(self, count: int) -> None:
        """Ask for suppressions of people who were not heard of before."""
        async with AIOKafkaProducer(bootstrap_servers=self.settings.bootstrap_servers, acks="all") as producer:
            for number in range(self._asked, self._asked + count):
                person = f"+4478100{number:05}"
                request = asked(f"request-{number}", NOW, "suppress") | {"recipient": person}
                value = avro.encode(Topic.SUPPRESSION_REQUESTED, request)
                key = recipient_key(str(request["tenant"]), person).encode()
                await producer.send_and_wait(REQUESTS.topic, value, key, REQUESTS.partition)
        self._asked += count

    @contextmanager
    def worker(self, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Run a worker for the length of a with block."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNDELIVERED_")}
        own = {
            "UNDELIVERED_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "UNDELIVERED_PARTITIONS": "1",
            "UNDELIVERED_WEB_PORT": "0",
            "PYTHONPATH": str(ROOT),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "worker"],
            cwd=self._folder,
            env=inherited | own | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LONGEST_S)

    async def suppressed(self, at_least: int) -> set[str]:
        """Return whom the workers have suppressed, when there are so many."""
        found: set[str] = set()

        def take(record: Stored) -> None:
            found.add(avro.decode(Topic.SUPPRESSION_CHANGED, record.value)["recipient"])

        async with asyncio.timeout(LONGEST_S):
            while len(found) < at_least:
                await read(self.settings.bootstrap_servers, [Topic.SUPPRESSION_CHANGED], 1, take)
        return found

    async def gaps(self) -> list[dict[str, Any]]:
        """Return the alerts about gaps."""
        found: list[dict[str, Any]] = []

        def take(record: Stored) -> None:
            found.append(avro.decode(Topic.DELIVERY_ALERT, record.value))

        await read(self.settings.bootstrap_servers, [Topic.DELIVERY_ALERT], 1, take)
        return [alert for alert in found if alert["kind"] == "offset_gap"]

    async def delete_requests_before(self, offset: int) -> None:
        """Let retention pass."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.bootstrap_servers)
        await admin.start()
        await admin.delete_records({REQUESTS: RecordsToDelete(offset)})
        await admin.close()

    async def commit(self, offset: int) -> None:
        """Commit an offset of the requests for the group, while it has no member."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.bootstrap_servers,
            group_id=application_id(self.settings),
            enable_auto_commit=False,  # else its end commits once more, from where it stood before
        )
        await consumer.start()
        consumer.assign([REQUESTS])
        await consumer.commit({REQUESTS: offset})
        await consumer.stop()

    async def forget_group(self) -> None:
        """Let the group's offsets expire."""
        group = application_id(self.settings)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.bootstrap_servers)
        await admin.start()
        node = await admin.find_coordinator(group, CoordinationType.GROUP)
        response = await admin._send_request_to_node(node, DeleteGroupsRequest([group]))
        assert [code for _, code in response.results] == [0]
        await admin.close()


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """Run a broker of its own: groups and topics have fixed names."""
    with Cluster() as cluster:
        yield Product(cluster.bootstrap, tmp_path)


async def test_what_retention_took_away_is_told_and_the_rest_is_processed(product: Product) -> None:
    """Two of five requests that came while nobody worked were deleted before anybody read them."""
    await product.create_topics()
    await product.ask(3)
    with product.worker():
        await product.suppressed(3)
    await product.ask(5)
    await product.delete_requests_before(5)
    with product.worker():
        assert len(await product.suppressed(6)) == 6
        (gap,) = await product.gaps()
    assert gap["observed"] == 2.0
    assert "suppression.requested" in gap["summary"]


async def test_an_offset_beyond_the_end_is_told_and_what_comes_is_processed(product: Product) -> None:
    """As after a cluster was restored: to wait for that offset would be to stand still with no lag."""
    await product.create_topics()
    await product.ask(3)
    with product.worker():
        await product.suppressed(3)
    await product.commit(1_000_000)
    with product.worker():
        async with asyncio.timeout(LONGEST_S):
            while not await product.gaps():  # noqa: ASYNC110 - no event tells of a topic
                await asyncio.sleep(0.2)
        await product.ask(2)
        assert len(await product.suppressed(5)) == 5


async def test_a_group_without_offsets_does_not_start_over_upon_its_own_rows(product: Product) -> None:
    """It ends with the ways out, and takes the one that it is given."""
    await product.create_topics()
    await product.ask(3)
    with product.worker():
        await product.suppressed(3)
    await product.forget_group()
    with product.worker() as stopped:
        output = await asyncio.to_thread(lambda: stopped.communicate(timeout=LONGEST_S)[0])
        assert stopped.returncode != 0
        assert "LostOffsetsError" in output
        assert "lost_offsets" in output
    await product.ask(2)
    with product.worker(UNDELIVERED_LOST_OFFSETS="beginning"):
        assert len(await product.suppressed(5)) == 5
