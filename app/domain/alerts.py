"""Watches a provider on a channel: its rate of failures, and faults on our side.

A row holds counts by minute of event time over a sliding window that ends with the newest minute, so that a replay of
old records sees what was to be seen then. It stays below 15 kB: at most 180 minutes of seven counts, and a line for
each fault. A sender's fault is timed by when it was heard of: it is news however late its webhook comes.
"""

from typing import NotRequired, TypedDict

import orjson

from app.domain.advice import FAILURE_RATE, FAULTS
from app.domain.alert_records import Alert, Subject, alert_output
from app.domain.clock import MINUTE
from app.domain.policy import Policy
from app.domain.policy_document import AlertLimits
from app.events import DeliveryStats
from app.outputs import Output
from app.topics import Topic
from app.vocabulary import AlertKind, AlertState, Attribution, Confirmation, Outcome, Reason

_PROVIDERS_SIDE = (Attribution.CARRIER, Attribution.PROVIDER, Attribution.UNKNOWN)


class Fault(TypedDict):
    """A fault on our side whose alert is raised."""

    seen: int
    """When it was last heard of, by our clock."""
    code: str


class Rates(TypedDict):
    """The row of a provider on a channel; the reducers change it in place."""

    minutes: dict[str, dict[str, int]]
    """Failures by attribution, and deliveries, by minute since 1970."""
    newest: int
    """Newest minute, since 1970."""
    degraded_since: NotRequired[int]
    """Present while the rate is out of the ordinary."""
    faults: dict[str, Fault]
    """By reason."""
    told: int
    """Alerts raised and cleared so far."""


def decode_rates(value: bytes | None) -> Rates:
    """Return the row of these bytes; None is a provider nobody has heard from."""
    rates: Rates = orjson.loads(value) if value else {"minutes": {}, "newest": 0, "faults": {}, "told": 0}
    return rates


def encode_rates(rates: Rates) -> bytes:
    """Return a row's bytes; equal rows have equal bytes."""
    return orjson.dumps(rates, option=orjson.OPT_SORT_KEYS)


def apply_stats(rates: Rates, stats: DeliveryStats, policy: Policy, now: int) -> list[Output]:
    """Add an increment; return what it raises or clears."""
    place = Subject(stats["tenant"], stats["provider"], stats["channel"])
    limits = policy.alerts
    outputs = []
    if _add(rates, stats, limits.window_minutes):
        outputs += _judge_rate(rates, place, limits, rates["newest"] * MINUTE)
    if stats["reason"] in FAULTS and stats["attribution"] != Attribution.RECIPIENT:
        reason = Reason(stats["reason"])
        if reason.value not in rates["faults"]:
            rates["faults"][reason.value] = {"seen": now, "code": stats["sample_code"]}
            outputs.append(_fault_alert(rates, place, reason, AlertState.RAISED, stats["minute"]))
        rates["faults"][reason]["seen"] = max(now, rates["faults"][reason]["seen"])
    return outputs


def tick(rates: Rates, key: str, policy: Policy, now: int) -> list[Output]:
    """Clear what has been quiet for long enough; ``key`` is the row's key."""
    place = Subject(*key.split("/"))
    outputs = []
    for reason in sorted(rates["faults"]):
        if rates["faults"][reason]["seen"] + policy.alerts.quiet_minutes * MINUTE <= now:
            outputs.append(_fault_alert(rates, place, Reason(reason), AlertState.CLEARED, now))
            del rates["faults"][reason]
    if "degraded_since" in rates and _quiet_at(rates, policy.alerts) <= now:
        rates["minutes"].clear()
        outputs += _judge_rate(rates, place, policy.alerts, now)
    return outputs


def next_due(rates: Rates, policy: Policy) -> int | None:
    """Return when `tick` may have something to do, or None."""
    quiet = policy.alerts.quiet_minutes * MINUTE
    due = [fault["seen"] + quiet for fault in rates["faults"].values()]
    if "degraded_since" in rates:
        due.append(_quiet_at(rates, policy.alerts))
    return min(due, default=None)


def _quiet_at(rates: Rates, limits: AlertLimits) -> int:
    return (rates["newest"] + limits.window_minutes) * MINUTE


def _add(rates: Rates, stats: DeliveryStats, window: int) -> bool:
    """Count an increment in its minute; False: it has no part in the rate."""
    if stats["outcome"] == Outcome.FAILED:
        what = stats["attribution"]
    elif stats["outcome"] == Confirmation.DELIVERED:
        what = Confirmation.DELIVERED.value
    else:
        return False
    minute = stats["minute"] // MINUTE
    if minute > rates["newest"]:
        rates["newest"] = minute
        rates["minutes"] = {name: each for name, each in rates["minutes"].items() if int(name) > minute - window}
    if minute <= rates["newest"] - window:
        return False
    counts = rates["minutes"].setdefault(str(minute), {})
    counts[what] = counts.get(what, 0) + stats["count"]
    return True


def _judge_rate(rates: Rates, place: Subject, limits: AlertLimits, at: int) -> list[Output]:
    """Raise or clear the alert about the rate, and tell the provider's health with it."""
    total = sum(sum(each.values()) for each in rates["minutes"].values())
    failures = sum(each.get(side, 0) for each in rates["minutes"].values() for side in _PROVIDERS_SIDE)
    if "degraded_since" in rates:
        if total and failures * 100 >= limits.clear_percent * total:
            return []
        del rates["degraded_since"]
        state, threshold = AlertState.CLEARED, limits.clear_percent
    else:
        if total < limits.least_reports or failures * 100 < limits.failure_percent * total:
            return []
        rates["degraded_since"] = at
        state, threshold = AlertState.RAISED, limits.failure_percent
    observed = 100 * failures / total if total else 0.0
    rates["told"] += 1
    alert = Alert(AlertKind.PROVIDER_FAILURE_RATE, state, at, rates["told"], "", "", observed, float(threshold))
    counts = {"failures": failures, "total": total, "window_minutes": limits.window_minutes}
    return [
        _health(place, counts, at, degraded="degraded_since" in rates),
        alert_output(alert, place, FAILURE_RATE, failures=str(failures), total=str(total)),
    ]


def _health(place: Subject, counts: dict[str, int], at: int, *, degraded: bool) -> Output:
    record = {
        "tenant": place.tenant,
        "provider": place.provider,
        "channel": place.channel,
        "degraded": degraded,
        **counts,
        "since": at,
        "changed_at": at,
    }
    return Output(Topic.PROVIDER_HEALTH, f"{place.tenant}/{place.provider}/{place.channel}", record)


def _fault_alert(rates: Rates, place: Subject, reason: Reason, state: AlertState, at: int) -> Output:
    rates["told"] += 1
    code = rates["faults"][reason]["code"]
    alert = Alert(
        AlertKind.SENDER_FAULT, state, at, rates["told"], reason, code, float(state is AlertState.RAISED), 1.0
    )
    return alert_output(alert, place, FAULTS[reason])
