"""What a worker knows of outages before it begins to work; on a broker of its own, for topics have fixed names."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app import avro
from app.broker import Cluster
from app.broker.server import free_ports
from app.domain.clock import DAY, HOUR
from app.identity import recipient_key
from app.settings import Settings
from app.stream import worker
from app.stream.cluster_topics import create
from app.topics import Table, Topic, changelog
from tests.chaos.reading import read_rows

ROOT = Path(__file__).parents[2]
PARTITIONS = 2
LONGEST_S = 60
PERSON = "+447810000001"
NOW = time.time_ns() // 1000
DAYS = range(1, 6)
WORKER = """
import asyncio
from app.settings import load_settings
from app.stream.health import ProviderHealthReader
from app.stream.worker import run_worker
{change}
run_worker(load_settings(None), "WARNING")
"""
SLOW = """
follow = ProviderHealthReader.follow
async def after_a_while(self, partitions):
    await asyncio.sleep(3)
    await follow(self, partitions)
ProviderHealthReader.follow = after_a_while
"""
FAILING = """
def fail(self, value):
    raise OSError("no topic any more")
ProviderHealthReader.take = fail
"""


def failure(days_ago: int) -> dict[str, Any]:
    return {
        "event_id": f"failure-{days_ago}",
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "sms",
        "recipient": PERSON,
        "reason": "recipient_unavailable",
        "attribution": "RECIPIENT",
        "permanence": "TRANSIENT",
        "confidence": "CODE",
        "occurred_at": NOW - days_ago * DAY,
        "received_at": NOW - days_ago * DAY,
    }


def health() -> dict[str, Any]:
    """Return what is known of a route: an outage of two hours on each of the last days."""
    return {
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "sms",
        "degraded": False,
        "failures": 0,
        "total": 0,
        "window_minutes": 30,
        "since": NOW,
        "changed_at": NOW,
        "periods": [{"since": NOW - day * DAY - HOUR, "until": NOW - day * DAY + HOUR} for day in reversed(DAYS)],
    }


def version(bootstrap: str, number: int) -> Settings:
    return Settings(bootstrap_servers=bootstrap, partitions=PARTITIONS, application_version=number)


async def write_history(bootstrap: str) -> None:
    """Write five failures of a person, and the outages they fell into."""
    for number in (1, 2):
        settings = version(bootstrap, number)
        await create(worker.declarations(settings), worker.sizing(settings), {"bootstrap_servers": bootstrap})
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for days_ago in DAYS:
            value = avro.encode(Topic.DELIVERY_FAILED, failure(days_ago))
            await producer.send(Topic.DELIVERY_FAILED, value, recipient_key("acme", PERSON).encode())
        await producer.send(Topic.PROVIDER_HEALTH, avro.encode(Topic.PROVIDER_HEALTH, health()), b"acme/teekrr/sms")
        await producer.flush()


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    with Cluster() as cluster:
        asyncio.run(write_history(cluster.bootstrap))
        yield cluster.bootstrap


@contextmanager
def running(settings: Settings, folder: Path, change: str) -> Iterator["subprocess.Popen[bytes]"]:
    variables = {
        "UNDELIVERED_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "UNDELIVERED_PARTITIONS": str(PARTITIONS),
        "UNDELIVERED_APPLICATION_VERSION": str(settings.application_version),
        "UNDELIVERED_WEB_PORT": str(free_ports(1)[0]),
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "worker.log").open("wb") as log:
        command = [sys.executable, "-c", WORKER.format(change=change)]
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def row_of(settings: Settings) -> dict[str, Any]:
    """Wait until the person's row has all events."""
    topic = changelog(worker.application_id(settings), Table.RECIPIENTS).name
    async with asyncio.timeout(LONGEST_S):
        while True:
            rows = await read_rows(settings.bootstrap_servers, topic, PARTITIONS)
            row: dict[str, Any] = orjson.loads(rows.get(recipient_key("acme", PERSON).encode(), b'{"events":0}'))
            if row["events"] == len(DAYS):
                return row
            await asyncio.sleep(0.3)


async def committed(settings: Settings) -> set[int | None]:
    """Return what the group has committed of the failures."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=worker.application_id(settings),
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        return {await consumer.committed(TopicPartition(Topic.DELIVERY_FAILED, number)) for number in range(PARTITIONS)}
    finally:
        await consumer.stop()


async def test_a_worker_knows_all_outages_before_its_first_event(bootstrap: str, tmp_path: Path) -> None:
    """However long reading about them takes: all failures there are fell into outages."""
    settings = version(bootstrap, 1)
    with running(settings, tmp_path, SLOW):
        row = await row_of(settings)
    channel = row["channels"]["sms"]
    assert channel["degraded"] == len(DAYS)
    assert "transient" not in channel
    assert "suppression" not in channel


async def test_a_worker_that_cannot_follow_the_outages_ends(bootstrap: str, tmp_path: Path) -> None:
    """As at any error of the infrastructure, and nothing is committed."""
    settings = version(bootstrap, 2)
    with running(settings, tmp_path, FAILING) as process:
        code = await asyncio.to_thread(process.wait, LONGEST_S)
    assert code in {1, 70}
    assert "no topic any more" in (tmp_path / "worker.log").read_text()
    assert await committed(settings) == {None}
