"""A worker's start against a real Kafka: asked to leave while it starts, and with the operator's own rows."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from app import avro
from app.broker import Cluster
from app.classify import MAPPING_VERSION
from app.classify.overlay_file import OVERLAY_COLUMNS, load_overlay
from app.settings import Settings
from app.stream import cluster_topics
from app.stream.worker import connection, declarations, sizing
from app.topics import Topic
from tests.chaos.reading import Stored, read
from tests.integration.interrupted_worker import MOMENTS

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("interrupted_worker.py")
COMMAND = (sys.executable, "-m", "app.cli")
LONGEST_S = 60
PARTITIONS = 2


@pytest.fixture(scope="module")
def prepared() -> Iterator[Settings]:
    """Run a broker of its own with the product's topics."""
    with Cluster() as cluster:
        settings = Settings(bootstrap_servers=cluster.bootstrap, partitions=PARTITIONS)
        asyncio.run(cluster_topics.create(declarations(settings), sizing(settings), connection(settings)))
        yield settings


def environment(settings: Settings, **variables: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNDELIVERED_")}
    own = {
        "UNDELIVERED_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "UNDELIVERED_PARTITIONS": str(PARTITIONS),
        "UNDELIVERED_WEB_PORT": "0",
        "PYTHONPATH": str(ROOT),
    }
    return inherited | own | variables


def failures(settings: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def take(record: Stored) -> None:
        found.append(avro.decode(Topic.DELIVERY_FAILED, record.value))

    asyncio.run(read(settings.bootstrap_servers, [Topic.DELIVERY_FAILED], PARTITIONS, take))
    return found


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigterm_at_the_start_is_an_orderly_end(prepared: Settings, tmp_path: Path, moment: str) -> None:
    """The exit code says so, and there is no traceback."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), moment],
        cwd=tmp_path,
        env=environment(prepared),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stdout, "worker ready" in done.stdout) == (0, False, False), (
        done.stdout
    )


def test_a_worker_judges_with_the_overlay_of_its_settings(prepared: Settings, tmp_path: Path) -> None:
    """The record names it."""
    overlay, webhook = tmp_path / "own.csv", tmp_path / "webhook.json"
    row = "acme,code,treble:NOVEL_1,,recipient_disabled,RECIPIENT,PERMANENT,"
    overlay.write_text(f"{','.join(OVERLAY_COLUMNS)}\n{row}\n")
    webhook.write_bytes(orjson.dumps({"event_type": "deployment.failure", "event_id": "e", "reason": "NOVEL_1"}))
    ingest = [*COMMAND, "ingest", str(webhook), "--provider", "treble", "--tenant", "acme"]
    subprocess.run(ingest, cwd=tmp_path, env=environment(prepared), check=True, capture_output=True)
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [*COMMAND, "worker"],
            cwd=tmp_path,
            env=environment(prepared, UNDELIVERED_OVERLAY_FILE="own.csv"),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + LONGEST_S
            while not (found := failures(prepared)):
                assert (worker.poll(), time.monotonic() < deadline) == (None, True), (
                    tmp_path / "worker.log"
                ).read_text()
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(LONGEST_S) == 0
        finally:
            worker.kill()
            worker.wait()
    judged = [(record["reason"], record["mapping_version"]) for record in found]
    assert judged == [("recipient_disabled", MAPPING_VERSION + load_overlay(overlay).version)]
