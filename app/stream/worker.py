"""The worker process: settings in, a Faust application with its four agents running."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import faust

from app.classify.overlay import Overlay
from app.classify.overlay_file import load_overlay
from app.domain.policy import Policy, load_policy
from app.faust_batches import BatchApp
from app.faust_batches.batch import Rows
from app.settings import Settings, kafka_security
from app.stream import alerting, crediting, normalizing, suppressing
from app.stream.cluster_topics import Sizing, check
from app.stream.health import ProviderHealthReader
from app.topics import DECLARATIONS, Declaration, Table, changelog
from app.web import views

SECONDS_PER_DAY = 24 * 60 * 60


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
        connection=connection(settings),
        batch_max_records=settings.batch_max_records,
        transaction_timeout_s=settings.transaction_timeout_s,
        rocksdb_dir=settings.data_dir / application_id(settings) if settings.store == "rocksdb" else None,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 5,
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=settings.partitions,
        table_standby_replicas=0,
        **views.faust_settings(settings),
    )
    health = ProviderHealthReader(connection(settings))
    for table in Table:
        app.batch_table(table)
    _declare_agents(app, settings, rules, health)

    _know_outages_first(app, health, settings.partitions)
    views.register(app, settings)
    return app


def _know_outages_first(app: BatchApp, health: ProviderHealthReader, partitions: int) -> None:
    """Let nothing be processed after an assignment before all that is known of outages has been read.

    Faust's tasks would start too late for that: when the agents' tasks are at work already.
    """
    following: list[asyncio.Future[Any]] = []

    async def catch_up(*_: object, **__: object) -> None:
        if not following:
            # an error in it ends the worker, as one of any agent does
            following.append(app.add_future(health.follow(partitions)))
        await health.catch_up()

    app.on_rebalance_complete.connect(catch_up)


def _declare_agents(app: BatchApp, settings: Settings, rules: Rules, health: ProviderHealthReader) -> None:
    policy, overlay = rules
    waiting = normalizing.Waiting(int(settings.parked_wait_s), int(settings.parked_retention_days * SECONDS_PER_DAY))

    def normalize(_: int, tables: Mapping[str, Rows]) -> normalizing.Normalizing:
        return normalizing.Normalizing(tables, waiting, overlay, settings.partitions)

    def suppress(_: int, tables: Mapping[str, Rows]) -> suppressing.Suppressing:
        return suppressing.Suppressing(tables, policy, health, settings.partitions)

    def credit(_: int, tables: Mapping[str, Rows]) -> crediting.Crediting:
        return crediting.Crediting(tables, policy, settings.partitions, settings.credit_quiet_s)

    def alert(_: int, tables: Mapping[str, Rows]) -> alerting.Alerting:
        return alerting.Alerting(tables, policy, health)

    app.batch_agent(normalizing.AGENT, normalizing.TOPICS, [normalizing.TABLE], normalize)
    app.batch_agent(suppressing.AGENT, suppressing.TOPICS, [suppressing.TABLE], suppress)
    app.batch_agent(crediting.AGENT, crediting.TOPICS, [crediting.TABLE], credit)
    app.batch_agent(alerting.AGENT, alerting.TOPICS, alerting.TABLES, alert)


def run_worker(settings: Settings, log_level: str) -> None:
    """Check the rules, then the topics, then work until SIGTERM or SIGINT; ends the process.

    Raises SettingsError, TableOfCodesError or TopicError, naming what is wrong.
    """
    rules = read_rules(settings)
    asyncio.run(check(declarations(settings), sizing(settings), connection(settings)))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    faust.Worker(build(settings, rules), loop=loop, loglevel=log_level).execute_from_commandline()
