"""`normalize` and `classify`: the pure core on the command line, without Kafka."""

import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app.errors import BadInputError
from app.vocabulary import Channel, Provider

_STANDARD_INPUT = Path("-")
_DEAD_LETTER = "dead.letter"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("normalize")(normalize)
    app.command("classify")(classify)


def normalize(
    provider: Annotated[Provider, typer.Option(help="Whose webhook it is.")],
    tenant: Annotated[str, typer.Option(help="Tenant to normalise for.")] = "default",
    lines: Annotated[bool, typer.Option("--lines", help="One webhook a line.")] = False,  # noqa: FBT002 - a flag
    file: Annotated[Path, typer.Argument(help="Body of a webhook; -: standard input.")] = _STANDARD_INPUT,
) -> None:
    """Print the records a webhook becomes, one JSON line each; dead letters included.

    What is not given is null. A Prelude failure has no recipient here: the worker joins it with its `created` event.
    """
    _check_tenant(tenant)
    for number, body in enumerate(_bodies(file, lines=lines), start=1):
        place = f"line {number}: " if lines else ""
        for record in _records(provider, tenant, body, place):
            _print_json(record)


def classify(
    channel: Annotated[Channel | None, typer.Option(case_sensitive=False, help="How the message was sent.")] = None,
    provider: Annotated[str, typer.Option(help="Who reported it: codes differ by provider.")] = "",
    code: Annotated[str, typer.Option(help="Its code, such as 131026 or twilio:30003.")] = "",
    text: Annotated[str, typer.Option(help="Its text, such as an SMTP diagnostic.")] = "",
    lines: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--lines", help='Judge {"channel", "provider", "code", "text"} a line of standard input.'),
    ] = False,
) -> None:
    """Say what a failure means: whose fault it is, whether it heals, whether it suppresses."""
    if lines:
        if code or text:
            raise typer.BadParameter("--lines takes code and text from standard input")
        for line in _not_blank(sys.stdin.buffer):
            _print_json(_line_judged(line, channel, provider))
        return
    if channel is None:
        raise typer.BadParameter("--channel is needed without --lines")
    _print_json(_judged(channel, provider, code, text))


def _check_tenant(tenant: str) -> None:
    from app.identity import check_tenant  # noqa: PLC0415 - see the package

    try:
        check_tenant(tenant)
    except BadInputError as error:
        raise typer.BadParameter(str(error)) from None


def _bodies(file: Path, *, lines: bool) -> Iterator[bytes]:
    if file == _STANDARD_INPUT:
        yield from _not_blank(sys.stdin.buffer) if lines else [sys.stdin.buffer.read()]
        return
    try:
        with file.open("rb") as stream:
            yield from _not_blank(stream) if lines else [stream.read()]
    except OSError as error:
        raise typer.BadParameter(f"{file}: {error.strerror}") from None


def _not_blank(stream: Iterable[bytes]) -> Iterator[bytes]:
    return (line for each in stream if (line := each.strip()))


def _records(provider: Provider, tenant: str, body: bytes, place: str) -> Iterator[dict[str, Any]]:
    from app.normalize import normalize as normalized_of  # noqa: PLC0415 - see the package
    from app.outputs import RawRecord  # noqa: PLC0415
    from app.raw_records import record_key  # noqa: PLC0415

    normalized = normalized_of(RawRecord(provider, body, tenant, time.time_ns() // 1000))
    if normalized.ignored:
        typer.echo(f"{place}ignored: {normalized.ignored}", err=True)
    if normalized.dead_letter is not None:
        key = record_key(provider, body)
        yield {
            "topic": _DEAD_LETTER,
            "key": key.decode() if key is not None else None,
            "value": normalized.dead_letter._asdict(),
        }
    for topic, output_key, value in normalized.outputs:
        given = {name: None if field == "" else field for name, field in value.items()}
        yield {"topic": topic, "key": output_key, "value": given}


def _line_judged(line: bytes, channel: Channel | None, provider: str) -> dict[str, Any]:
    from app.cli.questions import question_of  # noqa: PLC0415 - see the package

    try:
        question = question_of(line, {"channel": channel, "provider": provider})
    except BadInputError as error:
        return {"error": str(error)}
    return _judged(question.channel, question.provider or "", question.code or "", question.text or "")


def _judged(channel: str, provider: str, code: str, text: str) -> dict[str, Any]:
    from app.classify import classify as verdict_of  # noqa: PLC0415 - see the package

    verdict = verdict_of(channel, provider, code, text)
    return {
        "reason": verdict.reason,
        "attribution": verdict.attribution,
        "permanence": verdict.permanence,
        "confidence": verdict.confidence,
        "suppresses": verdict.suppresses,
    }


def _print_json(document: dict[str, Any]) -> None:
    # flushed, so that a program can ask line by line
    print(orjson.dumps(document).decode(), flush=True)  # noqa: T201 - the output of the command
