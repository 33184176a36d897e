"""What an event leaves in a channel of a recipient's row: counts, and the facts that suppressions follow from."""

from typing import Literal

from app.domain.clock import DAY
from app.domain.policy import Policy
from app.domain.rows import (
    LONGEST_REASON,
    LONGEST_WORD,
    Channel,
    add_one,
    cut,
    drop_days_before,
    keep_fact,
    kept_id,
    newer,
)
from app.events import DeliveryFailed, SuppressionRequested
from app.vocabulary import Attribution, Confidence, Permanence, Reason, SuppressionAction

_Facts = Literal["permanent", "transient", "opt_outs"]

_ATTRIBUTIONS = frozenset(Attribution)
_REASONS = frozenset(Reason)
_OTHER = "other"
_LISTS: dict[str, _Facts] = {Permanence.PERMANENT: "permanent", Permanence.TRANSIENT: "transient"}


def note_failure(
    channel: Channel, event: DeliveryFailed, at: int, policy: Policy, *, is_new: bool, degraded: bool
) -> str:
    """Note a failure, and count it if it is new; return what to call it, nothing if it never suppresses."""
    reason = cut(event["reason"], LONGEST_WORD)
    if is_new:
        counts = channel.setdefault("failed", {}).setdefault(_listed(event["attribution"], _ATTRIBUTIONS), {})
        add_one(counts, _listed(reason, _REASONS))
    channel["last_failure"] = newer([at, reason], channel.get("last_failure"))
    facts = _facts_of(event, channel, policy, degraded=degraded)
    if facts is None or (facts == "transient" and at // DAY < channel.get("last_success", 0) // DAY):
        return ""
    fact = [at, kept_id(event["event_id"]), reason]
    keep_fact(channel.setdefault(facts, []), [*fact, ""] if facts == "opt_outs" else fact)
    return "opt_out" if facts == "opt_outs" else "failure"


def note_success(channel: Channel, at: int) -> bool:
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


def note_consent(channel: Channel, at: int, event: str) -> bool:
    """Note an opt-in; tell whether it is the newest."""
    consent, known = [at, kept_id(event)], channel.get("consent")
    channel["consent"] = newer(consent, known)
    return channel["consent"] is not known


def note_request(channel: Channel, event: SuppressionRequested, at: int, by: str) -> str:
    """Note what somebody asks for; return what to call it."""
    name = kept_id(event["event_id"])
    if event["action"] == SuppressionAction.LIFT:
        keep_fact(channel.setdefault("lifts", []), [at, name, by])
        return "request"
    fact = [at, name, cut(event["reason"], LONGEST_REASON), by]
    if event["reason"] == Reason.RECIPIENT_OPTED_OUT:
        keep_fact(channel.setdefault("opt_outs", []), fact)
        return "opt_out"
    channel["request"] = newer([*fact, event["until"]], channel.get("request"))
    return "request"


def _listed(word: str, words: frozenset[str]) -> str:
    """Return a word to count by: those of the vocabulary are few, others anybody can make up."""
    return word if word in words else _OTHER


def _facts_of(event: DeliveryFailed, channel: Channel, policy: Policy, *, degraded: bool) -> _Facts | None:
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
