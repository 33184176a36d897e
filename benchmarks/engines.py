"""The same work on different engines, in one run on one broker: count keys of a topic in a table, copy each record.

Each peer is a process of its own (``python -m benchmarks.peer NAME BOOTSTRAP``). The clock is in the timestamps that a
peer gives the records it writes: a reader on the same machine would measure itself. Only committed records count.
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.broker import Cluster
from benchmarks.peer import CHANGELOG, INPUT, OUTPUT, PARTITIONS, PEERS

KEYS = 1_000
PATIENCE_S = 120


class Rate(NamedTuple):
    """One line of the table."""

    peer: str
    guarantee: str
    events_per_s: float


async def run(events: int) -> list[Rate]:
    """Measure every peer, each on topics of its own."""
    rates = []
    with Cluster() as cluster:
        await _create_topics(cluster.bootstrap)
        for peer in PEERS.values():
            await _produce(cluster.bootstrap, INPUT.format(peer.name), events)
            rates.append(Rate(peer.title, peer.guarantee, await _measure(cluster.bootstrap, peer.name, events)))
    return rates


async def _create_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    names = [pattern.format(name) for name in PEERS for pattern in (INPUT, OUTPUT)]
    compact = [CHANGELOG.format(name) for name in PEERS]
    await admin.create_topics(
        [
            *(NewTopic(name, PARTITIONS, 1) for name in names),
            *(NewTopic(name, PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"}) for name in compact),
        ]
    )
    await admin.close()


async def _produce(bootstrap: str, topic: str, events: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=262_144)
    await producer.start()
    value = b'{"event":"failed","channel":"sms","reason":"invalid_recipient","padding":"' + b"x" * 80 + b'"}'
    sent = [await producer.send(topic, value, key=b"k%d" % (number % KEYS)) for number in range(events)]
    await asyncio.gather(*sent)
    await producer.stop()


async def _measure(bootstrap: str, name: str, events: int) -> float:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    consumer.assign([TopicPartition(OUTPUT.format(name), number) for number in range(PARTITIONS)])
    command = [sys.executable, "-m", "benchmarks.peer", name, bootstrap]
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    stamps: list[int] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(stamps) < events:
                for records in (await consumer.getmany(timeout_ms=50)).values():
                    stamps.extend(record.timestamp for record in records)
        return (len(stamps) - stamps.count(min(stamps))) / (max(stamps) - min(stamps)) * 1000
    finally:
        process.kill()
        await process.wait()
        await consumer.stop()
