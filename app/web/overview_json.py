"""The overview as JSON, for the page and for programs."""

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter

from app.events import Micros
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
        and not whole.partly_read
        and all(each.complete for each in seen)
        and (whole.all_tenants or (tenant != ALL_TENANTS and bool(seen))),
        "partly_read": sorted(whole.partly_read),
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
    changes = (each for one in seen for each in one.latest_suppressions())
    newest = sorted(changes, key=itemgetter("changed_at"), reverse=True)[:MOST_SUPPRESSIONS]
    return [_dated(each, ("since", "until", "changed_at")) for each in newest]


def _accounts(seen: Iterable[TenantOverview]) -> list[Json]:
    """Return the accounts, those with the smallest part available first."""
    accounts = sorted((each for one in seen for each in one.accounts()), key=_part_available)
    return [_dated(each, ("occurred_at",)) for each in accounts[:MOST_ACCOUNTS]]


def _part_available(account: Json) -> tuple[float, str]:
    granted = account["granted_micros"]
    return (account["available_micros"] / granted if granted > 0 else 0.0, account["account"])


def _alerts(seen: Iterable[TenantOverview], now: Micros) -> list[Json]:
    """Return the alerts, raised before cleared, newest first."""
    alerts = (each for one in seen for each in one.open_alerts(now))
    ordered = sorted(alerts, key=lambda each: (each["state"] != AlertState.RAISED, -each["occurred_at"]))
    return [_dated(each, ("occurred_at",)) for each in ordered[:MOST_ALERTS]]


def _dead_letters(seen: Iterable[TenantOverview]) -> list[Json]:
    letters: Iterator[DeadLetter] = (each for one in seen for each in one.dead_letters)
    newest = sorted(letters, key=lambda each: each.at, reverse=True)[:MOST_DEAD_LETTERS]
    return [{**each._asdict(), "at": moment(each.at)} for each in newest]


def _dated(shown: Json, fields: Iterable[str]) -> Json:
    return {**shown, **{field: moment(shown[field]) for field in fields}}
