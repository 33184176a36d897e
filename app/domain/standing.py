"""Whether a recipient is suppressed: a function of the facts in the row, the policy and the moment.

`judge` takes all facts. For a tenant in dry run what people want and what failures would do are judged each for
itself, by `judge_wishes` and `judge_failures`.

Events are taken in the order of their time; at the same moment a delivery comes first, then failures, consent,
opt-outs, lifts and requests to suppress, so that in doubt the address stays suppressed. Four kinds of suppression run
side by side, and the one that ends last is in force:

- *opt-out*: from the first one after the newest consent or lift; no end.
- *request*: the newest one that no later lift took back; ends when it says.
- *permanent* and *transient* failures: by the policy's rules. While a suppression of the kind runs, further failures
  change nothing, unless the rule of one asks for more days. A failure after its end is a relapse and adds a tier. A
  lift ends the suppression and forgets the failures before it, but not the tier. Transient failures before a delivery
  are forgotten altogether: that is how a delivery lifts a transient suppression, and no other.
"""

from collections.abc import Callable
from typing import NamedTuple

from app.domain.clock import DAY
from app.domain.policy import Rule
from app.domain.rows import KEPT, Channel, Fact
from app.vocabulary import Permanence, Reason

RuleOf = Callable[[str, str], Rule]
"""From reason and permanence to the rule of one tenant and channel."""

_NEVER = 1 << 63
"""After every moment that a record can name."""


class Standing(NamedTuple):
    """A suppression: everything that its announcement says of it."""

    reason: str
    since: int
    until: int | None
    tier: int
    cause: str
    evidence: list[str]
    """Ids of the events that decided, oldest first."""
    by: str


def judge(channel: Channel, rule_of: RuleOf, now: int) -> Standing | None:
    """Return the suppression in force on a channel, or None where the recipient may be messaged."""
    # the wishes first: max keeps the first of equals, so that the order here is the order of weight
    return _longest([*_wishes(channel, rule_of), *_failures(channel, rule_of)], now)


def judge_wishes(channel: Channel, rule_of: RuleOf, now: int) -> Standing | None:
    """Return the suppression in force by opt-outs and requests alone."""
    return _longest(_wishes(channel, rule_of), now)


def judge_failures(channel: Channel, rule_of: RuleOf, now: int) -> Standing | None:
    """Return the suppression in force by failures alone."""
    return _longest(_failures(channel, rule_of), now)


def _longest(found: list[Standing | None], now: int) -> Standing | None:
    running = [each for each in found if each is not None and _end(each) > now]
    return max(running, key=_end) if running else None


def _wishes(channel: Channel, rule_of: RuleOf) -> list[Standing | None]:
    lifts = channel.get("lifts", [])
    found: list[Standing | None] = []
    if "opt_outs" in channel:
        found.append(_opted_out(channel, lifts, rule_of))
    if "request" in channel:
        found.append(_requested(channel["request"], lifts))
    return found


def _failures(channel: Channel, rule_of: RuleOf) -> list[Standing | None]:
    lifts = channel.get("lifts", [])
    found: list[Standing | None] = []
    if "permanent" in channel:
        found.append(_failed(channel["permanent"], lifts, Permanence.PERMANENT, rule_of))
    if "transient" in channel:
        success = channel.get("last_success", 0)
        undelivered = [fact for fact in channel["transient"] if fact[0] >= success]
        found.append(_failed(undelivered, lifts, Permanence.TRANSIENT, rule_of))
    return found


def _end(standing: Standing) -> int:
    return _NEVER if standing.until is None else standing.until


def _opted_out(channel: Channel, lifts: list[Fact], rule_of: RuleOf) -> Standing | None:
    if not rule_of(Reason.RECIPIENT_OPTED_OUT, Permanence.PERMANENT).suppress:
        return None
    consent = channel["consent"][0] if "consent" in channel else -1
    lift = lifts[-1][0] if lifts else -1
    for at, event_id, reason, by in channel["opt_outs"]:
        if at >= consent and at > lift:
            return Standing(reason, at, None, 1, "opt_out", [event_id], by)
    return None


def _requested(request: Fact, lifts: list[Fact]) -> Standing | None:
    at, event_id, reason, by, until = request
    if lifts and lifts[-1][0] > at:
        return None
    return Standing(reason, at, until, 1, "request", [event_id], by)


def _failed(facts: list[Fact], lifts: list[Fact], permanence: Permanence, rule_of: RuleOf) -> Standing | None:
    running: Standing | None = None
    days: int | None = 0
    tier = 0
    counted: list[Fact] = []
    for fact in facts:
        at, event_id, reason = fact
        if lifts and counted and _lifted_between(counted[-1][0], at, lifts):
            counted, running = [], None
        rule = rule_of(reason, permanence)
        if not rule.suppress:
            continue
        counted.append(fact)
        if running is None or _end(running) <= at:
            if evidence := _crossing(counted, rule):
                tier, days = tier + 1, rule.days
                running = Standing(reason, at, rule.until(at, tier), tier, "failure", evidence, "")
        elif _is_longer(rule.days, days) and _crossing(counted, rule):
            days = rule.days
            evidence = [*running.evidence, event_id][-KEPT:]
            running = running._replace(reason=reason, until=rule.until(at, tier), evidence=evidence)
    if running and lifts and lifts[-1][0] >= counted[-1][0]:
        return None
    return running


def _lifted_between(failure: int, next_failure: int, lifts: list[Fact]) -> bool:
    # a lift at the moment of a failure comes after it
    return any(failure <= lift[0] < next_failure for lift in lifts)


def _crossing(counted: list[Fact], rule: Rule) -> list[str]:
    """Return the ids in the window that ends with the newest fact, if they are enough for the rule."""
    if rule.failures == 1 and rule.distinct_days == 1:
        return [counted[-1][1]]
    # cheap before dear: most failures are too few, or all of one day
    newest, oldest = counted[-1][0], counted[0][0]
    if len(counted) < rule.failures or newest // DAY - oldest // DAY + 1 < rule.distinct_days:
        return []
    start = newest - rule.within
    # by id: of one failure there may be two reports
    window = {fact[1]: fact[0] // DAY for fact in counted if fact[0] > start}
    if len(window) < rule.failures or len(set(window.values())) < rule.distinct_days:
        return []
    return list(window)[-KEPT:]


def _is_longer(days: int | None, than: int | None) -> bool:
    return than is not None and (days is None or days > than)
