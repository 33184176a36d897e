"""The same work on different engines, in one run on one broker: count keys of a topic in a table, copy each record.

Each peer is a process of its own (``python -m benchmarks.peer NAME BOOTSTRAP``). The clock is in the timestamps that a
peer gives the records it writes: a reader on the same machine would measure itself. Only committed records count.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from benchmarks.peer import CHANGELOG, INPUT, OUTPUT, PARTITIONS, PEERS
from benchmarks.product.processes import Process
from benchmarks.product.servers import Broker
from benchmarks.progress import BenchmarkError, Patience, say

ROOT = Path(__file__).parents[1]
KEYS = 1_000
_BATCH_BYTES = 262_144


class Rate(NamedTuple):
    """One line of the table."""

    peer: str
    guarantee: str
    events_per_s: float | None
    """None: the engine failed, or is not installed."""
    failure: str = ""
    """Its last words."""


async def run(command: Path, events: int) -> list[Rate]:
    """Measure every peer, each on topics of its own; ``command`` is the product's, for the broker."""
    rates = []
    with TemporaryDirectory(prefix="undelivered-bench-") as folder, Broker(command, Path(folder)) as broker:
        bootstrap = await broker.address()
        await _create_topics(bootstrap)
        for peer in PEERS.values():
            say(f"{peer.title}: {events:,} events")
            await _produce(bootstrap, INPUT.format(peer.name), events)
            try:
                rate = await _measure(bootstrap, peer.name, events, Path(folder))
                rates.append(Rate(peer.title, peer.guarantee, rate))
            except (BenchmarkError, KafkaError) as error:
                rates.append(Rate(peer.title, peer.guarantee, None, str(error)))
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
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, max_batch_size=_BATCH_BYTES)
    await producer.start()
    value = b'{"event":"failed","channel":"sms","reason":"invalid_recipient","padding":"' + b"x" * 80 + b'"}'
    sent = [await producer.send(topic, value, key=b"k%d" % (number % KEYS)) for number in range(events)]
    await asyncio.gather(*sent)
    await producer.stop()


async def _measure(bootstrap: str, name: str, events: int, folder: Path) -> float:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    command = [sys.executable, "-m", "benchmarks.peer", name, bootstrap]
    async with consumer:
        consumer.assign([TopicPartition(OUTPUT.format(name), number) for number in range(PARTITIONS)])
        process = Process(name, command, folder, {"PYTHONPATH": str(ROOT)})
        try:
            stamps = await _stamps(consumer, process, events)
        finally:
            process.kill()
    took_ms = max(stamps) - min(stamps)
    if not took_ms:
        raise BenchmarkError(f"{events:,} events were done at once: too few to measure")
    return (len(stamps) - stamps.count(min(stamps))) / took_ms * 1000


async def _stamps(consumer: AIOKafkaConsumer, process: Process, events: int) -> list[int]:
    stamps: list[int] = []
    patience = Patience(f"records from {process.name}", [process])
    while len(stamps) < events:
        for records in (await consumer.getmany(timeout_ms=50)).values():
            stamps.extend(record.timestamp for record in records)
        await patience.look(f"{len(stamps):,} of {events:,}")
    return stamps
