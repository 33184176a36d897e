"""What an event does to a recipient's row, and what is told of it on ``suppression.changed`` and ``suppression.trial``.

The same events in any order end in the same row: the row keeps a set of facts (:mod:`app.domain.rows`) and the
suppression follows from them (:mod:`app.domain.standing`). What was announced on the way depends on the order: a
recipient whose delivery came before its failures is never announced as suppressed.

Of copies of one event the first to be applied counts; all copies lie in one partition, so that a replay agrees.
"""

from typing import NamedTuple

from app.domain.announcement import TOPICS, Trigger, settle
from app.domain.channel_facts import note_consent, note_failure, note_request, note_success
from app.domain.clock import DAY, judge_time
from app.domain.outages import Outages
from app.domain.policy import Policy
from app.domain.policy_document import RecipientMemory
from app.domain.rows import LONGEST_NAME, Channel, Row, add_one, cut
from app.events import DeliveryConfirmed, DeliveryFailed, SuppressionRequested
from app.identity import Basis
from app.outputs import Output
from app.vocabulary import Channel as ChannelName
from app.vocabulary import Confirmation, SuppressionAction

_CHANNELS = frozenset(ChannelName)
_EMAIL_ONLY = (ChannelName.EMAIL.value,)
_PHONE = (ChannelName.SMS.value, ChannelName.WHATSAPP.value)
_SUCCESSES = (Confirmation.DELIVERED, Confirmation.READ)
_UNKNOWN_CHANNEL = "unknown_channel"


class Applied(NamedTuple):
    """What an event did."""

    outputs: tuple[Output, ...] = ()
    """Records of ``suppression.changed``, and for a tenant in dry run of ``suppression.trial``."""
    changed: bool = True
    """Whether the row must be stored."""
    forget: bool = False
    """Whether the row must be deleted."""
    duplicate: bool = False
    """The event had been counted before."""
    note: str = ""
    """``skewed`` or ``late``, as `judge_time` says; ``unaudited``: a lift that nobody answers for, it lifts nothing;
    ``unknown_channel``: the event was remembered, and that is all."""


_KNOWN = Applied(changed=False, duplicate=True)


def apply_failed(row: Row, event: DeliveryFailed, policy: Policy, now: int, *, outages: Outages) -> Applied:
    """Apply a failure of a recipient that the provider named; ``outages`` are those of the provider on the channel.

    One failure may be reported twice with one id, as failed and as bounced: it counts once, by the first report, and
    both are evidence.
    """
    at, note = judge_time(event["occurred_at"], event["received_at"], policy.clock)
    two_reports = event["event_id_basis"] == Basis.MESSAGE
    if two_reports and not row.memory.add(f"{event['event_id']}/{event['outcome']}", at, policy.memory):
        return _KNOWN
    is_new = row.memory.add(event["event_id"], at, policy.memory)
    if not is_new and not two_reports:
        return _KNOWN
    if event["channel"] not in _CHANNELS:
        _take_in(row, note, event["received_at"])
        return Applied(duplicate=not is_new, note=_UNKNOWN_CHANNEL)
    _take_in(row, note, None)
    channel, degraded = row.channel(event["channel"]), outages.covers(at)
    cause = note_failure(channel, event, at, policy, is_new=is_new, degraded=degraded)
    if not cause:
        return Applied(duplicate=not is_new, note=note)
    trigger = Trigger(event["tenant"], event["recipient"], cause, at)
    return Applied(tuple(settle(row, event["channel"], trigger, policy, now)), duplicate=not is_new, note=note)


def apply_confirmed(row: Row, event: DeliveryConfirmed, policy: Policy, now: int) -> Applied:
    """Apply good news; what says nothing about the recipient (``accepted``, words to come) leaves the row alone."""
    kind = event["kind"]
    success = kind in _SUCCESSES
    if not success and kind != Confirmation.OPTED_IN:
        return Applied(changed=False)
    at, note = judge_time(event["occurred_at"], event["received_at"], policy.clock)
    if not row.memory.add(event["event_id"], at, policy.memory):
        return _KNOWN
    is_known_channel = event["channel"] in _CHANNELS
    _take_in(row, note, event["received_at"] if success or not is_known_channel else None)
    if not is_known_channel:
        return Applied(note=_UNKNOWN_CHANNEL)
    channel = row.channel(event["channel"])
    add_one(channel.setdefault("confirmed", {}), kind)
    concerned = note_success(channel, at) if success else note_consent(channel, at, event["event_id"])
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
    if not row.memory.add(event["event_id"], at, policy.memory):
        return _KNOWN
    channels = _channels_of(event)
    _take_in(row, note, None if channels else received_at)
    if not channels:
        return Applied(note=_UNKNOWN_CHANNEL)
    by = cut(event["requested_by"], LONGEST_NAME)
    lifts = event["action"] == SuppressionAction.LIFT
    action = SuppressionAction.LIFT if lifts else SuppressionAction.SUPPRESS
    unaudited = lifts and (not by or by.startswith("provider:"))
    outputs: list[Output] = []
    for name in channels:
        channel = row.channel(name)
        add_one(channel.setdefault("requested", {}), action.value)
        if not unaudited:
            cause = note_request(channel, event, at, by)
            trigger = Trigger(event["tenant"], event["recipient"], cause, at, by)
            outputs += settle(row, name, trigger, policy, now)
    return Applied(tuple(outputs), note="unaudited" if unaudited else note)


def expire(row: Row, key: str, policy: Policy, now: int) -> Applied:
    """End the suppressions whose time is over, or tell that the row's own is; ``key`` is the row's key."""
    forget_at = _forget_at(row, policy.memory)
    if forget_at is not None:
        return Applied(changed=False, forget=forget_at <= now)
    tenant, _, recipient = key.partition("/")
    outputs: list[Output] = []
    for name in sorted(row.channels):
        until = _due(row.channels[name])
        if until is not None and until <= now:
            outputs += settle(row, name, Trigger(tenant, recipient, "expiry", until), policy, now)
    return Applied(tuple(outputs), changed=bool(outputs))


def next_due(row: Row, policy: Policy) -> int | None:
    """Return when `expire` has something to do for this row, or None."""
    ends = (until for each in row.channels.values() if (until := _due(each)) is not None)
    return min(ends, default=_forget_at(row, policy.memory))


def _due(channel: Channel) -> int | None:
    """Return the first end among what was announced, a trial's included."""
    ends = [channel[place]["until"] for place in TOPICS if place in channel]
    return min((end for end in ends if end is not None), default=None)


def _forget_at(row: Row, limits: RecipientMemory) -> int | None:
    """Return when a row of good news alone is over: after so many whole days without a receipt."""
    if not row.is_good_news:
        return None
    newest = row.tree.get("heard")
    if newest is None:
        # written before receipts were noted: its newest event is about as old
        newest = max(map(int, row.memory.days), default=None)
    return None if newest is None else (newest + 1 + limits.good_news_days) * DAY


def _take_in(row: Row, note: str, heard_at: int | None) -> None:
    """Count an event; ``heard_at`` is the receipt of one that leaves nothing but good news, None of any other."""
    row.tree["events"] += 1
    if note:
        add_one(row.tree.setdefault("dates", {}), note)
    if heard_at is None:
        row.tree.pop("heard", None)
    elif row.is_good_news:
        row.tree["heard"] = max(row.tree.get("heard", 0), heard_at // DAY)


def _channels_of(event: SuppressionRequested) -> tuple[str, ...]:
    if event["channel"]:
        return (event["channel"],) if event["channel"] in _CHANNELS else ()
    return _EMAIL_ONLY if "@" in event["recipient"] else _PHONE
