"""Counts the failures and confirmations of a batch for ``delivery.stats``.

``accepted`` is not counted: it says nothing about the recipient, so no row remembers it, and a copy would count again.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from app.domain.clock import MINUTE, judge_time
from app.domain.policy import Policy
from app.domain.unlisted import MOST_SAMPLES, sample_of, unlisted_code
from app.events import DeliveryConfirmed, DeliveryFailed, DeliveryStats
from app.outputs import Output
from app.topics import Topic
from app.vocabulary import Attribution, Confirmation, Outcome

MOST_CODES = 32
"""Unlisted codes of a provider on a channel that get increments of their own in a batch; others only add to a sum."""


class Place(NamedTuple):
    """What an increment counts."""

    tenant: str
    provider: str
    channel: str
    outcome: str
    reason: str
    attribution: str
    minute: int
    unlisted: tuple[str, ...]
    """The code, if no table lists it."""


def count_batch(
    failed: Iterable[DeliveryFailed], confirmed: Iterable[DeliveryConfirmed], policy: Policy
) -> list[Output]:
    """Return increments that sum up a batch; leave out events that the recipients' rows already knew."""
    counts: dict[Place, DeliveryStats] = {}
    told: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for event in failed:
        what = (Outcome.FAILED.value, event["reason"], event["attribution"])
        unlisted = _told_apart(event, told[event["tenant"], event["provider"], event["channel"]])
        stats = _increment(counts, event, what, unlisted, policy)
        if unlisted:
            stats["sample_code"] = unlisted[0]
            _add_sample(stats, event)
        else:
            stats["sample_code"] = max(stats["sample_code"], event["code"])
    for confirmation in confirmed:
        if confirmation["kind"] != Confirmation.ACCEPTED:
            _increment(counts, confirmation, (confirmation["kind"], "", Attribution.UNKNOWN.value), (), policy)
    return [Output(Topic.DELIVERY_STATS, rate_key(stats), stats) for _, stats in sorted(counts.items())]


def rate_key(stats: DeliveryStats) -> str:
    """Return the key under which a provider's reports on a channel meet."""
    return f"{stats['tenant']}/{stats['provider']}/{stats['channel']}"


def _told_apart(event: DeliveryFailed, told: set[str]) -> tuple[str, ...]:
    code = unlisted_code(event)
    if code is None or (code not in told and len(told) >= MOST_CODES):
        return ()
    told.add(code)
    return (code,)


def _add_sample(stats: DeliveryStats, event: DeliveryFailed) -> None:
    sample = sample_of(event)
    if sample and sample not in stats["samples"] and len(stats["samples"]) < MOST_SAMPLES:
        stats["samples"].append(sample)


def _increment(
    counts: dict[Place, DeliveryStats],
    event: DeliveryFailed | DeliveryConfirmed,
    what: tuple[str, str, str],
    unlisted: tuple[str, ...],
    policy: Policy,
) -> DeliveryStats:
    at = judge_time(event["occurred_at"], event["received_at"], policy.clock).at
    route = (event["tenant"], event["provider"], event["channel"])
    place = Place(*route, *what, at - at % MINUTE, unlisted)
    stats = counts.get(place)
    if stats is None:
        stats = counts[place] = _none_yet(place)
    stats["count"] += 1
    return stats


def _none_yet(place: Place) -> DeliveryStats:
    return {
        "tenant": place.tenant,
        "provider": place.provider,
        "channel": place.channel,
        "outcome": place.outcome,
        "reason": place.reason,
        "attribution": place.attribution,
        "minute": place.minute,
        "count": 0,
        "sample_code": "",
        "unlisted": bool(place.unlisted),
        "samples": [],
    }
