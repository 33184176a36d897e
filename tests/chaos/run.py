"""A whole run: load, workers, faults, verdict; then the same again by another version of the product."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from app.broker import Cluster
from app.topics import Topic
from tests.chaos.checking_poison import PoisonCheck
from tests.chaos.faults import Injector, Plan, schedule
from tests.chaos.findings import Findings
from tests.chaos.legible_records import legible_records
from tests.chaos.load import Load, Shape, make_load
from tests.chaos.product import Deployment, Pool, create_topics, deployment
from tests.chaos.publishing import publish
from tests.chaos.verdict import compare_versions, compare_with_oracle
from tests.chaos.work import Watch

_DERIVED = (Topic.DELIVERY_FAILED, Topic.DELIVERY_CONFIRMED, Topic.CREDIT_ENTRY, Topic.DELIVERY_STATS)
_EXPIRIES_S = 45.0
"""All suppressions that end during the run have ended so long after the base time."""
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
    random_ids: bool
    """Transactional ids that nobody can guess, so that the group's generation alone fences."""
    may_crash: bool
    """Workers may end by themselves."""


class Outcome(NamedTuple):
    """What came of a run."""

    findings: Findings
    replayed: Findings | None
    killed: int
    crashed: list[str]
    """Last words of workers that ended by themselves, also in the replay."""
    left_badly: list[str]
    poison: Counter[str]
    """Records of each kind, as they lie in their topics."""
    late: list[str]
    """Faults that came when the work was over, and points at which no worker killed itself."""
    may_crash: bool

    @property
    def clean(self) -> bool:
        """Whether all is as it must be."""
        compared = self.findings.clean and (self.replayed is None or self.replayed.clean)
        return compared and (self.may_crash or not self.crashed)


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
    about = f"{len(load.commands)} commands, {len(load.requests)} requests, {len(load.poison)} pieces of poison"
    log.say(f"load: {len(load.webhooks)} webhooks, {about}")
    poison = PoisonCheck(load.poison)
    replayed, crashed = None, list[str]()
    with TemporaryDirectory(prefix="undelivered-chaos-") as folder, Cluster(options.brokers) as cluster:
        first = await _deploy(options, cluster, Path(folder, "first"), options.store, 1)
        pool = Pool(first)
        with legible_records():
            findings, late = await _work(options, load, cluster, first, pool, log)
            if findings is None:
                findings = await compare_with_oracle(load, first.settings, poison)
                log.say("\n".join([f"compared: {findings.line()}", *findings.summary()]))
                if options.replay:
                    replayed, crashed = await _replay(options, load, cluster, first, log)
    return Outcome(
        findings,
        replayed,
        pool.killed,
        [*pool.crashed, *crashed],
        pool.left_badly,
        poison.counts(),
        late,
        options.may_crash,
    )


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
    if options.random_ids:
        described.variables["UNDELIVERED_RANDOM_TRANSACTIONAL_IDS"] = "1"
    await create_topics(described.settings)
    return described


async def _work(
    options: Options, load: Load, cluster: Cluster, first: Deployment, pool: Pool, log: Log
) -> tuple[Findings | None, list[str]]:
    """Let workers do all of it through all faults; returns findings if they do not get there, and what came late."""
    shape = options.shape
    rng = Random(shape.seed + 1)  # noqa: S311 - faults, no secret
    injector = Injector(schedule(options.plan, rng), options.plan.pause_s, rng, pool, cluster, log.say)
    watch = Watch(load, first, pool, log.say)
    publishing = asyncio.create_task(publish(load, shape.base, cluster.bootstrap))
    try:
        for _ in range(options.workers):
            pool.join()
        await watch.suffer(injector, publishing, options.keep_going_s)
        await publishing
        log.say("published, all faults done")
        await watch.see_to_its_end(options.keep_going_s, shape.base / 1e6 + _EXPIRIES_S)
        pool.close()
    except TimeoutError as error:
        return _stuck(error), injector.late
    finally:
        publishing.cancel()
        pool.kill_all()
    return None, [*injector.late, *(f"never came to {point}" for point in pool.unreached)]


def _stuck(error: TimeoutError) -> Findings:
    findings = Findings()
    findings.expect("timed out", "run", str(error), "all the work done")
    return findings


async def _replay(
    options: Options, load: Load, cluster: Cluster, first: Deployment, log: Log
) -> tuple[Findings, list[str]]:
    """Let a new version work on the same raw topics, with its rows in the other kind of store.

    Returns what differs, and the last words of workers that ended by themselves.
    """
    other = "memory" if options.store == "rocksdb" else "rocksdb"
    second = await _deploy(options, cluster, first.folder.with_name("second"), other, 2)
    await _delete_derived(second)
    pool = Pool(second)
    try:
        for _ in range(options.workers):
            pool.join()
        await Watch(load, second, pool, log.say).see_to_its_end(options.keep_going_s)
        pool.close()
    except TimeoutError as error:
        return _stuck(error), pool.crashed
    finally:
        pool.kill_all()
    findings = await compare_versions(first.settings, second.settings)
    log.say(f"replayed with rows in {other}: {findings.line()}")
    return findings, pool.crashed


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
