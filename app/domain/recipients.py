"""What an event does to a recipient's row, and what is told of it on ``suppression.changed`` and ``suppression.trial``.

The same events in any order end in the same row: the row keeps a set of facts (:mod:`app.domain.rows`) and the
suppression follows from them (:mod:`app.domain.standing`). What was announced on the way depends on the order: a
recipient whose delivery came before its failures is never announced as suppressed.

Of copies of one event the first to be applied counts; all copies lie in one partition, so that a replay agrees.
"""

from typing import Literal, NamedTuple

from app.domain.announcement import TOPICS, Trigger, settle
from app.domain.clock import DAY, judge_time
from app.domain.outages import Outages
from app.domain.policy import Policy
from app.domain.rows import Channel, Row, add_one, drop_days_before, keep_fact
from app.events import DeliveryConfirmed, DeliveryFailed, SuppressionRequested
from app.identity import Basis
from app.outputs import Output
from app.vocabulary import Attribution, Confidence, Confirmation, Permanence, Reason, SuppressionAction
from app.vocabulary import Channel as ChannelName

FailureFacts = Literal["permanent", "transient", "opt_outs"]

_LONGEST_ID = 64
_LONGEST_NAME = 128
_EMAIL_ONLY = (ChannelName.EMAIL.value,)
_PHONE = (ChannelName.SMS.value, ChannelName.WHATSAPP.value)
_SUCCESSES = (Confirmation.DELIVERED, Confirmation.READ)


class Applied(NamedTuple):
    """What an event did."""

    outputs: tuple[Output, ...] = ()
    """Records of ``suppression.changed``, and for a tenant in dry run of ``suppression.trial``."""
    changed: bool = True
    """Whether the row must be stored."""
    duplicate: bool = False
    """The event had been counted before."""
    note: str = ""
    """``skewed`` or ``late``, as `judge_time` says; ``unaudited``: a lift that nobody answers for, it lifts nothing."""


_LISTS: dict[str, FailureFacts] = {Permanence.PERMANENT: "permanent", Permanence.TRANSIENT: "transient"}
_KNOWN = Applied(changed=False, duplicate=True)


