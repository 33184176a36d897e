"""`ingest`: webhooks from a file into a raw topic."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from app.cli.tenants import check_tenant_option
from app.errors import TopicError
from app.vocabulary import Provider

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

    from app.settings import Settings

SOURCE = "ingest"
_IN_FLIGHT = 1000


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("ingest")(ingest)


def ingest(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="One webhook, or one a line.")],
    provider: Annotated[Provider, typer.Option(help="Whose webhooks they are.")],
    tenant: Annotated[str, typer.Option(help="Tenant they belong to.")],
) -> None:
    """Publish webhooks from a file to the provider's raw topic, each acknowledged by all in-sync replicas."""
    from app.cli.kafka_errors import kafka_errors_named  # noqa: PLC0415 - see the package
    from app.settings import load_settings  # noqa: PLC0415

    check_tenant_option(tenant)
    settings = load_settings(ctx.obj)
    bodies = webhooks_in(file.read_bytes())
    with kafka_errors_named(settings, quiet=True):
        topic = asyncio.run(_publish(settings, provider, tenant, bodies))
    typer.echo(f"{len(bodies)} webhooks published to {topic}")


def webhooks_in(content: bytes) -> list[bytes]:
    """Return the webhooks in a file: the whole of it if it is one JSON document, or if no line of it is an object."""
    lines = [line for each in content.splitlines() if (line := each.strip())]
    if not _is_json(content) and any(line.startswith(b"{") and _is_json(line) for line in lines):
        return lines
    return [content] if lines else []


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


async def _publish(settings: "Settings", provider: Provider, tenant: str, bodies: Sequence[bytes]) -> str:
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415 - see the package

    from app.settings import kafka_security  # noqa: PLC0415
    from app.topics import RAW_TOPICS  # noqa: PLC0415

    topic = RAW_TOPICS[provider]
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        **kafka_security(settings),
    )
    try:
        await producer.start()
        # else the producer would wait 40 s for the topic to come
        if topic not in (await producer.client.fetch_all_metadata()).topics():
            raise TopicError(f"{topic}: missing; `undelivered topics create` makes it")
        await _send_all(producer, provider, tenant, bodies)
    finally:
        await producer.stop()
    return topic


async def _send_all(producer: "AIOKafkaProducer", provider: Provider, tenant: str, bodies: Sequence[bytes]) -> None:
    from rich.console import Console  # noqa: PLC0415 - see the package
    from rich.progress import track  # noqa: PLC0415

    from app.raw_records import headers, record_key  # noqa: PLC0415
    from app.topics import RAW_TOPICS  # noqa: PLC0415

    topic = RAW_TOPICS[provider]
    under_way: list[asyncio.Future[object]] = []
    for body in track(bodies, f"publishing to {topic}", console=Console(stderr=True)):
        pairs = headers(tenant, time.time_ns() // 1000, SOURCE, verified=False, account="")
        under_way.append(await producer.send(topic, body, record_key(provider, body), headers=pairs))
        if len(under_way) == _IN_FLIGHT:
            await asyncio.gather(*under_way)
            under_way.clear()
    await asyncio.gather(*under_way)
