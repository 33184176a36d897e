"""The demo and the development set-up as a person runs them: in processes of their own, from an empty folder."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from app.demo.figures import as_json
from app.demo.load import build_load
from app.demo.run import SEED

ROOT = Path(__file__).parents[2]
LONGEST_S = 180
COMMAND = (sys.executable, "-m", "app.cli")


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    figures: dict[str, Any] = orjson.loads(orjson.dumps(as_json(build_load(SEED, 1, time.time_ns() // 1000).expected)))
    return figures


def environment(**variables: str) -> dict[str, str]:
    """Return our own environment without settings of the product, but for these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("UNDELIVERED_")}
    cache = {name: value for name, value in os.environ.items() if name == "UNDELIVERED_CACHE"}
    return {**kept, **cache, "PYTHONPATH": str(ROOT), **variables}


def run_demo(folder: Path, *options: str) -> tuple[str, dict[str, Any]]:
    """Run the demo to its end; return what it printed and its figures."""
    done = subprocess.run(
        [*COMMAND, "demo", "--json", "figures.json", *options],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout, orjson.loads((folder / "figures.json").read_bytes())


def test_the_demo_comes_to_the_figures_that_were_sent(tmp_path: Path, expected: dict[str, Any]) -> None:
    """It compares them itself; the numbers here are counted by hand."""
    printed, figures = run_demo(tmp_path)

    assert figures == expected
    assert {name: figures[name] for name in ("raw", "failed", "confirmed", "dead_letters", "recipients")} == {
        "raw": 648,
        "failed": 237,
        "confirmed": 329,
        "dead_letters": 10,
        "recipients": 316,
    }
    for title in ("Failures by provider", "Suppressed", "Credit before and after", "Alerts", "Dead letters"):
        assert title in printed
    assert "Every figure is as the sender counted it." in printed


def test_a_killed_worker_changes_no_figure(tmp_path: Path, expected: dict[str, Any]) -> None:
    """The worker dies by SIGKILL after about half of the webhooks, and another one goes on."""
    printed, figures = run_demo(tmp_path, "--kill-worker")

    assert "killing the worker and starting it again" in printed
    assert figures == expected


@contextmanager
def running_dev(folder: Path) -> Iterator[dict[str, str]]:
    """Run the development set-up; yield its addresses by name, and its example's commands."""
    process = subprocess.Popen(
        [*COMMAND, "dev"], cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        printed = ""
        while "UNDELIVERED_PARTITIONS" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        yield dict(re.findall(r"^(Kafka|gateway|page|token) +(\S+)$", printed, re.MULTILINE)) | {
            "webhook": re.findall(r"curl (http\S+)", printed)[0],
            "body": re.findall(r"-d '(.*)'", printed)[0],
            "row": re.findall(r"curl -H .* (http\S+)", printed)[0],
        }
    finally:
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, rest


def test_dev_runs_everything_until_it_is_stopped(tmp_path: Path) -> None:
    """Its example works as printed, and other commands find its topics."""
    with running_dev(tmp_path) as dev:
        (tmp_path / "webhooks.jsonl").write_text("{}\n" + dev["body"].replace("evt_1", "evt_2"))
        outputs = [
            in_cluster(dev, tmp_path, "topics", "create"),
            in_cluster(dev, tmp_path, "topics", "check"),
            in_cluster(dev, tmp_path, "ingest", "webhooks.jsonl", "--provider", "webex-interact", "--tenant", "acme"),
        ]
        posted = fetch(dev["webhook"], body=dev["body"])
        row = row_with(2, dev)

    assert outputs == [
        "0 topics created, 21 were there\n",
        "21 topics are as declared\n",
        "2 webhooks published to raw.webex-interact\n",
    ]
    assert posted == (200, {})
    assert (row["address"], row["channels"]["sms"]["failures"]) == ("+447810000001", 2)


def in_cluster(dev: dict[str, str], folder: Path, *command: str) -> str:
    """Run a command against the cluster of the development set-up; return what it printed."""
    settings = environment(UNDELIVERED_BOOTSTRAP_SERVERS=dev["Kafka"], UNDELIVERED_PARTITIONS="4")
    done = subprocess.run([*COMMAND, *command], cwd=folder, env=settings, capture_output=True, text=True, check=True)
    return done.stdout


def fetch(url: str, body: str | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Return status and JSON of an answer, without any proxy in between."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    with closing(connection):
        connection.request("GET" if body is None else "POST", parts.path, body, headers)
        answer = connection.getresponse()
        return answer.status, orjson.loads(answer.read())


def row_with(events: int, dev: dict[str, str]) -> dict[str, Any]:
    """Return the example's recipient as soon as so many events are known of it."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        _, row = fetch(dev["row"], Authorization=f"Bearer {dev['token']}")
        if row.get("events") == events:
            return row
        time.sleep(0.1)
    raise AssertionError(f"no row with {events} events")
