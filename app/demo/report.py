"""Prints what a person wants to see of a demo."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.demo.load import Load
from app.demo.processes import Addresses
from app.demo.reading import Seen
from app.events import Micros
from app.vocabulary import CreditCommand, Provider

_MICROS_PER_UNIT = 1_000_000


def print_report(console: Console, addresses: Addresses, load: Load, seen: Seen, row: dict[str, Any]) -> None:
    """Print what came in, who is suppressed and why, credit, alerts and dead letters."""
    for table in (_failures(seen), _suppressions(seen), _credit(load, seen), _alerts(seen), _dead_letters(seen)):
        console.print(table, "")
    figures = seen.figures()
    console.print(
        f"{figures.raw} webhooks, {figures.failed.total()} failures, {figures.confirmed.total()} confirmations, "
        f"{len(figures.recipients)} recipients, {len(figures.suppressions)} suppressions, "
        f"{len(figures.alerts)} alerts, {figures.dead_letters} dead letters.",
        f"The page was at {addresses.web}/; its view of {row['address']} said: may message on "
        f"{', '.join(row['may_message']) or 'no channel'}.",
        sep="\n",
        highlight=False,
    )


def _failures(seen: Seen) -> Table:
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for event in seen.failed.values():
        counts[event["attribution"], event["reason"]][event["provider"]] += 1
    table = _table("Failures by provider and reason", "whose fault", "reason")
    for provider in Provider:
        table.add_column(provider.replace("-", "-\n"), justify="right")
    for (attribution, reason), by_provider in sorted(counts.items()):
        table.add_row(attribution, reason, *(str(by_provider[provider] or "") for provider in Provider))
    return table


def _suppressions(seen: Seen) -> Table:
    groups: defaultdict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in seen.suppressed:
        groups[record["channel"], record["reason"], record["cause"]].append(record)
    table = _table("Suppressed: whom to stop messaging, and why", "addresses", "channel", "why", "until", "for example")
    for (channel, reason, cause), records in sorted(groups.items()):
        one = min(records, key=lambda record: str(record["recipient"]))
        times = len(one["evidence"])
        why = f"{reason}, {times} {cause}{'s' if times > 1 else ''}"
        table.add_row(str(len(records)), channel, why, _day(one["until"]), escape(one["recipient"]))
    return table


def _table(title: str, *columns: str) -> Table:
    return Table(*columns, title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)


def _day(moment: Micros | None) -> str:
    return "lifted" if moment is None else f"{datetime.fromtimestamp(moment / 1_000_000, UTC):%Y-%m-%d}"


def _credit(load: Load, seen: Seen) -> Table:
    granted, reserved = (_commanded(load, kind) for kind in (CreditCommand.GRANT, CreditCommand.RESERVE))
    table = _table("Credit before and after the webhooks", "account", "")
    for name in ("granted", "available", "reserved", "spent"):
        table.add_column(name, justify="right")
    for account, after in sorted(seen.credit.items()):
        before = (granted[account], granted[account] - reserved[account], reserved[account], 0)
        table.add_row(escape(account), "before", *map(_money, before))
        names = ("granted_micros", "available_micros", "reserved_micros", "spent_micros")
        table.add_row("", f"after, {after['currency']}", *(_money(after[name]) for name in names))
    return table


def _commanded(load: Load, kind: CreditCommand) -> Counter[str]:
    amounts = {each["event_id"]: each for each in load.commands if each["kind"] == kind}
    totals: Counter[str] = Counter()
    for command in amounts.values():
        totals[command["account"]] += command["amount_micros"]
    return totals


def _money(micros: int) -> str:
    return f"{micros / _MICROS_PER_UNIT:,.2f}"


def _alerts(seen: Seen) -> Table:
    table = _table("Alerts", "tenant", "what is wrong", "what to do")
    for record in sorted(seen.raised, key=lambda each: str(each["alert_key"])):
        table.add_row(record["tenant"], escape(record["summary"]), escape(record["action"]))
    return table


def _dead_letters(seen: Seen) -> Table:
    table = _table("Dead letters", "times", "from", "what is wrong")
    for (origin, text), times in sorted(seen.dead_letters.items()):
        table.add_row(str(times), origin, escape(text))
    return table
