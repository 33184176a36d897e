"""Finds the requests that bring a row into another state: each is tried on a copy of the row before it is proposed.

A request is dated by the failures that are judged otherwise, not by now: a newer failure, which nobody knows of yet,
is then newer than the lift as well and counts.
"""

from collections.abc import Iterator
from typing import NamedTuple

from app.domain.policy import Policy
from app.domain.recipients import apply_request
from app.domain.rows import Channel, decode_row
from app.events import Micros, SuppressionRequested
from app.identity import event_id, recipient_key
from app.replay.judgements import Verdict
from app.replay.states import State, state_of
from app.vocabulary import SuppressionAction

_LIFT = (SuppressionAction.LIFT,)
_SUPPRESS = (SuppressionAction.SUPPRESS,)


class Cause(NamedTuple):
    """The newest failure on a channel that is judged otherwise."""

    at: Micros
    event_id: str
    before: Verdict | None
    """None: it was no failure."""
    after: Verdict


class Wish(NamedTuple):
    """The state that a recipient is to have on a channel."""

    tenant: str
    channel: str
    recipient: str
    state: State
    cause: Cause
    mapping_version: str
    requested_by: str


def requests_for(wish: Wish, row: bytes, policy: Policy, now: Micros) -> tuple[SuppressionRequested, ...]:
    """Return the requests after which a row has the state, in their order; empty if none do.

    The gentlest come first. A lift forgets the failures before it, so what else they would have led to is lost with
    them: it is tried at the newest failure that is judged otherwise, and behind all that is in the row only if that
    does not do.
    """
    for requests in _attempts(wish, decode_row(row).channels.get(wish.channel, {})):
        tried = decode_row(row)
        for each in requests:
            apply_request(tried, each, policy, now, received_at=now)
        if state_of(tried, wish.channel, now) == wish.state:
            return requests
    return ()


def _attempts(wish: Wish, channel: Channel) -> Iterator[tuple[SuppressionRequested, ...]]:
    # a lift alone may uncover the very suppression that is wanted
    choices = (_LIFT, _SUPPRESS, _LIFT + _SUPPRESS) if wish.state.is_suppressed else (_LIFT,)
    for at in (wish.cause.at, _newest(channel) + 1):
        for actions in choices:
            yield tuple([_request(wish, action, at) for action in actions])


def _newest(channel: Channel) -> Micros:
    lists = [channel.get("permanent"), channel.get("transient"), channel.get("opt_outs"), channel.get("lifts")]
    facts = [*(each[-1] for each in lists if each), channel.get("request"), channel.get("consent")]
    facts.append(channel.get("last_failure"))
    moments: list[Micros] = [each[0] for each in facts if each]
    return max((*moments, channel.get("last_success", 0)))


def _request(wish: Wish, action: SuppressionAction, at: Micros) -> SuppressionRequested:
    suppresses = action is SuppressionAction.SUPPRESS
    cause, key = wish.cause, recipient_key(wish.tenant, wish.recipient)
    reason = wish.state.reason if suppresses else cause.after.reason
    until = wish.state.until if suppresses else None
    return {
        # the same request comes to the same row once, however often it is written
        "event_id": event_id("replay", wish.mapping_version, key, wish.channel, action, str(at), reason, str(until)),
        "tenant": wish.tenant,
        "channel": wish.channel,
        "recipient": wish.recipient,
        "action": action.value,
        "reason": reason,
        "occurred_at": at,
        "requested_by": wish.requested_by,
        "until": until,
        "note": f"judged anew: {_words(cause.before)} is now {_words(cause.after)}",
        "raw_topic": "",
        "raw_partition": -1,
        "raw_offset": -1,
        "raw_sha256": "",
        "received_at": None,
    }


def _words(verdict: Verdict | None) -> str:
    return "/".join(verdict) if verdict else "no failure"
