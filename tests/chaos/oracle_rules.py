"""When a recipient is suppressed: the written rules and the policy of the load, worked out once more.

This is written from the documents, not from the reducers, and reads no policy file: the numbers are known by heart.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.chaos.webhooks import Micros

DAY = 86_400_000_000
FOREVER = 1 << 62
LONGEST_LIST = 16


class Rule(NamedTuple):
    """After how many failures, and for how long."""

    failures: int
    distinct_days: int
    days: int
    growth: int
    longest: int
    within_days: int = 30

    def end(self, since: Micros, tier: int) -> Micros:
        """Return when the suppression of a tier ends."""
        days: int = min(self.days * self.growth ** (tier - 1), self.longest)
        return since + DAY * days


def rule_for(tenant: str, channel: str, reason: str, *, permanent: bool) -> Rule:
    """Return the built-in policy's rule, or that of the file in :mod:`tests.chaos.product`."""
    if reason == "recipient_unavailable" and channel == "sms":
        return Rule(2, 1, 2, 3, 10)
    if reason == "mailbox_full" and tenant == "acme":
        return Rule(3, 2, 3, 1, 7)
    if not permanent:
        return Rule(5, 3, 7, 1, 7)
    return Rule(1, 1, 90, 2, 720) if channel == "email" else Rule(1, 1, 30, 2, 480)


class Date(NamedTuple):
    """When something happened, as far as that can be believed."""

    at: Micros
    note: str


def dated(claimed: Micros, received_at: Micros) -> Date:
    """Believe a date up to an hour ahead and a year back; call it late from 30 days on."""
    age = received_at - claimed
    if age < -3_600_000_000 or age > 365 * DAY:
        return Date(received_at, "skewed")
    return Date(claimed, "late" if age > 30 * DAY else "")


class Fact(NamedTuple):
    """Something that happened to a recipient on a channel; facts are in the order of moment and id."""

    at: Micros
    event_id: str
    reason: str = ""
    by: str = ""


def retained(facts: Sequence[Fact]) -> list[Fact]:
    """Keep the 16 newest facts and the first of each of the 16 newest days.

    Two reports of one failure may be the same fact: it is kept once.
    """
    ordered = sorted(set(facts))
    first_of: dict[int, Fact] = {}
    for fact in ordered:
        first_of.setdefault(fact.at // DAY, fact)
    firsts = [first_of[day] for day in sorted(first_of)[-LONGEST_LIST:]]
    return sorted({*firsts, *ordered[-LONGEST_LIST:]})


class Standing(NamedTuple):
    """A suppression in force."""

    reason: str
    since: Micros
    until: Micros
    """FOREVER: no end."""
    tier: int
    cause: str
    evidence: tuple[str, ...]
    by: str = ""


class History(NamedTuple):
    """What a row retains of a channel."""

    opt_outs: Sequence[Fact]
    consent: Fact | None
    request: Fact | None
    request_until: Micros | None
    lifts: Sequence[Fact]
    permanent: Sequence[Fact]
    transient: Sequence[Fact]
    last_success: Micros


def standing(history: History, rule: Callable[[str, bool], Rule], now: Micros) -> Standing | None:
    """Return the suppression that ends last, the weightier of equals; ``rule`` takes reason and whether permanent."""
    last_lift = history.lifts[-1].at if history.lifts else -1
    found: list[Standing] = []
    reopened = max(history.consent.at if history.consent else -1, last_lift + 1)
    found += [
        Standing(fact.reason, fact.at, FOREVER, 1, "opt_out", (fact.event_id,), fact.by)
        for fact in history.opt_outs
        if fact.at >= reopened
    ][:1]
    if history.request and last_lift <= history.request.at:
        asked = history.request
        until = FOREVER if history.request_until is None else history.request_until
        found.append(Standing(asked.reason, asked.at, until, 1, "request", (asked.event_id,), asked.by))
    undelivered = [fact for fact in history.transient if fact.at >= history.last_success]
    found += _of_failures(history.permanent, history.lifts, lambda reason: rule(reason, True))
    found += _of_failures(undelivered, history.lifts, lambda reason: rule(reason, False))
    found = [each for each in found if each.until > now]
    return max(found, key=lambda each: each.until, default=None)


def _of_failures(facts: Sequence[Fact], lifts: Sequence[Fact], rule: Callable[[str], Rule]) -> list[Standing]:
    """Walk through failures and lifts in the order of time; a lift comes after the failures of its moment."""
    counted: list[Fact] = []
    running: Standing | None = None
    asked_days = tier = 0
    steps = sorted([(fact.at, 0, fact) for fact in facts] + [(lift.at, 1, lift) for lift in lifts])
    for at, is_lift, fact in steps:
        if is_lift:
            counted, running = [], None
            continue
        counted.append(fact)
        needed = rule(fact.reason)
        evidence = _enough(counted, needed)
        if not evidence:
            continue
        if running is None or running.until <= at:
            tier += 1
            asked_days = needed.days
            running = Standing(fact.reason, at, needed.end(at, tier), tier, "failure", evidence)
        elif needed.days > asked_days:
            asked_days = needed.days
            joined = (*running.evidence, fact.event_id)[-LONGEST_LIST:]
            running = running._replace(reason=fact.reason, until=needed.end(at, tier), evidence=joined)
    return [running] if running else []


def _enough(counted: Sequence[Fact], rule: Rule) -> tuple[str, ...]:
    """Return the failures in the window that ends now, if they are enough; two reports of one failure are one."""
    newest = counted[-1]
    if rule.failures == 1:
        return (newest.event_id,)
    day_of: dict[str, int] = {}
    for fact in counted:
        if fact.at > newest.at - rule.within_days * DAY:
            day_of[fact.event_id] = fact.at // DAY
    enough = len(day_of) >= rule.failures and len(set(day_of.values())) >= rule.distinct_days
    return tuple(day_of)[-LONGEST_LIST:] if enough else ()
