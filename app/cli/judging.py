"""`normalize` and `classify`: the pure core on the command line, without Kafka."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from app.cli.tenants import check_tenant_option
from app.errors import BadInputError, TableOfCodesError
from app.vocabulary import Channel, Provider

if TYPE_CHECKING:
    from app.classify.explain import Explanation
    from app.classify.overlay import Overlay

_STANDARD_INPUT = Path("-")
_DEAD_LETTER = "dead.letter"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("normalize")(normalize)
    app.command("classify")(classify)


def normalize(
    provider: Annotated[Provider, typer.Option(help="Whose webhook it is.")],
    tenant: Annotated[str, typer.Option(help="Tenant to normalise for.")] = "default",
    overlay: Annotated[Path | None, typer.Option(help="Rows of your own (CSV) on top of the tables.")] = None,
    lines: Annotated[bool, typer.Option("--lines", help="One webhook a line.")] = False,  # noqa: FBT002 - a flag
    file: Annotated[Path, typer.Argument(help="Body of a webhook; -: standard input.")] = _STANDARD_INPUT,
) -> None:
    """Print the records a webhook becomes, one JSON line each; dead letters included.

    What is not given is null. A Prelude failure has no recipient here: the worker joins it with its `created` event.
    """
    check_tenant_option(tenant)
    rows = _overlay(overlay)
    for number, body in enumerate(_bodies(file, lines=lines), start=1):
        place = f"line {number}: " if lines else ""
        for record in _records(provider, tenant, body, rows, place):
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
    explain: Annotated[bool, typer.Option("--explain", help="Show which row decided, and why no other.")] = False,  # noqa: FBT002
    overlay: Annotated[Path | None, typer.Option(help="Rows of your own (CSV) on top of the tables.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose rows of the overlay hold, besides those for all.")] = "default",
) -> None:
    """Say what a failure means: whose fault it is, whether it heals, whether it suppresses."""
    check_tenant_option(tenant)
    ask = partial(_explained, overlay=_overlay(overlay), tenant=tenant, steps=explain)
    if lines:
        if code or text:
            raise typer.BadParameter("--lines takes code and text from standard input")
        for line in _not_blank(sys.stdin.buffer):
            _print_json(_line_judged(line, channel, provider, ask, steps=explain))
        return
    if channel is None:
        raise typer.BadParameter("--channel is needed without --lines")
    explanation = ask(channel, provider, code, text)
    if explain:
        typer.echo("\n".join(_readable(explanation)))
    else:
        _print_json(_document(explanation, steps=False))


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


def _records(provider: Provider, tenant: str, body: bytes, overlay: "Overlay", place: str) -> Iterator[dict[str, Any]]:
    from app.normalize import normalize as normalized_of  # noqa: PLC0415 - see the package
    from app.outputs import RawRecord  # noqa: PLC0415
    from app.raw_records import record_key  # noqa: PLC0415

    normalized = normalized_of(RawRecord(provider, body, tenant, time.time_ns() // 1000), overlay)
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


def _overlay(path: Path | None) -> "Overlay":
    from app.classify.overlay_file import load_overlay  # noqa: PLC0415 - see the package

    try:
        return load_overlay(path)
    except TableOfCodesError as error:
        raise typer.BadParameter(str(error)) from None


def _line_judged(
    line: bytes, channel: Channel | None, provider: str, ask: Callable[..., "Explanation"], *, steps: bool
) -> dict[str, Any]:
    from app.cli.questions import question_of  # noqa: PLC0415 - see the package

    try:
        asked = question_of(line, {"channel": channel, "provider": provider})
    except BadInputError as error:
        return {"error": str(error)}
    return _document(ask(asked.channel, asked.provider or "", asked.code or "", asked.text or ""), steps=steps)


def _explained(
    channel: str, provider: str, code: str, text: str, *, overlay: "Overlay", tenant: str, steps: bool
) -> "Explanation":
    from app.classify import classify as verdict_of  # noqa: PLC0415 - see the package
    from app.classify.explain import Explanation, explain, with_overlay  # noqa: PLC0415

    asked = channel, provider, code, text
    explanation = explain(*asked) if steps else Explanation(verdict_of(*asked), ())
    return with_overlay(explanation, overlay, tenant, channel, text) if overlay.version else explanation


def _document(explanation: "Explanation", *, steps: bool) -> dict[str, Any]:
    from app.classify import MAPPING_VERSION  # noqa: PLC0415 - see the package

    verdict = explanation.verdict
    judged = {
        "reason": verdict.reason,
        "attribution": verdict.attribution,
        "permanence": verdict.permanence,
        "confidence": verdict.confidence,
        "suppresses": verdict.suppresses,
    }
    if not steps:
        return judged
    return judged | {
        "code": verdict.code,
        "receiver": verdict.receiver,
        "decided_by": verdict.decided_by,
        "mapping_version": MAPPING_VERSION + verdict.overlay,
        "steps": [step._asdict() for step in explanation.steps],
    }


def _readable(explanation: "Explanation") -> Iterator[str]:
    document = _document(explanation, steps=True)
    effect = "suppresses" if document["suppresses"] else "does not suppress"
    yield f"{document['reason']}: {document['attribution']}, {document['permanence']}, {effect}"
    yield f"decided by {document['decided_by'] or 'no row: nothing known fits'} (confidence {document['confidence']})"
    yield f"mapping {document['mapping_version']}"
    yield ""
    for step in explanation.steps:
        fits = "fits" if step.matched else "-"
        yield f"{fits:<5} {step.stage:<14} {step.row or '-':<42} {step.because}"


def _print_json(document: dict[str, Any]) -> None:
    # flushed, so that a program can ask line by line
    print(orjson.dumps(document).decode(), flush=True)  # noqa: T201 - the output of the command
