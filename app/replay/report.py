"""What a person or a program reads of a replay."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.events import Micros
from app.replay.comparing import Answer
from app.replay.difference import Change, Fate
from app.replay.judgements import Verdict
from app.replay.rejudging import Group, Tally
from app.replay.states import State
from app.replay.writing import Written
from app.topics import Topic

SHOWN = 50
"""Rows of a table; a program gets all of them."""

_TITLES = {
    Fate.CHANGES: "Recipients that change state",
    Fate.KEPT: "Kept as they are",
    Fate.ALREADY_SO: "Already in the other state",
}


def lines(answer: Answer, written: Written | None) -> Iterator[dict[str, Any]]:
    """Return one document a group of failures, one a recipient and channel, and the sums; None: nothing was written."""
    for (before, after), tally in _groups(answer):
        yield {
            "kind": "failures",
            "from": before and before._asdict(),
            "to": after and after._asdict(),
            "count": tally.count,
            "sample_code": tally.sample_code or None,
        }
    for change in answer.changes:
        yield {
            "kind": "recipient",
            "tenant": change.tenant,
            "channel": change.channel,
            "recipient": change.recipient,
            "from": _document(change.before),
            "to": _document(change.after),
            "decided_by": change.decided_by,
            "fate": change.fate,
            "why": change.why or None,
            "requests": [each["action"] for each in change.requests],
        }
    yield {"kind": "summary", **_summary(answer), "written": written._asdict() if written else None}


def print_tables(answer: Answer, written: Written | None, console: Console) -> None:
    """Print the same for a person, long tables cut off; what providers wrote is shown as plain text."""
    summary = _summary(answer)
    if answer.rejudged.groups:
        console.print(_table_of_failures(answer))
    for fate, title in _TITLES.items():
        found = [each for each in answer.changes if each.fate is fate]
        if found:
            console.print(_table_of_recipients(found, title, reasons=fate is Fate.KEPT))
    for line in _sentences(summary, written):
        console.print(Text(line), soft_wrap=True)


def _groups(answer: Answer) -> list[tuple[Group, Tally]]:
    return sorted(answer.rejudged.groups.items(), key=lambda each: (-each[1].count, _words(each[0].before)))


def _summary(answer: Answer) -> dict[str, Any]:
    rejudged = answer.rejudged
    fates = Counter(change.fate for change in answer.changes)
    return {
        "mapping_version": answer.mapping_version,
        "webhooks": rejudged.webhooks,
        "failures": rejudged.failures,
        "judged_otherwise": len(rejudged.changed),
        "newly_failures": sum(map(len, rejudged.new.values())),
        "not_compared": {"webhook_gone": answer.gone, "recipient_awaited": rejudged.waiting, "older": rejudged.older},
        "recipients": {fate.value: fates[fate] for fate in Fate},
        "to_write": {
            "corrections": sum(len(each.corrections) for each in answer.parcels),
            "requests": sum(len(each.requests) for each in answer.parcels),
        },
    }


def _sentences(summary: dict[str, Any], written: Written | None) -> Iterator[str]:
    yield (
        f"Mapping {summary['mapping_version']}: {summary['webhooks']} webhooks read, {summary['failures']} recorded "
        f"failures judged anew, {summary['judged_otherwise']} of them otherwise, {summary['newly_failures']} new."
    )
    gone, awaited, older = summary["not_compared"].values()
    if gone:
        yield f"Not judged anew, for their webhooks are deleted or older than asked about: {gone}."
    if awaited:
        yield f"Not compared, for they wait for the event that names their recipient, or repeat one: {awaited}."
    if older:
        yield f"Not compared, for their records may have been deleted: {older}."
    to_write = summary["to_write"]
    if written is None:
        yield (
            f"Nothing was written; --apply would write {to_write['corrections']} corrected failures and "
            f"{to_write['requests']} requests."
        )
    else:
        yield (
            f"Written: {written.corrections} corrected failures to {Topic.DELIVERY_FAILED} and {written.requests} "
            f"requests to {Topic.SUPPRESSION_REQUESTED}, on which the workers act."
        )


def _table_of_failures(answer: Answer) -> Table:
    groups = _groups(answer)
    table = _table("Failures judged otherwise", ("from", "to", "failures", "sample code"), len(groups))
    for (before, after), tally in groups[:SHOWN]:
        table.add_row(*map(_plain, (_words(before), _words(after), str(tally.count), tally.sample_code)))
    return table


def _table_of_recipients(changes: list[Change], title: str, *, reasons: bool) -> Table:
    table = _table(title, ("recipient", "from", "to", "why" if reasons else "decided by"), len(changes))
    for change in changes[:SHOWN]:
        who = f"{change.tenant} {change.channel} {change.recipient}"
        first, *others = change.decided_by
        decided_by = f"{first} and {len(others)} more" if others else first
        cells = (who, _state(change.before), _state(change.after), change.why if reasons else decided_by)
        table.add_row(*map(_plain, cells))
    return table


def _table(title: str, columns: tuple[str, ...], rows: int) -> Table:
    table = Table(title=title, caption=f"and {rows - SHOWN} more; --json prints all" if rows > SHOWN else None)
    for each in columns:
        # an address or an id that is cut off is of no use
        table.add_column(each, overflow="fold")
    return table


def _plain(text: str) -> Text:
    """Show a text that came from outside: no markup, nothing that moves a terminal's cursor."""
    return Text("".join(each if each.isprintable() else "?" for each in text))


def _words(verdict: Verdict | None) -> str:
    return " ".join(verdict) if verdict else "no failure"


def _state(state: State) -> str:
    if not state.is_suppressed:
        return state.state
    until = "without end" if state.until is None else f"until {_moment(state.until):%Y-%m-%d}"
    return f"{state.reason} {until}"


def _document(state: State) -> dict[str, Any]:
    until = None if state.until is None else _moment(state.until).isoformat().replace("+00:00", "Z")
    return {"state": state.state, "reason": state.reason or None, "until": until}


def _moment(at: Micros) -> datetime:
    return datetime.fromtimestamp(at / 1_000_000, UTC)
