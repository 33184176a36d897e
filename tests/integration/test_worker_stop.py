"""A worker asked to leave while its brokers are away, or do not answer: it ends in order, and soon."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.broker import Cluster
from app.broker.kafka import Broker
from app.settings import Settings
from app.stream import cluster_topics
from app.stream.worker import connection, declarations, sizing

ROOT = Path(__file__).parents[2]
LONGEST_S = 60
"""Half of what the worker would ask the brokers for, if nobody asked it to leave."""


@contextmanager
def worker(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker that is ready; it is gone afterwards."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNDELIVERED_")}
    own = {
        "UNDELIVERED_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "UNDELIVERED_PARTITIONS": "1",
        "UNDELIVERED_WEB_PORT": "0",
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "worker"],
            cwd=folder,
            env=inherited | own,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + LONGEST_S
        while "worker ready" not in (said := (folder / "worker.log").read_text()):
            assert (process.poll(), time.monotonic() < deadline) == (None, True), said
            time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("go_away", [Broker.kill, Broker.pause])
def test_sigterm_while_the_brokers_are_away(go_away: Callable[[Broker], None], tmp_path: Path) -> None:
    """What it was about to commit is done again by whoever comes next."""
    with Cluster() as cluster:
        settings = Settings(bootstrap_servers=cluster.bootstrap, partitions=1)
        asyncio.run(cluster_topics.create(declarations(settings), sizing(settings), connection(settings)))
        with worker(settings, tmp_path) as process:
            go_away(cluster.brokers[0])
            process.send_signal(signal.SIGTERM)
            assert process.wait(LONGEST_S) == 0, (tmp_path / "worker.log").read_text()
        cluster.brokers[0].kill()
    assert "Traceback" not in (tmp_path / "worker.log").read_text()
    # rows in memory: nothing is written where it runs, which may be read-only
    assert [file.name for file in tmp_path.iterdir()] == ["worker.log"]
