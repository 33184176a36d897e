"""Tells the world when a recipient's suppression has changed, and only then.

A channel of a tenant in dry run has two judgements: what opt-outs and requests say is announced on
``suppression.changed``, what failures would have done on ``suppression.trial``. Each follows from the facts, so that
neither depends on what came first.

Whoever was told of a suppression is told of its end, also when the tenant has gone into dry run or out of it: at the
next event that is judged before its end, or when the suppression is over.
"""

from functools import partial
from typing import Literal, NamedTuple

from app.domain.policy import Policy
from app.domain.rows import Row, Suppression
from app.domain.standing import Standing, judge, judge_failures, judge_wishes
from app.events import SuppressionChanged
from app.identity import event_id, recipient_key
from app.outputs import Output
from app.topics import Topic
from app.vocabulary import SuppressionState

Place = Literal["suppression", "trial"]
"""Where a judgement stands in a channel's row."""

TOPICS: dict[Place, Topic] = {"suppression": Topic.SUPPRESSION_CHANGED, "trial": Topic.SUPPRESSION_TRIAL}
"""Where its changes are told."""


class Trigger(NamedTuple):
    """What makes a channel be judged anew."""

    tenant: str
    recipient: str
    cause: str
    """failure, opt_out, request, delivery, opt_in or expiry."""
    at: int
    by: str = ""


def settle(row: Row, channel_name: str, trigger: Trigger, policy: Policy, now: int) -> list[Output]:
    """Judge a channel by its facts, store the result in the row, and return what there is to tell.

    When the cause is ``expiry`` only what is over is judged: between two events nothing else changes. No other cause
    tells that time has ended a suppression: what prolongs it may lie unread.
    """
    channel = row.channel(channel_name)
    outputs = []
    for place, standing in _judged(row, channel_name, trigger.tenant, policy, now).items():
        told = channel.get(place)
        end = _passed_end(told, now)
        if trigger.cause == "expiry" and end is None:
            continue
        if standing is not None:
            new = _stored(standing)
            if new != told:
                channel[place] = new
                outputs.append(_announcement(row, channel_name, place, trigger, policy, standing))
        elif told is not None and (end is None or trigger.cause == "expiry"):
            del channel[place]
            ending = trigger if end is None else trigger._replace(at=end)
            outputs.append(_announcement(row, channel_name, place, ending, policy, _allowed(ending)))
    return outputs


def _passed_end(told: Suppression | None, now: int) -> int | None:
    return told["until"] if told and told["until"] is not None and told["until"] <= now else None


def _judged(row: Row, channel_name: str, tenant: str, policy: Policy, now: int) -> dict[Place, Standing | None]:
    channel = row.channel(channel_name)
    rule_of = partial(policy.for_, tenant, channel_name)
    if policy.is_dry_run(tenant):
        return {"suppression": judge_wishes(channel, rule_of, now), "trial": judge_failures(channel, rule_of, now)}
    # what is left of a trial ends
    return {"suppression": judge(channel, rule_of, now), "trial": None}


def _allowed(trigger: Trigger) -> Standing:
    return Standing("", trigger.at, None, 0, trigger.cause, [], trigger.by)


def _stored(standing: Standing) -> Suppression:
    return {
        "reason": standing.reason,
        "since": standing.since,
        "until": standing.until,
        "tier": standing.tier,
        "cause": standing.cause,
        "evidence": standing.evidence,
        "by": standing.by,
    }


def _announcement(row: Row, channel: str, place: Place, trigger: Trigger, policy: Policy, standing: Standing) -> Output:
    topic = TOPICS[place]
    key = f"{recipient_key(trigger.tenant, trigger.recipient)}/{channel}"
    sequence = _next_sequence(row, channel, place)
    record: SuppressionChanged = {
        "event_id": event_id(topic, key, str(sequence)),
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
    return Output(topic, key, record)


def _next_sequence(row: Row, channel_name: str, place: Place) -> int:
    """Count an announcement on a topic.

    A row that has counted none was perhaps written by a version that gave 2 for each event, and 1 more at an end: the
    count begins above that.
    """
    told = row.channel(channel_name).setdefault("told", {})
    sequence: int = told.get(place, 2 * row.tree["events"] + 1) + 1
    told[place] = sequence
    return sequence
