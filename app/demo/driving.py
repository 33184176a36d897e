"""Sends a load through the running product and reads along until nothing is under way any more."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from aiohttp import ClientSession, ClientTimeout
from aiokafka import AIOKafkaProducer

from app import avro
from app.demo.figures import Figures, Suppressed, differences
from app.demo.load import Load
from app.demo.posting import NotTakenError, Poster
from app.demo.processes import Product
from app.demo.reading import Reader, Seen
from app.demo.steps import Steps
from app.errors import UndeliveredError
from app.stream import cluster_topics
from app.stream.worker import connection, declarations, sizing
from app.topics import Topic
from app.vocabulary import Provider

_STALLED_S = 60.0
_SETTLED_S = 5.0
"""Nothing was under way for so long: figures that still differ will not become right."""
_PAUSE_S = 0.05
_OK = 200
_UNAUTHORIZED = 401
_HTTP_TIMEOUT = ClientTimeout(total=10)
_LOG_LINES_SHOWN = 15


class StalledError(UndeliveredError):
    """Nothing moves any more, and not everything was processed."""


class WrongViewError(UndeliveredError):
    """A table view does not show what it should."""


class Driven(NamedTuple):
    """What was seen."""

    seen: Seen
    problems: list[str]
    """Figures that are not as expected."""
    row: dict[str, Any]
    """A suppressed recipient, as the table view shows it."""
    seconds: float
    """From the first webhook to the last effect, the wait of orphaned failures included."""


async def set_up(product: Product, load: Load) -> None:
    """Create the topics and publish the commands of billing."""
    settings = product.settings
    await cluster_topics.create(declarations(settings), sizing(settings), connection(settings))
    async with AIOKafkaProducer(**connection(settings), acks="all", enable_idempotence=True) as producer:
        for command in load.commands:
            value = avro.encode(Topic.CREDIT_REQUESTED, command)
            await producer.send(Topic.CREDIT_REQUESTED, value, command["account"].encode())


class _Drive(NamedTuple):
    """A load on its way."""

    product: Product
    load: Load
    poster: Poster
    posting: asyncio.Task[None]
    reader: Reader


async def drive(product: Product, load: Load, steps: Steps, *, kill_worker: bool) -> Driven:
    """Post the webhooks and return when all their effects are there, or figures will not become right.

    Raises NotTakenError, StalledError and WrongViewError.
    """
    poster = Poster(product.addresses, product.secrets)
    async with Reader(product.settings) as reader:
        await _refuse_forged(poster, load)
        began = time.monotonic()
        posting = asyncio.create_task(poster.post_all(load.webhooks))
        try:
            under_way = _Drive(product, load, poster, posting, reader)
            problems = await _until_done(under_way, steps, kill_worker=kill_worker)
        finally:
            posting.cancel()
        seconds = time.monotonic() - began
    row = await _row(product, min(load.expected.suppressions))
    return Driven(reader.seen, problems, row, seconds)


async def _until_done(drive: _Drive, steps: Steps, *, kill_worker: bool) -> list[str]:
    """Return the figures that are not as expected once nothing is under way."""
    total = len(drive.load.webhooks)
    state = (0, 0)
    moved = time.monotonic()
    while True:
        quiet = await drive.reader.catch_up() and drive.posting.done()
        steps.show("posting and processing webhooks", drive.reader.processed, total)
        if kill_worker and drive.reader.processed >= total // 2:
            kill_worker = False
            steps.show("killing the worker and starting it again", drive.reader.processed, total)
            drive.product.worker.kill()
            drive.product.worker.launch()
        if state != (state := (drive.poster.posted, drive.reader.records)):
            moved = time.monotonic()
        still = time.monotonic() - moved
        problems = _problems(drive)
        if quiet and (not problems or still > _SETTLED_S):
            return problems
        _raise_if_stalled(drive, still, problems)
        await asyncio.sleep(_PAUSE_S)


def _problems(drive: _Drive) -> list[str]:
    expected = drive.load.expected
    return differences(expected, _once(drive.reader.seen.figures(), expected, drive.poster.repeated))


def _raise_if_stalled(drive: _Drive, still: float, problems: list[str]) -> None:
    if drive.posting.done():
        drive.posting.result()
    ended = [process.name for process in (drive.product.gateway, drive.product.worker) if process.has_ended]
    if not ended and still <= _STALLED_S:
        return
    what = f"{ended[0]} ended by itself" if ended else f"nothing has moved for {_STALLED_S:.0f} s"
    text = f"{what}; {drive.reader.processed} webhooks are processed"
    raise StalledError(_with_logs(text, drive.product, problems))


def _once(found: Figures, expected: Figures, repeated: int) -> Figures:
    """Leave out webhooks that were stored twice because the first acknowledgement came too late."""
    raw = found.raw - min(repeated, max(0, found.raw - expected.raw))
    dead = found.dead_letters - min(repeated, max(0, found.dead_letters - expected.dead_letters))
    return found._replace(raw=raw, dead_letters=dead)


def _with_logs(problem: str, product: Product, details: Iterable[str] = ()) -> str:
    lines = [problem, *details]
    for process in (product.gateway, product.worker):
        lines += [f"the end of the log of {process.name}:", *process.log_text().splitlines()[-_LOG_LINES_SHOWN:]]
    return "\n  ".join(lines)


async def _refuse_forged(poster: Poster, load: Load) -> None:
    for provider in (Provider.TEEKRR, Provider.PRELUDE):
        webhook = next(each for each in load.webhooks if each.provider is provider)
        status = await poster.status_of_forged(webhook)
        if status != _UNAUTHORIZED:
            raise NotTakenError(f"the gateway answered {status} to a forged webhook of {provider}, expected 401")


async def _row(product: Product, wanted: Suppressed) -> dict[str, Any]:
    url = f"{product.addresses.web}/v1/recipients/{wanted.tenant}/{wanted.recipient}"
    headers = {"Authorization": f"Bearer {product.secrets.token}"}
    async with ClientSession(timeout=_HTTP_TIMEOUT) as session, session.get(url, headers=headers) as answer:
        if answer.status != _OK:
            raise WrongViewError(_with_logs(f"{url} answered {answer.status}, expected 200", product))
        row: dict[str, Any] = await answer.json()
    if wanted.channel in row["may_message"]:
        raise WrongViewError(f"{url} allows {wanted.channel}, expected a suppression")
    return row
