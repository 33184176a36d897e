"""The worker process: settings in, a Faust application with its four agents running."""

import asyncio
import gc
import logging
from typing import Any, NamedTuple

import faust

from app.classify.overlay import Overlay
from app.classify.overlay_file import load_overlay
from app.domain.policy import Policy, load_policy
from app.faust_batches import BatchApp, BatchOptions, SizeLimits
from app.settings import Settings, kafka_security
from app.stream import alerting, crediting, normalizing, suppressing
from app.stream.cluster_topics import Sizing, check
from app.stream.first_contact import patiently
from app.stream.health import ProviderHealthReader
from app.stream.incidents import Incidents
from app.topics import DECLARATIONS, Declaration, Table, Topic, changelog, largest_record
from app.web import views

SECONDS_PER_DAY = 24 * 60 * 60
_COLLECT_AFTER = 50_000
"""Objects, net; the default of 700 has the collector run a hundred times a round."""


def application_id(settings: Settings) -> str:
    """Return the consumer group: a new version is a new group with its own changelogs."""
    version = settings.application_version
    return settings.application if version == 1 else f"{settings.application}-v{version}"


def connection(settings: Settings) -> dict[str, Any]:
    """Return aiokafka's keyword arguments for this cluster."""
    return {"bootstrap_servers": settings.bootstrap_servers, **kafka_security(settings)}


def declarations(settings: Settings) -> tuple[Declaration, ...]:
    """Return every topic a worker needs, its tables' changelogs included."""
    return (*DECLARATIONS, *(changelog(application_id(settings), table) for table in Table))


def sizing(settings: Settings) -> Sizing:
    """Return what the settings say about every topic."""
    return Sizing(settings.partitions, settings.replication, settings.min_insync_replicas)


LIMITS = SizeLimits({topic: largest_record(topic) for topic in Topic}, largest_record(""), largest_record(""))
"""How large what the agents write may be, as the topics are declared."""


class Rules(NamedTuple):
    """What the operator's own files say, or the built-in rules in their place."""

    policy: Policy
    overlay: Overlay


def read_rules(settings: Settings) -> Rules:
    """Read and check the files of rules.

    Raises SettingsError or TableOfCodesError, naming file and line.
    """
    return Rules(load_policy(settings.policy_file), load_overlay(settings.overlay_file))


def build(settings: Settings, rules: Rules) -> BatchApp:
    """Make the application with its tables, agents and views."""
    app = BatchApp(
        settings.application,
        version=settings.application_version,
        broker=[f"kafka://{address}" for address in settings.bootstrap_servers.split(",")],
        options=_options(settings),
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=settings.partitions,
        table_standby_replicas=0,
        **views.faust_settings(settings),
    )
    health = ProviderHealthReader(connection(settings), settings.retry_timeout_s)
    for table in Table:
        app.batch_table(table)
    _declare_agents(app, settings, rules, health)

    _know_outages_first(app, health, settings.partitions)
    app.on_rebalance_complete.connect(_freeze_what_stays)
    views.register(app, settings)
    return app


def _options(settings: Settings) -> BatchOptions:
    return BatchOptions(
        connection=connection(settings),
        transaction_timeout_s=settings.transaction_timeout_s,
        patience_s=settings.retry_timeout_s,
        commit_interval_s=settings.commit_interval_ms / 1000,
        round_max_records=settings.round_max_records,
        rocksdb_dir=settings.data_dir / application_id(settings) if settings.store == "rocksdb" else None,
        limits=LIMITS,
        incidents=Incidents(),
        lost_offsets=settings.lost_offsets,
    )


async def _freeze_what_stays(*_: object, **__: object) -> None:
    """Keep the garbage collector away from modules, tables of codes and rows: a full collection takes 100 ms.

    What a round makes is freed by its last reference; the collector is for the little that lies in circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 100)


def _know_outages_first(app: BatchApp, health: ProviderHealthReader, partitions: int) -> None:
    """Let nothing be processed after an assignment before all that is known of outages has been read.

    Faust's tasks would start too late for that: when the agents' tasks are at work already.
    """
    following: list[asyncio.Future[Any]] = []

    async def follow(*_: object, **__: object) -> None:
        if not following:
            # an error in it ends the worker, as one of any agent does
            following.append(app.add_future(health.follow(partitions)))

    async def catch_up(*_: object, **__: object) -> None:
        await health.catch_up()

    # beside the recovery of the tables
    app.on_partitions_assigned.connect(follow)
    app.on_rebalance_complete.connect(catch_up)


def _declare_agents(app: BatchApp, settings: Settings, rules: Rules, health: ProviderHealthReader) -> None:
    policy, overlay = rules
    waiting = normalizing.Waiting(int(settings.parked_wait_s), int(settings.parked_retention_days * SECONDS_PER_DAY))

    def normalize(_: int) -> normalizing.Normalizing:
        return normalizing.Normalizing(waiting, overlay, settings.partitions, settings.quiet_s)

    def suppress(_: int) -> suppressing.Suppressing:
        return suppressing.Suppressing(policy, health, settings.partitions, settings.quiet_s)

    def credit(_: int) -> crediting.Crediting:
        return crediting.Crediting(policy, settings.partitions, settings.quiet_s)

    def alert(_: int) -> alerting.Alerting:
        return alerting.Alerting(policy, health)

    app.batch_agent(normalizing.AGENT, normalizing.TOPICS, [normalizing.TABLE], normalize)
    app.batch_agent(suppressing.AGENT, suppressing.TOPICS, [suppressing.TABLE], suppress)
    app.batch_agent(crediting.AGENT, crediting.TOPICS, [crediting.TABLE], credit)
    app.batch_agent(alerting.AGENT, alerting.TOPICS, alerting.TABLES, alert, patient=True)


async def _check_topics(settings: Settings) -> None:
    await check(declarations(settings), sizing(settings), connection(settings))


def run_worker(settings: Settings, log_level: str) -> None:
    """Check the rules, then the topics, then work until SIGTERM or SIGINT; ends the process.

    Raises SettingsError, TableOfCodesError or TopicError, naming what is wrong.
    """
    rules = read_rules(settings)
    asyncio.run(patiently(lambda: _check_topics(settings), "look at the topics", settings.retry_timeout_s))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    worker = faust.Worker(build(settings, rules), loop=loop, loglevel=log_level)
    # Faust's spinner has the root logger at DEBUG whenever the level is above INFO: each debug line is made and dropped
    worker.spinner = None
    for name in ("aiokafka", "faust", "mode"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(log_level.upper())))
    worker.execute_from_commandline()
