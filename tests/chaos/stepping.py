"""Trials of the small worker: topics and a group of its own, numbered records, and what must come of them."""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from app.faust_batches.faults import VARIABLE
from tests.chaos.reading import Stored, read, read_rows
from tests.chaos.stepping_worker import PARTITIONS, counts_changelog, inputs, output

_ROOT = Path(__file__).parents[2]
_SCRIPT = Path(__file__).with_name("stepping_worker.py")
_KEYS = 20
_PATIENCE_S = 90


class StuckError(AssertionError):
    """What was waited for did not happen."""


class Trial:
    """One group on a broker that may be shared."""

    def __init__(self, bootstrap: str, group: str, folder: Path, *, transaction_timeout_s: float = 30) -> None:
        self.group = group
        self._bootstrap = bootstrap
        self._transaction_timeout_s = transaction_timeout_s
        self._log_file = folder / f"{group}.log"
        self._produced = 0

    async def create_topics(self) -> None:
        """Create the topics of the group."""
        compact = NewTopic(counts_changelog(self.group), PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"})
        names = (*inputs(self.group), output(self.group))
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        await admin.create_topics([*(NewTopic(name, PARTITIONS, 1) for name in names), compact])
        await admin.close()

    async def limit_output(self, largest: int) -> None:
        """Let the broker refuse larger record batches in the output topic."""
        resource = ConfigResource(
            ConfigResourceType.TOPIC, output(self.group), configs={"max.message.bytes": str(largest)}
        )
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        await admin.alter_configs([resource])
        await admin.close()

    async def produce(self, count: int) -> None:
        """Write numbered records to both input topics."""
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, linger_ms=5, request_timeout_ms=120_000)
        await producer.start()
        for number in range(self._produced, self._produced + count):
            topic = inputs(self.group)[number % 2]
            await producer.send(topic, key=b"k%d" % (number * 7 % _KEYS), value=b"%d" % number)
        await producer.stop()
        self._produced += count

    @contextmanager
    def worker(self, *, kill_at: str = "", freeze_at: str = "-") -> Iterator[subprocess.Popen[bytes]]:
        """Run a worker for the length of a with block."""
        arguments = [self._bootstrap, self.group, str(self._transaction_timeout_s), freeze_at]
        with self._log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(_SCRIPT), *arguments],
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": str(_ROOT), VARIABLE: kill_at},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def outputs(self) -> Counter[int]:
        """Return how often each number was written, committed records only."""
        found: Counter[int] = Counter()

        def take(record: Stored) -> None:
            found[int(record.value or b"-1")] += 1

        await read(self._bootstrap, [output(self.group)], PARTITIONS, take)
        return found

    async def finish(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the worker has written everything; it must not end before."""
        deadline = time.monotonic() + _PATIENCE_S
        while len(await self.outputs()) < self._produced:
            if process.poll() is not None or time.monotonic() > deadline:
                raise StuckError(f"{self.group}: {len(await self.outputs())} of {self._produced}; {self._last_words()}")
            await asyncio.sleep(0.3)

    async def result(self) -> tuple[Counter[int], int]:
        """Return how often each number was written, and the sum of all rows."""
        rows = await read_rows(self._bootstrap, counts_changelog(self.group), PARTITIONS)
        return await self.outputs(), sum(map(int, rows.values()))

    @property
    def exactly_once(self) -> tuple[Counter[int], int]:
        """What the result must be."""
        return Counter(range(self._produced)), self._produced

    async def wait_until_no_transaction_is_open(self) -> None:
        """Return when a reader of committed records sees the output to its end."""
        deadline = time.monotonic() + _PATIENCE_S
        while await self._end("read_committed") != await self._end("read_uncommitted"):
            if time.monotonic() > deadline:
                raise StuckError(f"{self.group}: a transaction stays open")
            await asyncio.sleep(0.3)

    async def _end(self, isolation_level: str) -> int:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, isolation_level=isolation_level)
        await consumer.start()
        ends = await consumer.end_offsets([TopicPartition(output(self.group), n) for n in range(PARTITIONS)])
        await consumer.stop()
        return sum(ends.values())

    def _last_words(self) -> str:
        return self._log_file.read_text(encoding="utf-8", errors="replace")[-1500:]


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Wait until a process has ended; returns its exit code."""
    return await asyncio.to_thread(process.wait, _PATIENCE_S)


async def frozen(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has stopped itself."""
    deadline = time.monotonic() + _PATIENCE_S
    while (await asyncio.to_thread(_state, process.pid)) != "T":
        if process.poll() is not None or time.monotonic() > deadline:
            raise StuckError("the worker did not freeze")
        await asyncio.sleep(0.1)


def _state(pid: int) -> str:
    found = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S607 - ps is on every PATH
    return found.stdout.strip()[:1]
