"""`replay`: what the present mapping would say of the stored webhooks, and what would follow from it."""

import asyncio
import re
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from app.cli.tenants import check_tenant_option

if TYPE_CHECKING:
    from app.replay.comparing import Answer, Question
    from app.replay.writing import Written
    from app.settings import Settings

_AGO = re.compile(r"([0-9]{1,5})([dhm])")
_MICROS = 1_000_000
_MICROS_IN = {"d": 86_400 * _MICROS, "h": 3600 * _MICROS, "m": 60 * _MICROS}
_LONGEST_NAME = 128
_PATIENCE_S = 30
"""Beyond the time-out of a transaction: the brokers look for those every ten seconds."""


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("replay")(replay)


def replay(
    ctx: typer.Context,
    overlay: Annotated[Path | None, typer.Option(help="Rows of your own (CSV); else those of overlay_file.")] = None,
    since: Annotated[str, typer.Option(help="Only webhooks stored since: 7d, 12h, 30m or 2026-05-06T10:00.")] = "",
    tenant: Annotated[str, typer.Option(help="Only those of this tenant.")] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Write what would be otherwise into the topics.")] = False,  # noqa: FBT002 - a flag
    by: Annotated[str, typer.Option(help="Who answers for the requests; else the replay itself.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document a line.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Judge the stored webhooks anew, and show which failures and which recipients that changes.

    Writes nothing without --apply. With it, corrected failures go to consumers and requests to the workers.
    """
    from app.classify.overlay_file import load_overlay  # noqa: PLC0415
    from app.cli.kafka_errors import kafka_errors_named  # noqa: PLC0415 - see the package
    from app.domain.policy import load_policy  # noqa: PLC0415
    from app.replay.comparing import Question  # noqa: PLC0415
    from app.settings import load_settings  # noqa: PLC0415

    now = time.time_ns() // 1000
    _check(tenant, by)
    begin = moment_of(since, now) if since else 0
    settings = load_settings(ctx.obj)
    rows = load_overlay(overlay or settings.overlay_file)
    question = Question(rows, load_policy(settings.policy_file), tenant, begin, by, now)
    with kafka_errors_named(settings, quiet=True):
        answer, written = asyncio.run(_answered(settings, question, apply=apply))
    _show(answer, written, json=json)


def moment_of(text: str, now: int) -> int:
    """Return the moment (microseconds) that ``7d`` ago was, or that an ISO date names; without a zone it is in UTC.

    Raises typer.BadParameter.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return max(1, now - int(ago[1]) * _MICROS_IN[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("--since: expected 7d, 12h, 30m, or a date such as 2026-05-06T10:00") from None
    return max(1, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * _MICROS))


def _check(tenant: str, by: str) -> None:
    if tenant:
        check_tenant_option(tenant)
    if by.startswith("provider:") or len(by) > _LONGEST_NAME:
        raise typer.BadParameter(f"--by: expected at most {_LONGEST_NAME} characters that do not begin with provider:")


async def _answered(settings: "Settings", question: "Question", *, apply: bool) -> "tuple[Answer, Written | None]":
    from rich.console import Console  # noqa: PLC0415 - see the package
    from rich.progress import Progress  # noqa: PLC0415

    from app.replay.comparing import compare  # noqa: PLC0415
    from app.replay.reading import Reader  # noqa: PLC0415
    from app.replay.writing import Writer  # noqa: PLC0415
    from app.stream.cluster_topics import check  # noqa: PLC0415
    from app.stream.worker import connection, declarations, sizing  # noqa: PLC0415

    await check(declarations(settings), sizing(settings), connection(settings))
    console = Console(stderr=True)
    async with AsyncExitStack() as stack:
        # first, for it ends what an earlier replay left open
        writer = await stack.enter_async_context(Writer(settings)) if apply else None
        progress = stack.enter_context(Progress(console=console, transient=True, disable=not console.is_terminal))
        patience_s = settings.transaction_timeout_s + _PATIENCE_S
        reader = await stack.enter_async_context(Reader(connection(settings), patience_s, progress))
        answer = await compare(reader, settings, question)
        if writer is None:
            return answer, None
        return answer, await writer.write(answer.parcels, answer.mapping_version)


def _show(answer: "Answer", written: "Written | None", *, json: bool) -> None:
    from rich.console import Console  # noqa: PLC0415 - see the package

    from app.replay.report import lines, print_tables  # noqa: PLC0415

    if json:
        for document in lines(answer, written):
            typer.echo(orjson.dumps(document))
    else:
        print_tables(answer, written, Console())
