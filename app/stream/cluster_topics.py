"""Create the declared topics on a cluster, and say how a cluster differs from the declaration."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from app.errors import TopicError
from app.topics import Declaration

_UNKNOWN_TOPIC = 3
_TOPIC_EXISTS = 36


class Sizing(NamedTuple):
    """What the declaration leaves to the cluster's size."""

    partitions: int
    replication: int
    min_insync_replicas: int


def configuration(declaration: Declaration, sizing: Sizing) -> dict[str, str]:
    """Return the full configuration of a topic on a cluster of this size."""
    return {**declaration.config, "min.insync.replicas": str(sizing.min_insync_replicas)}


async def create(declarations: Iterable[Declaration], sizing: Sizing, connection: Mapping[str, Any]) -> list[str]:
    """Create what is missing, change nothing that exists; returns the names created.

    Raises TopicError with the broker's reason.
    """
    new = [
        NewTopic(d.name, sizing.partitions, sizing.replication, topic_configs=configuration(d, sizing))
        for d in declarations
    ]
    async with _Admin(connection) as admin:
        response = await admin.create_topics(new)
    created = []
    for name, code, reason in response.topic_errors:
        if code == 0:
            created.append(name)
        elif code != _TOPIC_EXISTS:
            raise TopicError(f"cannot create topic {name}: {reason or for_code(code).__name__}")
    return created


async def differences(declarations: Iterable[Declaration], sizing: Sizing, connection: Mapping[str, Any]) -> list[str]:
    """Compare the cluster with the declaration; each line names a topic, what it is and what was expected."""
    wanted = {declaration.name: declaration for declaration in declarations}
    async with _Admin(connection) as admin:
        described = await admin.describe_topics(list(wanted))
        partitions = {topic["topic"]: topic["partitions"] for topic in described if _exists(topic)}
        found = [name for name in wanted if name in partitions]
        configs = await _configurations(admin, found)
    lines = [f"{name}: missing" for name in wanted if name not in partitions]
    for name in found:
        count = len(partitions[name])
        if count != sizing.partitions:
            lines.append(f"{name}: {count} partitions, expected {sizing.partitions}")
        replicas = min(len(partition["replicas"]) for partition in partitions[name])
        if replicas < sizing.replication:
            lines.append(f"{name}: {replicas} replicas, expected {sizing.replication}")
        lines += config_differences(name, configs[name], configuration(wanted[name], sizing))
    return lines


def config_differences(name: str, found: Mapping[str, str | None], expected: Mapping[str, str]) -> list[str]:
    """Compare what a cluster says of a topic's configuration, all of it text, with what is expected."""
    return [
        f"{name}: {key} is {found.get(key) or 'not told'}, expected {value}"
        for key, value in expected.items()
        if not _equal(found.get(key), value)
    ]


def _equal(found: str | None, expected: str) -> bool:
    """Compare as text, or as numbers: 0.2 may come back as 0.20."""
    if found == expected:
        return True
    try:
        return Decimal(found or "") == Decimal(expected)
    except InvalidOperation:
        return False


async def check(declarations: Iterable[Declaration], sizing: Sizing, connection: Mapping[str, Any]) -> None:
    """Raise TopicError naming everything that differs."""
    lines = await differences(declarations, sizing, connection)
    if lines:
        raise TopicError(
            "the topics are not as declared (`undelivered topics create` makes what is missing, "
            "`kafka-configs --alter --entity-type topics` changes what differs):\n  " + "\n  ".join(lines)
        )


def _exists(topic: Mapping[str, Any]) -> bool:
    """Tell whether the cluster has it; raises KafkaError where it cannot say."""
    code: int = topic["error_code"]
    if code not in {0, _UNKNOWN_TOPIC}:
        raise for_code(code)
    return code == 0


async def _configurations(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for response in responses
        for resource in response.resources
    }


class _Admin:
    """An admin client for the length of a with block."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._client = AIOKafkaAdminClient(**connection)

    async def __aenter__(self) -> AIOKafkaAdminClient:
        await self._client.start()
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