def apply_failed(row: Row, event: DeliveryFailed, policy: Policy, now: int, *, outages: Outages) -> Applied:
    """Apply a failure of a recipient that the provider named; ``outages`` are those of the provider on the channel.

    One failure may be reported twice with one id, as failed and as bounced: it counts once, by the first report, and
    both are evidence.
    """
    at, note = judge_time(event["occurred_at"], event["received_at"], policy.clock)
    name = event["event_id"]
    two_reports = event["event_id_basis"] == Basis.MESSAGE
    if two_reports and not row.memory.add(f"{name}/{event['outcome']}", at, policy.memory):
        return _KNOWN
    is_new = row.memory.add(name, at, policy.memory)
    if not is_new and not two_reports:
        return _KNOWN
    _take_in(row, note)
    channel = row.channel(event["channel"])
    reason = event["reason"]
    if is_new:
        add_one(channel.setdefault("failed", {}).setdefault(event["attribution"], {}), reason)
    channel["last_failure"] = max(channel.get("last_failure", []), [at, reason])
    facts = _facts_of(event, channel, policy, degraded=outages.covers(at))
    if facts is None or (facts == "transient" and at // DAY < channel.get("last_success", 0) // DAY):
        return Applied(duplicate=not is_new, note=note)
    fact = [at, name[:_LONGEST_ID], reason]
    keep_fact(channel.setdefault(facts, []), [*fact, ""] if facts == "opt_outs" else fact)
    trigger = Trigger(event["tenant"], event["recipient"], "opt_out" if facts == "opt_outs" else "failure", at)
    return Applied(tuple(settle(row, event["channel"], trigger, policy, now)), duplicate=not is_new, note=note)


def apply_confirmed(row: Row, event: DeliveryConfirmed, policy: Policy, now: int) -> Applied:
    """Apply good news; what says nothing about the recipient (``accepted``, words to come) leaves the row alone."""
    kind = event["kind"]
    success = kind in _SUCCESSES
    if not success and kind != Confirmation.OPTED_IN:
        return Applied(changed=False)
    at, note = judge_time(event["occurred_at"], event["received_at"], policy.clock)
    if not _remember(row, event["event_id"], at, note, policy):
        return _KNOWN
    channel = row.channel(event["channel"])
    add_one(channel.setdefault("confirmed", {}), kind)
    concerned = _note_success(channel, at) if success else _note_consent(channel, at, event["event_id"])
    if not concerned:
        return Applied(note=note)
    trigger = Trigger(event["tenant"], event["recipient"], "delivery" if success else "opt_in", at)
    return Applied(tuple(settle(row, event["channel"], trigger, policy, now)), note=note)


def apply_request(row: Row, event: SuppressionRequested, policy: Policy, now: int, *, received_at: int) -> Applied:
    """Apply a request; without a channel it is about every channel that the address can have.

    ``received_at`` is that of the webhook behind it, or the timestamp of its Kafka record where there is none: the same
    in a replay either way.
    A lift must be answered for by a person or a system: one without a name, or by ``provider:…``, is counted and lifts
    nothing. Providers report consent as a confirmation.
    """
    at, note = judge_time(event["occurred_at"], received_at, policy.clock)
    if not _remember(row, event["event_id"], at, note, policy):
        return _KNOWN
    by = event["requested_by"][:_LONGEST_NAME]
    lifts = event["action"] == SuppressionAction.LIFT
    unaudited = lifts and (not by or by.startswith("provider:"))
    outputs: list[Output] = []
    for name in _channels_of(event):
        channel = row.channel(name)
        add_one(channel.setdefault("requested", {}), event["action"])
        if not unaudited:
            cause = _note_request(channel, event, at, by)
            trigger = Trigger(event["tenant"], event["recipient"], cause, at, by)
            outputs += settle(row, name, trigger, policy, now)
    return Applied(tuple(outputs), note="unaudited" if unaudited else note)


def expire(row: Row, key: str, policy: Policy, now: int) -> Applied:
    """End the suppressions whose time is over; ``key`` is the row's key."""
    tenant, _, recipient = key.partition("/")
    outputs: list[Output] = []
    for name in sorted(row.channels):
        until = _due(row.channels[name])
        if until is not None and until <= now:
            outputs += settle(row, name, Trigger(tenant, recipient, "expiry", until), policy, now)
    return Applied(tuple(outputs), changed=bool(outputs))


def next_due(row: Row) -> int | None:
    """Return when `expire` has something to do for this row, or None."""
    return min((until for each in row.channels.values() if (until := _due(each)) is not None), default=None)


def _due(channel: Channel) -> int | None:
    """Return the first end among what was announced, a trial's included."""
    ends = [channel[place]["until"] for place in TOPICS if place in channel]
    return min((end for end in ends if end is not None), default=None)


def _remember(row: Row, event: str, at: int, note: str, policy: Policy) -> bool:
    if not row.memory.add(event, at, policy.memory):
        return False
    _take_in(row, note)
    return True


def _take_in(row: Row, note: str) -> None:
    row.tree["events"] += 1
    if note:
        add_one(row.tree.setdefault("dates", {}), note)


def _facts_of(event: DeliveryFailed, channel: Channel, policy: Policy, *, degraded: bool) -> FailureFacts | None:
    """Tell which facts a failure belongs to; None: it is counted and never suppresses."""
    if event["attribution"] != Attribution.RECIPIENT or event["confidence"] == Confidence.UNMAPPED:
        return None
    if event["reason"] == Reason.RECIPIENT_SUPPRESSED:
        return None
    if event["reason"] == Reason.RECIPIENT_OPTED_OUT:
        return "opt_outs"
    facts = _LISTS.get(event["permanence"])
    if degraded and (facts == "transient" or (facts and policy.guard.while_degraded == "all")):
        channel["degraded"] = channel.get("degraded", 0) + 1
        return None
    return facts


def _note_success(channel: Channel, at: int) -> bool:
    """Note a delivery; tell whether it may lift something."""
    if at <= channel.get("last_success", -1):
        return False
    channel["last_success"] = at
    if "transient" not in channel:
        return False
    transient = channel["transient"]
    counts_on = transient[-1][0] >= at
    drop_days_before(transient, at)
    if not transient:
        del channel["transient"]
    # one that is newer than all failures begins no suppression, and without one there is nothing to lift
    return counts_on or "suppression" in channel or "trial" in channel


def _note_consent(channel: Channel, at: int, event: str) -> bool:
    """Note an opt-in; tell whether it is the newest."""
    consent = [at, event[:_LONGEST_ID]]
    if consent <= channel.get("consent", []):
        return False
    channel["consent"] = consent
    return True


def _note_request(channel: Channel, event: SuppressionRequested, at: int, by: str) -> str:
    """Note what somebody asks for; return what to call it."""
    fact = [at, event["event_id"][:_LONGEST_ID], event["reason"][:_LONGEST_ID], by]
    if event["action"] == SuppressionAction.LIFT:
        keep_fact(channel.setdefault("lifts", []), [at, fact[1], by])
        return "request"
    if event["reason"] == Reason.RECIPIENT_OPTED_OUT:
        keep_fact(channel.setdefault("opt_outs", []), fact)
        return "opt_out"
    channel["request"] = max(channel.get("request", []), [*fact, event["until"]])
    return "request"


def _channels_of(event: SuppressionRequested) -> tuple[str, ...]:
    if event["channel"]:
        return (event["channel"],)
    return _EMAIL_ONLY if "@" in event["recipient"] else _PHONE
