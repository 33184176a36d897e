"""A whole run: load, workers, faults, verdict; then the same again by another version of the product."""

import asyncio
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from app.broker import Cluster
from app.stream import alerting, crediting, normalizing, suppressing
from app.stream.worker import application_id
from app.topics import DECLARATIONS, Table, Topic, changelog
from tests.chaos.faults import Injector, Plan, schedule
from tests.chaos.findings import Findings
from tests.chaos.group_progress import GroupProgress
from tests.chaos.load import Load, Shape, make_load
from tests.chaos.product import Deployment, Pool, create_topics, deployment
from tests.chaos.publishing import publish
from tests.chaos.verdict import compare_versions, compare_with_oracle

_INPUTS = (*normalizing.TOPICS, *suppressing.TOPICS, *crediting.TOPICS, *alerting.TOPICS)
_DERIVED = (Topic.DELIVERY_FAILED, Topic.DELIVERY_CONFIRMED, Topic.CREDIT_ENTRY, Topic.DELIVERY_STATS)
_OFFSETS_PER_WEBHOOK = 3.8
"""Offsets of all inputs that one webhook makes; a share of the work is a guess, good enough to spread faults."""
_EXPIRIES_S = 45.0
"""All suppressions that end during the run have ended so long after the base time."""


_STALLED_S = 15
"""Longer than a rebalance after a kill."""
_QUIET_S = 60.0
"""Longer than kills and rebalances keep a worker from reading; a frozen broker does so in addition."""


class Options(NamedTuple):
    """What a run is to be like."""

    shape: Shape
    plan: Plan
    workers: int
    brokers: int
    partitions: int
    store: str
    replay: bool
    keep_going_s: float
    """How long the workers may take after the last fault."""


class Outcome(NamedTuple):
    """What came of a run."""

    findings: Findings
    replayed: Findings | None
    killed: int
    crashed: list[str]
    left_badly: list[str]


class Log:
    """Prints what happens, with the seconds since the beginning."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print a line."""
        print(f"{time.monotonic() - self._started:7.1f} s  {text}", flush=True)  # noqa: T201 - its purpose


async def run(options: Options) -> Outcome:
    """Do it all on a cluster of its own."""
    log = Log()
    load = await asyncio.to_thread(make_load, options.shape)
    log.say(f"load: {len(load.webhooks)} webhooks, {len(load.commands)} commands, {len(load.requests)} requests")
    with TemporaryDirectory(prefix="undelivered-chaos-") as folder, Cluster(options.brokers) as cluster:
        first = await _deploy(options, cluster, Path(folder, "first"), options.store, 1)
        pool = Pool(first)
        try:
            await _work(options, load, cluster, first, pool, log)
            pool.close()
        finally:
            pool.kill_all()
        findings = await compare_with_oracle(load, first.settings)
        log.say(f"compared: {findings.line()}")
        replayed = None
        if options.replay:
            replayed = await _replay(options, cluster, first, Path(folder, "second"), log)
    return Outcome(findings, replayed, pool.killed, pool.crashed, pool.left_badly)


async def _deploy(options: Options, cluster: Cluster, folder: Path, store: str, version: int) -> Deployment:
    plan = options.plan
    described = deployment(
        cluster.bootstrap,
        folder,
        store=store,
        partitions=options.partitions,
        brokers=options.brokers,
        version=version,
        forget_days=options.shape.forget_days,
        quiet_s=_QUIET_S + (plan.pause_s if plan.broker_pauses else 0),
    )
    await create_topics(described.settings)
    return described


async def _work(options: Options, load: Load, cluster: Cluster, first: Deployment, pool: Pool, log: Log) -> None:
    shape = options.shape
    for _ in range(options.workers):
        pool.join()
    progress = _progress(first)
    rng = Random(shape.seed + 1)  # noqa: S311 - faults, no secret
    faults = schedule(options.plan, rng)
    injector = Injector(faults, options.plan.pause_s, rng, pool, cluster, log.say)
    publishing = asyncio.create_task(publish(load, shape.base, cluster.bootstrap))
    work = len(load.webhooks) * _OFFSETS_PER_WEBHOOK + len(load.commands)
    last_progress, moved = 0, time.monotonic()
    while not injector.done or pool.armed:
        pool.look_after()
        consumed = await progress.consumed()
        if consumed is not None and consumed != last_progress:
            last_progress, moved = consumed, time.monotonic()
        # at the end of the work there is no more progress to wait for
        stalled = publishing.done() and time.monotonic() - moved > _STALLED_S
        if stalled and injector.done:
            pool.kill_armed()
        await injector.advance(1.0 if stalled else (consumed or 0) / work)
        await asyncio.sleep(0.2)
    await publishing
    log.say("published, all faults done")
    await progress.wait_until_idle(options.keep_going_s, pool.look_after)
    log.say(f"idle at {(await progress.consumed() or 0) / work:.0%} of the offsets that were expected")
    await asyncio.sleep(max(_when_quiet(first), shape.base / 1e6 + _EXPIRIES_S - time.time()))
    await progress.wait_until_idle(60, pool.look_after)


def _when_quiet(version: Deployment) -> float:
    """Return how many seconds after the last record all inputs count as read, by a worker that has just started."""
    return version.settings.credit_quiet_s + _STALLED_S


def _progress(version: Deployment) -> GroupProgress:
    settings = version.settings
    group = application_id(settings)
    names = {declaration.name for declaration in DECLARATIONS} - {str(topic) for topic in _INPUTS}
    outputs = [*names, *(changelog(group, table).name for table in Table)]
    return GroupProgress(settings.bootstrap_servers, group, _INPUTS, outputs, settings.partitions)


async def _replay(options: Options, cluster: Cluster, first: Deployment, folder: Path, log: Log) -> Findings:
    """Let a new version work on the same raw topics, with its rows in the other kind of store."""
    other = "memory" if options.store == "rocksdb" else "rocksdb"
    second = await _deploy(options, cluster, folder, other, 2)
    await _delete_derived(second)
    pool = Pool(second)
    try:
        for _ in range(options.workers):
            pool.join()
        progress = _progress(second)
        await progress.wait_until_idle(options.keep_going_s, pool.look_after)
        await asyncio.sleep(_when_quiet(second))
        await progress.wait_until_idle(60, pool.look_after)
        pool.close()
    finally:
        pool.kill_all()
    findings = await compare_versions(first.settings, second.settings)
    log.say(f"replayed with rows in {other}: {findings.line()}")
    return findings


async def _delete_derived(version: Deployment) -> None:
    """Delete what the first version wrote for itself, so that the second has nothing but what came from outside."""
    settings = version.settings
    partitions = [TopicPartition(topic, number) for topic in _DERIVED for number in range(settings.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.bootstrap_servers)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await consumer.start()
    await admin.start()
    try:
        ends = await consumer.end_offsets(partitions)
        await admin.delete_records({tp: RecordsToDelete(end) for tp, end in ends.items() if end})
    finally:
        await consumer.stop()
        await admin.close()
