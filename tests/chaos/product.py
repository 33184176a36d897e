"""The product under test: its settings, its topics, its workers as processes of their own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from app.broker.server import free_ports
from app.settings import Settings
from app.stream import cluster_topics
from app.stream.worker import connection, declarations, sizing
from app.topics import DAY_MS

_ROOT = Path(__file__).parents[2]
_CODE = (
    "from app.stream.worker import run_worker; from app.settings import load_settings; "
    "run_worker(load_settings(None), 'WARNING')"
)
_SIX_SECONDS = 6
"""The shortest session time-out that a broker takes."""
_LEAVE_S = 60
_SHOWN = 1500
_CRASH = re.compile(r"^\[[^\n]*Crashed reason=.*?(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
"""The first of several entries: what follows comes of closing."""

POLICY = """
[alerts]
least_reports = 1000000000 # outages are announced by what arrived when, which no oracle can know

[dry_run]
tenants = ["trial"]

[[rule]]
channel = "sms"
reason = "recipient_unavailable"
failures = 2
distinct_days = 1
suppress_days = 2
growth = 3
longest_days = 10

[[rule]]
tenant = "acme"
reason = "mailbox_full"
failures = 3
distinct_days = 2
suppress_days = 3
"""
"""On top of the built-in policy. The oracle knows these rules by heart: :mod:`tests.chaos.oracle_rules`."""


class Deployment(NamedTuple):
    """One application version of the product on a cluster."""

    settings: Settings
    variables: dict[str, str]
    folder: Path


def deployment(
    bootstrap: str,
    folder: Path,
    *,
    store: str,
    partitions: int,
    brokers: int,
    version: int,
    forget_days: int,
    quiet_s: float,
) -> Deployment:
    """Describe a version of the product; its rows on disk and logs lie in ``folder``."""
    folder.mkdir()
    policy = folder / "policy.toml"
    policy.write_text(f"{POLICY}\n[credit]\nforget_days = {forget_days}\n", encoding="utf-8")
    values = {
        "bootstrap_servers": bootstrap,
        "application_version": str(version),
        "partitions": str(partitions),
        "replication": str(brokers),
        "min_insync_replicas": str(max(1, brokers - 1)),
        "store": store,
        "session_timeout_s": str(_SIX_SECONDS),
        "policy_file": str(policy),
        # an event whose recipient is not known waits to the end: how long would depend on the clock
        "parked_wait_s": "86400",
        "quiet_s": str(quiet_s),
    }
    settings = Settings.model_validate(values)
    return Deployment(settings, {f"UNDELIVERED_{name.upper()}": value for name, value in values.items()}, folder)


async def create_topics(settings: Settings) -> None:
    """Create what the version needs and the cluster lacks; nothing is compacted before every record was compared."""
    await cluster_topics.create(declarations(settings), sizing(settings), connection(settings))
    admin = AIOKafkaAdminClient(**connection(settings))
    await admin.start()
    try:
        for each in declarations(settings):
            if each.compact:
                configs = {**cluster_topics.configuration(each, sizing(settings)), "min.compaction.lag.ms": str(DAY_MS)}
                await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, each.name, configs=configs)])
    finally:
        await admin.close()


class Worker:
    """A worker process."""

    def __init__(self, deployment: Deployment, slot: int, kill_at: str) -> None:
        self.slot = slot
        self.kill_at = kill_at
        """Where in its work it will kill itself; empty: nowhere."""
        self._log_file = deployment.folder / f"worker-{slot}.log"
        self._log = self._log_file.open("ab")
        self._log_start = self._log.tell()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNDELIVERED_")}
        own = {
            "UNDELIVERED_WEB_PORT": str(free_ports(1)[0]),
            "UNDELIVERED_DATA_DIR": str(deployment.folder / f"rows-{slot}"),
            "UNDELIVERED_KILL_AT": kill_at,
            "PYTHONPATH": str(_ROOT),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CODE],
            cwd=deployment.folder,
            env=inherited | deployment.variables | own,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def leave(self) -> int:
        """Ask it to leave its group, and wait; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def end(self) -> None:
        """Kill it if it still runs."""
        self.process.kill()
        self.process.wait()
        self._log.close()

    def last_words(self) -> str:
        """Return what it says of its crash, or else the end of what it has logged."""
        with self._log_file.open("rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        cause = _CRASH.search(text)
        return (cause[0] if cause else text)[-_SHOWN:]


class Pool:
    """Workers in numbered slots; one that ends without being asked to is replaced."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._next_slot = 0
        self.workers: dict[int, Worker] = {}
        self.killed = 0
        self.crashed: list[str] = []
        """Last words of workers that ended by themselves; the product does that when the cluster fails it."""
        self.unreached: list[str] = []
        """Points at which workers were to kill themselves, and did not come to before the work was over."""
        self.left_badly: list[str] = []
        """Last words of workers that were asked to leave and did not do so in order."""

    def join(self) -> Worker:
        """Start one worker more."""
        slot = self._next_slot
        self._next_slot += 1
        return self._start(slot, "")

    def leave(self, slot: int) -> None:
        """Let a worker go in order."""
        self._see_off(self.workers.pop(slot))

    def kill(self, slot: int, successor_dies_at: str = "") -> None:
        """Kill a worker with SIGKILL and replace it; it finds the rows on disk as they were."""
        self.workers[slot].end()
        self.killed += 1
        self._start(slot, successor_dies_at)

    @property
    def armed(self) -> set[int]:
        """Slots of workers that will kill themselves."""
        return {slot for slot, worker in self.workers.items() if worker.kill_at}

    def kill_armed(self) -> None:
        """Kill those that have not come to the point, now that there is no work left."""
        for slot in self.armed:
            self.unreached.append(self.workers[slot].kill_at)
            self.kill(slot)

    def look_after(self) -> None:
        """Replace the workers that have ended."""
        for slot, worker in list(self.workers.items()):
            code = worker.process.poll()
            if code is None:
                continue
            if worker.kill_at and code == -signal.SIGKILL:
                self.killed += 1
            else:
                self.crashed.append(f"worker {slot} exit {code}: {worker.last_words()}")
            worker.end()
            self._start(slot, "")

    def close(self) -> None:
        """Let every worker go in order, or kill it."""
        for worker in self.workers.values():
            worker.signal(signal.SIGTERM)
        for worker in self.workers.values():
            self._see_off(worker)
        self.workers.clear()

    def kill_all(self) -> None:
        """Leave no process behind."""
        for worker in self.workers.values():
            worker.end()
        self.workers.clear()

    def _see_off(self, worker: Worker) -> None:
        code = worker.leave()
        # a process that has just begun dies of the signal itself
        if code not in {0, -signal.SIGTERM}:
            self.left_badly.append(f"worker {worker.slot} left with exit code {code}: {worker.last_words()}")
        worker.end()

    def _start(self, slot: int, kill_at: str) -> Worker:
        worker = self.workers[slot] = Worker(self._deployment, slot, kill_at)
        return worker
