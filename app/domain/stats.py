"""Counts the failures and confirmations of a batch for ``delivery.stats``."""

from collections.abc import Iterable

from app.domain.clock import MINUTE, judge_time
from app.domain.policy import Policy
from app.events import DeliveryConfirmed, DeliveryFailed, DeliveryStats
from app.outputs import Output
from app.topics import Topic
from app.vocabulary import Attribution, Outcome

Place = tuple[str, str, str, str, str, str, int]
"""Tenant, provider, channel, outcome, reason, attribution, minute."""


def count_batch(
    failed: Iterable[DeliveryFailed], confirmed: Iterable[DeliveryConfirmed], policy: Policy
) -> list[Output]:
    """Return increments that sum up a batch; leave out events that the recipients' rows already knew."""
    counts: dict[Place, DeliveryStats] = {}
    for event in failed:
        stats = _increment(counts, event, (Outcome.FAILED, event["reason"], event["attribution"]), policy)
        stats["sample_code"] = max(stats["sample_code"], event["code"])
    for confirmation in confirmed:
        _increment(counts, confirmation, (confirmation["kind"], "", Attribution.UNKNOWN), policy)
    return [Output(Topic.DELIVERY_STATS, rate_key(stats), stats) for _, stats in sorted(counts.items())]


def rate_key(stats: DeliveryStats) -> str:
    """Return the key under which a provider's reports on a channel meet."""
    return f"{stats['tenant']}/{stats['provider']}/{stats['channel']}"


def _increment(
    counts: dict[Place, DeliveryStats],
    event: DeliveryFailed | DeliveryConfirmed,
    what: tuple[str, str, str],
    policy: Policy,
) -> DeliveryStats:
    at = judge_time(event["occurred_at"], event["received_at"], policy.clock).at
    place = (event["tenant"], event["provider"], event["channel"], *what, at - at % MINUTE)
    stats = counts.get(place)
    if stats is None:
        stats = counts[place] = _none_yet(place)
    stats["count"] += 1
    return stats


def _none_yet(place: Place) -> DeliveryStats:
    tenant, provider, channel, outcome, reason, attribution, minute = place
    return {
        "tenant": tenant,
        "provider": provider,
        "channel": channel,
        "outcome": outcome,
        "reason": reason,
        "attribution": attribution,
        "minute": minute,
        "count": 0,
        "sample_code": "",
    }
