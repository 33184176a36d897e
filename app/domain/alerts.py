"""Watches a provider on a channel: its rate of failures, faults on our side, and codes that no table lists.

An alert about the rate and the outage in ``provider.health`` are decided together, at the newest minute of the reports.
What was announced of a time stays as it is: a replay of old reports finds it decided already and tells nothing.
"""

from app.domain.advice import FAILURE_RATE
from app.domain.alert_records import Alert, Subject, alert_output
from app.domain.clock import DAY, MINUTE
from app.domain.first_reports import clear_quiet, quiet_due, report
from app.domain.outages import Outages, takes_effect
from app.domain.policy import Policy
from app.domain.policy_document import AlertLimits
from app.domain.rates import Rates, Share, count, keep_outages, outages_of, share
from app.events import DeliveryStats, ProviderHealth
from app.outputs import Output
from app.topics import Topic
from app.vocabulary import AlertKind, AlertState

_SILENCE = Share(0, 0)


def adopt(rates: Rates, known: Outages, now: int) -> None:
    """Go on from a history that reaches further than the row's: another version of the application has written it.

    One that reaches more than a day beyond the clock is somebody's mistake: nothing could be announced any more.
    """
    if outages_of(rates).decided_until < known.decided_until <= takes_effect(now + DAY):
        keep_outages(rates, known)
        _note_heard(rates, now)


def apply_stats(rates: Rates, stats: DeliveryStats, policy: Policy, now: int) -> list[Output]:
    """Add an increment; return what it raises or clears."""
    place = Subject(stats["tenant"], stats["provider"], stats["channel"])
    outputs = []
    if count(rates, stats, policy.alerts.window_minutes, now):
        outputs += _judge_rate(rates, place, policy.alerts, share(rates), rates["newest"] * MINUTE)
        _note_heard(rates, now)
    return outputs + report(rates, stats, place, now)


def tick(rates: Rates, key: str, policy: Policy, now: int) -> list[Output]:
    """Clear what has been quiet for long enough; ``key`` is the row's key."""
    place = Subject(*key.split("/"))
    outputs = clear_quiet(rates, place, policy.alerts.quiet_minutes * MINUTE, now)
    if "heard" in rates and _silent_at(rates["heard"], policy.alerts) <= now:
        at = max(now, outages_of(rates).decided_until)
        outputs += _judge_rate(rates, place, policy.alerts, _SILENCE, at)
        _note_heard(rates, now)
    return outputs


def next_due(rates: Rates, policy: Policy) -> int | None:
    """Return when `tick` may have something to do, or None."""
    due = [*quiet_due(rates, policy.alerts.quiet_minutes * MINUTE)]
    if "heard" in rates:
        due.append(_silent_at(rates["heard"], policy.alerts))
    return min(due, default=None)


def _silent_at(heard: int, limits: AlertLimits) -> int:
    return heard + limits.window_minutes * MINUTE


def _note_heard(rates: Rates, now: int) -> None:
    if outages_of(rates).lasts:
        rates["heard"] = max(now, rates.get("heard", 0))
    else:
        rates.pop("heard", None)


def _judge_rate(rates: Rates, place: Subject, limits: AlertLimits, found: Share, at: int) -> list[Output]:
    """Raise or clear the alert about the rate, and tell the provider's health with it."""
    outages, moment = outages_of(rates), takes_effect(at)
    if moment <= outages.decided_until:
        return []
    if outages.lasts:
        if found.total and found.reaches(limits.clear_percent):
            return []
        outages = outages.ended(moment)
        state, threshold = AlertState.CLEARED, limits.clear_percent
    else:
        if found.total < limits.least_reports or not found.reaches(limits.failure_percent):
            return []
        outages = outages.begun(moment)
        state, threshold = AlertState.RAISED, limits.failure_percent
    keep_outages(rates, outages)
    rates["told"] += 1
    observed = 100 * found.failures / found.total if found.total else 0.0
    alert = Alert(
        AlertKind.PROVIDER_FAILURE_RATE, state, at, rates["told"], observed=observed, threshold=float(threshold)
    )
    return [
        _health(place, outages, found, limits.window_minutes, at),
        alert_output(alert, place, FAILURE_RATE, failures=str(found.failures), total=str(found.total)),
    ]


def _health(place: Subject, outages: Outages, found: Share, window_minutes: int, at: int) -> Output:
    record: ProviderHealth = {
        "tenant": place.tenant,
        "provider": place.provider,
        "channel": place.channel,
        "degraded": outages.lasts,
        "failures": found.failures,
        "total": found.total,
        "window_minutes": window_minutes,
        "since": outages.decided_until,
        "changed_at": at,
        "periods": [{"since": each.since, "until": each.until} for each in outages.periods],
    }
    return Output(Topic.PROVIDER_HEALTH, f"{place.tenant}/{place.provider}/{place.channel}", record)
