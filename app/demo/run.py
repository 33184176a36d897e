"""Runs the demo: everything started, a load sent through it, what comes out compared with what was sent."""

import asyncio
import logging
import time
from pathlib import Path

import orjson
from rich.console import Console

from app.demo.driving import drive, set_up
from app.demo.figures import as_json
from app.demo.load import build_load
from app.demo.processes import cluster_and_folder, prepared
from app.demo.report import print_report
from app.demo.steps import steps
from app.errors import UndeliveredError

SEED = 20_260_506
_PARKED_WAIT_S = 4.0
_PARKED_WAIT_WITH_KILL_S = 30.0
"""Longer than a killed worker is missed: else a failure would go out before its recipient is read."""

_WIDTH_WITHOUT_TERMINAL = 120


class DemoFailedError(UndeliveredError):
    """A figure is not what the sender counted."""


def run_demo(json_path: Path | None, *, kill_worker: bool) -> None:
    """Run the demo and print it; raises DemoFailedError if a figure is not as expected."""
    # what goes wrong comes as an exception; that a new topic has no leader yet is nothing to tell
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    began = time.monotonic()
    load = build_load(SEED, 1, time.time_ns() // 1000)
    parked_wait_s = _PARKED_WAIT_WITH_KILL_S if kill_worker else _PARKED_WAIT_S
    with steps(console) as step:
        step.show("starting Apache Kafka")
        with cluster_and_folder() as (cluster, folder), prepared(cluster.bootstrap, folder, parked_wait_s) as product:
            step.show("creating the topics, publishing grants and reservations")
            asyncio.run(set_up(product, load))
            step.show("starting worker and gateway")
            product.start()
            driven = asyncio.run(drive(product, load, step, kill_worker=kill_worker))
            step.show("stopping everything")
    print_report(console, product.addresses, load, driven.seen, driven.row)
    found = driven.seen.figures()
    if json_path is not None:
        json_path.write_bytes(orjson.dumps(as_json(found), option=orjson.OPT_INDENT_2))
    if driven.problems:
        raise DemoFailedError("figures are not what was sent:\n  " + "\n  ".join(driven.problems))
    console.print(
        f"Every figure is as the sender counted it. {found.raw} webhooks took {driven.seconds:.1f} s, "
        f"the demo {time.monotonic() - began:.0f} s. Everything is stopped; `undelivered dev` runs it until Ctrl-C."
    )
