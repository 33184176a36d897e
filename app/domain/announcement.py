"""Tells the world when a recipient's suppression has changed, and only then."""

from functools import partial
from typing import NamedTuple

from app.domain.policy import Policy
from app.domain.rows import Row, Suppression
from app.domain.standing import Standing, judge
from app.events import SuppressionChanged
from app.identity import event_id, recipient_key
from app.outputs import Output
from app.topics import Topic
from app.vocabulary import SuppressionState


class Trigger(NamedTuple):
    """What makes a channel be judged anew."""

    tenant: str
    recipient: str
    cause: str
    """failure, opt_out, request, delivery, opt_in or expiry."""
    at: int
    by: str = ""


class Announcement(NamedTuple):
    """A change of suppression."""

    output: Output
    trial: bool
    """The tenant is in dry run: it is told apart and changes nothing."""


def settle(row: Row, channel_name: str, trigger: Trigger, policy: Policy, now: int) -> Announcement | None:
    """Judge a channel by its facts, store the result in the row, and return what there is to tell."""
    channel = row.channel(channel_name)
    told = channel.get("suppression")
    standing = judge(channel, partial(policy.for_, trigger.tenant, channel_name), now)
    if standing is None:
        if told is None:
            return None
        del channel["suppression"]
        ended = told["until"]
        if ended is not None and ended <= now:
            trigger = trigger._replace(cause="expiry", at=ended, by="")
        return _announcement(row, channel_name, trigger, policy, _allowed(trigger), trial=told["dry"])
    # whoever was told of a suppression is told of its changes and its end, dry run or not
    in_force = told is not None and not told["dry"]
    trial = policy.is_dry_run(trigger.tenant) and standing.cause == "failure" and not in_force
    new = _stored(standing, dry=trial)
    if new == told:
        return None
    channel["suppression"] = new
    return _announcement(row, channel_name, trigger, policy, standing, trial=trial)


def _allowed(trigger: Trigger) -> Standing:
    return Standing("", trigger.at, None, 0, trigger.cause, [], trigger.by)


def _stored(standing: Standing, *, dry: bool) -> Suppression:
    return {
        "reason": standing.reason,
        "since": standing.since,
        "until": standing.until,
        "tier": standing.tier,
        "cause": standing.cause,
        "evidence": standing.evidence,
        "by": standing.by,
        "dry": dry,
    }


def _announcement(
    row: Row, channel: str, trigger: Trigger, policy: Policy, standing: Standing, *, trial: bool
) -> Announcement:
    key = f"{recipient_key(trigger.tenant, trigger.recipient)}/{channel}"
    # Grows with every change although the row stores no count of changes, which would depend on the order of events:
    # each event is a step of 2, and between two events a channel changes once at most, by the end of its suppression.
    sequence = 2 * row.tree["events"] + (trigger.cause == "expiry")
    record: SuppressionChanged = {
        "event_id": event_id(Topic.SUPPRESSION_CHANGED, key, str(sequence)),
        "tenant": trigger.tenant,
        "channel": channel,
        "recipient": trigger.recipient,
        "state": SuppressionState.SUPPRESSED if standing.tier else SuppressionState.ALLOWED,
        "reason": standing.reason,
        "since": standing.since,
        "until": standing.until,
        "tier": standing.tier,
        "sequence": sequence,
        "cause": standing.cause,
        "evidence": standing.evidence,
        "requested_by": standing.by,
        "changed_at": trigger.at,
        "policy_version": policy.version,
    }
    return Announcement(Output(Topic.SUPPRESSION_CHANGED, key, record), trial)
