"""The embedded Kafka and registry do what a real one does, because they are real ones."""

import asyncio
import json
import urllib.request
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.broker import Cluster, Registry
from app.errors import BrokerError

TIMEOUT_S = 60


async def create_topic(bootstrap: str, replicas: int) -> str:
    topic = f"t-{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, replicas)])
    finally:
        await admin.close()
    return topic


async def produce(bootstrap: str, topic: str, value: bytes) -> None:
    async with asyncio.timeout(TIMEOUT_S), AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def consume(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    async with asyncio.timeout(TIMEOUT_S), consumer:
        return [(await consumer.getone()).value for _ in range(count)]


async def test_the_shared_broker_keeps_what_it_acknowledged(kafka: Cluster) -> None:
    topic = await create_topic(kafka.bootstrap, replicas=1)

    await produce(kafka.bootstrap, topic, b"one")

    assert await consume(kafka.bootstrap, topic, 1) == [b"one"]


async def test_records_survive_a_crash_of_the_broker() -> None:
    """The broker comes back on the same port with the same data."""
    with Cluster() as cluster:
        (broker,) = cluster.brokers
        bootstrap = cluster.bootstrap
        topic = await create_topic(bootstrap, replicas=1)
        await produce(bootstrap, topic, b"before")

        broker.kill()
        broker.start()

        assert cluster.bootstrap == bootstrap
        await produce(bootstrap, topic, b"after")
        assert await consume(bootstrap, topic, 2) == [b"before", b"after"]


async def test_three_brokers_take_records_while_one_is_down() -> None:
    """Three replicas, two of them in sync, are enough for acks=all; the crashed broker joins again."""
    with Cluster(3) as cluster:
        topic = await create_topic(cluster.bootstrap, replicas=3)
        await produce(cluster.bootstrap, topic, b"three")

        cluster.brokers[0].kill()
        await produce(cluster.bootstrap, topic, b"two")
        cluster.brokers[0].restart()

        assert await consume(cluster.bootstrap, topic, 2) == [b"three", b"two"]


async def test_a_cluster_goes_on_in_its_folder_and_on_its_port(tmp_path: Path) -> None:
    with Cluster(folder=tmp_path) as cluster:
        topic = await create_topic(cluster.bootstrap, replicas=1)
        await produce(cluster.bootstrap, topic, b"kept")
        port = cluster.brokers[0].node.port

    with Cluster(folder=tmp_path, port=port) as cluster:
        assert cluster.bootstrap == f"127.0.0.1:{port}"
        assert await consume(cluster.bootstrap, topic, 1) == [b"kept"]


def test_a_taken_port_is_named(kafka: Cluster) -> None:
    port = kafka.brokers[0].node.port

    with pytest.raises(BrokerError, match=f"^port {port} is taken by another process$"), Cluster(port=port):
        pass


def test_the_registry_keeps_schemas(registry: Registry) -> None:
    schema = {"schema": json.dumps("string")}
    address = f"{registry.url}/subjects/{uuid4().hex}/versions"
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    request = urllib.request.Request(address, json.dumps(schema).encode(), headers)  # noqa: S310 - http on loopback

    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        known = json.load(answer)["id"]
    with urllib.request.urlopen(f"{registry.url}/schemas/ids/{known}") as answer:  # noqa: S310 - as above
        assert json.load(answer)["schema"] == schema["schema"]
