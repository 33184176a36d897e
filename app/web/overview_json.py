"""The overview as JSON, for the page and for programs."""

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from app.events import CreditChanged, DeliveryAlert, Micros, SuppressionChanged
from app.vocabulary import AlertState, SuppressionState
from app.web.auth import ALL_TENANTS
from app.web.hourly import HOURS, Name, first_hours
from app.web.overview import (
    CONFIRMED,
    DEAD,
    FAILED,
    MOST_ACCOUNTS,
    MOST_ALERTS,
    MOST_DEAD_LETTERS,
    MOST_SUPPRESSIONS,
    SUPPRESSION,
    DeadLetter,
    Overview,
    TenantOverview,
)
from app.web.rows import Json, moment


def overview(whole: Overview, tenant: str, now: Micros) -> Json:
    """Return what a caller of this tenant may see; lists are cut as those of one tenant are.

    All ``by_hour`` have a number for each of ``hours``, which are starts of hours, oldest first.
    """
    seen = list(whole.seen_by(tenant))
    counts = _added_up(seen, now)
    return {
        "tenant": tenant,
        "generated_at": moment(now),
        "caught_up": whole.caught_up,
        "complete": whole.caught_up
        and all(each.complete for each in seen)
        and (whole.all_tenants or (tenant != ALL_TENANTS and bool(seen))),
        "hours": [moment(start) for start in first_hours(now)],
        "failures": _series(counts, FAILED, ("provider", "reason", "attribution")),
        "confirmations": _series(counts, CONFIRMED, ("provider", "outcome")),
        "suppressions": {
            "suppressed": sum(counts.get((SUPPRESSION, SuppressionState.SUPPRESSED), ())),
            "allowed": sum(counts.get((SUPPRESSION, SuppressionState.ALLOWED), ())),
            "latest": _suppressions(seen),
        },
        "credit": _accounts(seen),
        "alerts": _alerts(seen, now),
        "dead_letters": {"total": sum(counts.get((DEAD,), ())), "latest": _dead_letters(seen)},
        "lag": whole.lag,
    }


def _added_up(seen: Iterable[TenantOverview], now: Micros) -> dict[Name, list[int]]:
    total: dict[Name, list[int]] = {}
    for each in seen:
        for name, by_hour in each.counts.by_name(now).items():
            present = total.get(name, [0] * HOURS)
            total[name] = [a + b for a, b in zip(present, by_hour, strict=True)]
    return total


def _series(counts: Mapping[Name, list[int]], kind: str, fields: tuple[str, ...]) -> list[Json]:
    series: list[Json] = [
        {**dict(zip(fields, name[1:], strict=True)), "total": sum(by_hour), "by_hour": by_hour}
        for name, by_hour in sorted(counts.items())
        if name[0] == kind
    ]
    return sorted(series, key=itemgetter("total"), reverse=True)


def _suppressions(seen: Iterable[TenantOverview]) -> list[Json]:
    changes = sorted((each for one in seen for each in one.suppressions), key=itemgetter("changed_at"), reverse=True)
    return [_suppression(each) for each in changes[:MOST_SUPPRESSIONS]]


def _suppression(change: SuppressionChanged) -> Json:
    kept = ("tenant", "recipient", "channel", "state", "reason", "tier", "cause", "evidence", "requested_by")
    return {**_picked(change, kept), **_moments(change, ("since", "until", "changed_at"))}


def _accounts(seen: Iterable[TenantOverview]) -> list[Json]:
    """Return the accounts, those with the smallest part available first."""
    accounts = sorted((each for one in seen for each in one.accounts.values()), key=_part_available)
    return [_account(each) for each in accounts[:MOST_ACCOUNTS]]


def _part_available(change: CreditChanged) -> tuple[float, str]:
    granted = change["granted_micros"]
    return (change["available_micros"] / granted if granted > 0 else 0.0, change["account"])


def _account(change: CreditChanged) -> Json:
    amounts = ("granted_micros", "available_micros", "reserved_micros", "spent_micros")
    kept = ("tenant", "account", "currency", *amounts, "sequence", "cause")
    return {**_picked(change, kept), **_moments(change, ("occurred_at",))}


def _alerts(seen: Iterable[TenantOverview], now: Micros) -> list[Json]:
    """Return the alerts, raised before cleared, newest first."""
    alerts = (each for one in seen for each in one.open_alerts(now))
    ordered = sorted(alerts, key=lambda each: (each["state"] != AlertState.RAISED, -each["occurred_at"]))
    return [_alert(each) for each in ordered[:MOST_ALERTS]]


def _alert(alert: DeliveryAlert) -> Json:
    about = ("provider", "channel", "account", "reason", "sample_code", "observed", "threshold", "samples")
    kept = ("tenant", "alert_key", "kind", "state", "summary", "action", *about)
    return {**_picked(alert, kept), **_moments(alert, ("occurred_at",))}


def _dead_letters(seen: Iterable[TenantOverview]) -> list[Json]:
    letters: Iterator[DeadLetter] = (each for one in seen for each in one.dead_letters)
    newest = sorted(letters, key=lambda each: each.at, reverse=True)[:MOST_DEAD_LETTERS]
    return [{**each._asdict(), "at": moment(each.at)} for each in newest]


def _picked(record: Mapping[str, Any], fields: Iterable[str]) -> Json:
    return {field: record[field] for field in fields}


def _moments(record: Mapping[str, Any], fields: Iterable[str]) -> Json:
    return {field: moment(record[field]) for field in fields}
