"""A worker on a broker, with the webhooks that `undelivered replay` is tried on."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from app import avro
from app.broker.server import free_ports
from app.classify import MAPPING_VERSION
from app.classify.overlay_file import parse_overlay
from app.demo.payloads import Body, TeekrrMessage, prelude_created, prelude_status, treble_failure, webex_status
from app.domain.clock import DAY, MINUTE
from app.faust_batches.partitioning import partition_of
from app.raw_records import headers, record_key
from app.settings import Settings
from app.stream import alerting, cluster_topics, crediting, normalizing, suppressing, worker
from app.topics import DECLARATIONS, RAW_TOPICS, Table, Topic, changelog
from app.vocabulary import Channel, Provider
from tests.chaos.group_progress import GroupProgress

ROOT = Path(__file__).parents[2]
PARTITIONS = 3
LONGEST_S = 120
NOW = time.time_ns() // 1000 // 1000 * 1000
INPUTS = (*normalizing.TOPICS, *suppressing.TOPICS, *crediting.TOPICS, *alerting.TOPICS)

NOTHING = {"webhook_gone": 0, "recipient_awaited": 0, "older": 0}

OVERLAY = """tenant,kind,match,codes,reason,attribution,permanence,note
*,code,elfo:42,,invalid_recipient,RECIPIENT,PERMANENT,the supplier says so
*,code,prelude:reason:unknown_recipient,,routing_error,CARRIER,TRANSIENT,one route knows nobody
"""

VERSION = MAPPING_VERSION + parse_overlay("own", OVERLAY).version

UNKNOWN = {"reason": "unknown", "attribution": "UNKNOWN", "permanence": "UNDETERMINED"}
GONE = {"reason": "invalid_recipient", "attribution": "RECIPIENT", "permanence": "PERMANENT"}
NO_ROUTE = {"reason": "routing_error", "attribution": "CARRIER", "permanence": "TRANSIENT"}

TEEKRR_NUMBER = "+60123000001"
"""Fails with a code that no table knows."""
TEEKRR_BUSY = "+60123000002"
"""The same, and a delivery came later, which lifts nothing permanent."""
PRELUDE_NUMBER = "+33612000001"
"""Fails with a code that suppresses."""
BOTH = "+33612000002"
"""Fails with the one through Prelude, then with the other through Teekrr."""
TWICE = b"tx-+33612000001-6"
"""Key of a message whose events come once more, in a partition where they do not belong."""
OTHERS = ("+447810000001", "+573001000001")
"""Fail through Webex Interact, whose failures have no code, and treble, with a code that is left alone."""


class Webhook(NamedTuple):
    """A body on its way to a raw topic."""

    provider: Provider
    body: Body
    at: int


def ago(days: int) -> int:
    return NOW - days * DAY


def teekrr(number: str, code: str, days: int) -> Webhook:
    message = TeekrrMessage(f"m-{number}-{days}", "b", Channel.SMS, number)
    return Webhook(Provider.TEEKRR, message.failed(ago(days), code, "Delivery failed"), ago(days))


def prelude(number: str, days: int) -> list[Webhook]:
    message = f"tx-{number}-{days}"
    created = prelude_created(f"c-{message}", message, ago(days) - MINUTE, number)
    failed = prelude_status(
        f"f-{message}", message, ago(days), "failed", status="failed", reason="unknown_recipient", channel="sms"
    )
    return [Webhook(Provider.PRELUDE, failed, ago(days)), Webhook(Provider.PRELUDE, created, ago(days) - MINUTE)]


WEBHOOKS = [
    teekrr(TEEKRR_NUMBER, "42", 5),
    teekrr(TEEKRR_NUMBER, "42", 4),
    teekrr(TEEKRR_BUSY, "42", 3),
    Webhook(Provider.TEEKRR, TeekrrMessage("d", "b", Channel.SMS, TEEKRR_BUSY).delivered(ago(2)), ago(2)),
    *prelude(PRELUDE_NUMBER, 6),
    *prelude(BOTH, 8),
    teekrr(BOTH, "42", 2),
    # one whose recipient nobody ever names
    prelude("+33612000009", 1)[0],
    Webhook(Provider.WEBEX_INTERACT, webex_status("w1", "t1", ago(3), OTHERS[0], "failed"), ago(3)),
    Webhook(Provider.TREBLE, treble_failure("t1", ago(3), 1, "3001000001", "INVALID_PHONE"), ago(3)),
    Webhook(Provider.TEEKRR, {"event": "nonsense"}, ago(1)),
]


class Product:
    """A worker on a broker, and the command line beside it."""

    worker: "subprocess.Popen[bytes] | None" = None

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.settings = Settings(bootstrap_servers=bootstrap, partitions=PARTITIONS)
        self._bootstrap = bootstrap
        self._folder = folder
        (folder / "own.csv").write_text(OVERLAY)
        group = worker.application_id(self.settings)
        outputs = {each.name for each in DECLARATIONS} | {changelog(group, table).name for table in Table}
        self.topics = sorted(outputs)
        self._progress = GroupProgress(bootstrap, group, INPUTS, outputs - set(map(str, INPUTS)), PARTITIONS)

    def _environment(self, variables: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNDELIVERED_")}
        own = {
            "UNDELIVERED_BOOTSTRAP_SERVERS": self._bootstrap,
            "UNDELIVERED_PARTITIONS": str(PARTITIONS),
            "UNDELIVERED_SESSION_TIMEOUT_S": "6",
            "UNDELIVERED_WEB_PORT": str(free_ports(1)[0]),
            "UNDELIVERED_PARKED_WAIT_S": "86400",
            "PYTHONPATH": str(ROOT),
        }
        return inherited | own | variables

    async def idle(self) -> None:
        """Wait until the worker has nothing left to do."""

        def look_after() -> None:
            code = self.worker.poll() if self.worker else 0
            assert code is None, (self._folder / "worker.log").read_text()[-3000:]

        await self._progress.wait_until_idle(LONGEST_S, look_after)

    async def begin(self) -> None:
        """Create the topics, publish all webhooks, and let a worker process them."""
        connection = worker.connection(self.settings)
        await cluster_topics.create(worker.declarations(self.settings), worker.sizing(self.settings), connection)
        await self._publish()
        self._start_worker()
        await self.idle()

    def _start_worker(self) -> None:
        with (self._folder / "worker.log").open("wb") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "worker"],
                cwd=self._folder,
                env=self._environment({}),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def replay(self, *options: str, **variables: str) -> list[dict[str, Any]]:
        """Run the command to its end; return the documents that it printed."""
        done = self.run(*options, "--json", **variables)
        assert (done.returncode, done.stderr) == (0, "")
        return [orjson.loads(line) for line in done.stdout.splitlines()]

    def run(self, *options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run the command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "app.cli", "replay", *options],
            cwd=self._folder,
            env=self._environment(variables),
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )

    async def ends(self) -> dict[TopicPartition, int]:
        """Return the ends of all topics."""
        tps = [TopicPartition(topic, number) for topic in self.topics for number in range(PARTITIONS)]
        async with AIOKafkaConsumer(bootstrap_servers=self._bootstrap) as consumer:
            ends: dict[TopicPartition, int] = await consumer.end_offsets(tps)
        return ends

    async def records(self, topic: str) -> list[Any]:
        """Return the committed records of a topic."""
        found: list[Any] = []
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        async with AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        return found

    async def suppressed(self) -> dict[str, tuple[str, int | None]]:
        """Return the reason and the end of each suppression by its key."""
        records = await self.records(Topic.SUPPRESSION_CHANGED)
        last = {each.key.decode(): avro.decode(Topic.SUPPRESSION_CHANGED, each.value) for each in records}
        return {key: (each["reason"], each["until"]) for key, each in last.items() if each["state"] == "suppressed"}

    async def counted(self) -> Counter[tuple[str, str]]:
        """Return how many failures of which reason were counted."""
        found: Counter[tuple[str, str]] = Counter()
        for record in await self.records(Topic.DELIVERY_STATS):
            stats = avro.decode(Topic.DELIVERY_STATS, record.value)
            found[stats["outcome"], stats["reason"]] += stats["count"]
        return found

    async def corrected(self) -> Counter[str]:
        """Return how many failures were corrected to which reason."""
        records = [each for each in await self.records(Topic.DELIVERY_FAILED) if "replayed" in dict(each.headers)]
        assert {dict(each.headers)["replayed"].decode() for each in records} == {VERSION}
        return Counter(avro.decode(Topic.DELIVERY_FAILED, each.value)["reason"] for each in records)

    async def _publish(self) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all") as producer:
            for webhook in WEBHOOKS:
                body = orjson.dumps(webhook.body)
                about = headers("acme", webhook.at, "test", verified=True, account="")
                topic, key = RAW_TOPICS[webhook.provider], record_key(webhook.provider, body)
                await producer.send(topic, body, key, headers=about)
                if key == TWICE:
                    foreign = (partition_of(key, PARTITIONS) + 1) % PARTITIONS
                    await producer.send(topic, body, None, foreign, headers=about)
