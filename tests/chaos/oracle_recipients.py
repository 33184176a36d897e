"""What the recipients' rows must be: an offline count of a load that knows nothing of the reducers."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.events import SuppressionRequested
from tests.chaos.oracle_memory import kept_id
from tests.chaos.oracle_rules import Date, Fact, History, Rule, Standing, dated, retained, rule_for, standing
from tests.chaos.webhooks import Confirmed, Failed, Micros, OptedOut, Webhook

MINUTE = 60_000_000
TRIAL = "trial"


class StatsKey(NamedTuple):
    """What ``delivery.stats`` counts by."""

    tenant: str
    provider: str
    channel: str
    outcome: str
    reason: str
    attribution: str
    minute: Micros


class Side:
    """A recipient on one channel."""

    def __init__(self) -> None:
        self.failed: Counter[tuple[str, str]] = Counter()
        self.confirmed: Counter[str] = Counter()
        self.requested: Counter[str] = Counter()
        self.last_failure: tuple[Micros, str] | None = None
        self.last_success: Micros | None = None
        self.failures: dict[str, list[Fact]] = {"PERMANENT": [], "TRANSIENT": []}
        self.opt_outs: list[Fact] = []
        self.consents: list[Fact] = []
        self.requests: dict[Fact, Micros | None] = {}
        self.lifts: list[Fact] = []

    def history(self) -> History:
        """Return what a row retains."""
        success = -1 if self.last_success is None else self.last_success
        day = success - success % 86_400_000_000
        request = max(self.requests, default=None)
        return History(
            retained(self.opt_outs),
            max(self.consents, default=None),
            request,
            self.requests[request] if request else None,
            retained(self.lifts),
            retained(self.failures["PERMANENT"]),
            retained([fact for fact in self.failures["TRANSIENT"] if fact.at >= day]),
            success,
        )


class Recipient:
    """Everything that is known of an address."""

    def __init__(self) -> None:
        self.events = 0
        self.seen: set[str] = set()
        self.ids: dict[str, Micros] = {}
        """What the product calls them, and when they happened."""
        self.heard: Micros = 0
        """Newest receipt of good news."""
        self.dates: Counter[str] = Counter()
        self.sides: defaultdict[str, Side] = defaultdict(Side)

    def is_new(self, identity: str, date: Date) -> bool:
        """Take in an event once."""
        if identity in self.seen:
            return False
        self.seen.add(identity)
        self.events += 1
        if date.note:
            self.dates[date.note] += 1
        return True


class Judged(NamedTuple):
    """How a recipient stands on a channel."""

    real: Standing | None
    trial: Standing | None
    """What failures would have done, for the tenant in dry run."""


def judged(tenant: str, channel: str, side: Side, now: Micros) -> Judged:
    """Return the suppression in force; failures of the tenant in dry run put none in force."""

    def rule(reason: str, permanent: bool) -> Rule:  # noqa: FBT001 - as the rules call it
        return rule_for(tenant, channel, reason, permanent=permanent)

    history = side.history()
    if tenant != TRIAL:
        return Judged(standing(history, rule, now), None)
    wishes = history._replace(permanent=(), transient=())
    failures = history._replace(opt_outs=(), request=None)
    return Judged(standing(wishes, rule, now), standing(failures, rule, now))


class RecipientOracle:
    """Counts, one event after the other; copies of an event must come in the order in which they were stored."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._ids = ids
        """The product's event ids, by identity: what they are is its own affair, as long as they tell events apart."""
        self.rows: defaultdict[tuple[str, str], Recipient] = defaultdict(Recipient)
        self.unaddressed: dict[tuple[str, str], Micros] = {}
        """When reports without a recipient happened, by tenant and the product's event id."""
        self.stats: Counter[StatsKey] = Counter()

    def fail(self, webhook: Webhook, failed: Failed) -> None:
        """Count a failure; of one with two reports the first one counts, and both are evidence."""
        date = dated(failed.at, webhook.received_at)
        if failed.recipient:
            first = self._note_report(self.rows[webhook.tenant, failed.recipient], failed, date)
        else:
            first = self._is_first(webhook, failed.identity, date.at)
        if first:
            self._count(webhook, failed.channel, ("failed", failed.reason, failed.attribution), date.at)

    def _is_first(self, webhook: Webhook, identity: str, at: Micros) -> bool:
        """Take in a report that names no recipient, once."""
        event = webhook.tenant, self._id(identity)
        if event in self.unaddressed:
            return False
        self.unaddressed[event] = at
        return True

    def _note_report(self, row: Recipient, failed: Failed, date: Date) -> bool:
        """Take in a report; tell whether its failure is news."""
        first = failed.identity not in row.seen
        report = f"/{failed.outcome}" if failed.twofold else ""
        if not row.is_new(f"{failed.identity}{report}", date):
            return False
        row.seen.add(failed.identity)
        event_id = self._id(failed.identity)
        row.ids.setdefault(event_id, date.at)
        row.ids.setdefault(f"{event_id}{report}", date.at)
        self._note_failure(row.sides[failed.channel], failed, date.at, first=first)
        return first

    def _id(self, identity: str) -> str:
        return self._ids.get(identity, "?")

    def _note_failure(self, side: Side, failed: Failed, at: Micros, *, first: bool) -> None:
        if first:
            side.failed[failed.attribution, failed.reason] += 1
        side.last_failure = max(side.last_failure or (0, ""), (at, failed.reason))
        if failed.attribution != "RECIPIENT" or failed.reason == "recipient_suppressed":
            return
        fact = Fact(at, self._id(failed.identity), failed.reason)
        if failed.reason == "recipient_opted_out":
            side.opt_outs.append(fact)
        else:
            side.failures[failed.permanence].append(fact)

    def confirm(self, webhook: Webhook, confirmed: Confirmed) -> None:
        """Count good news; that a message was accepted says nothing of its recipient and counts nowhere."""
        if confirmed.kind == "accepted":
            return
        date = dated(confirmed.at, webhook.received_at)
        if not confirmed.recipient:
            if not self._is_first(webhook, confirmed.identity, date.at):
                return
        else:
            row = self.rows[webhook.tenant, confirmed.recipient]
            if not row.is_new(confirmed.identity, date):
                return
            event_id = self._id(confirmed.identity)
            row.ids[event_id] = date.at
            row.heard = max(row.heard, webhook.received_at)
            side = row.sides[confirmed.channel]
            side.confirmed[confirmed.kind] += 1
            if confirmed.kind == "opted_in":
                side.consents.append(Fact(date.at, event_id))
            else:
                side.last_success = max(side.last_success or 0, date.at)
        self._count(webhook, confirmed.channel, (confirmed.kind, "", "UNKNOWN"), date.at)

    def opt_out(self, webhook: Webhook, stop: OptedOut) -> None:
        """Count a STOP, which is a request of its provider."""
        row = self.rows[webhook.tenant, stop.recipient]
        date = dated(stop.at, webhook.received_at)
        if row.is_new(stop.identity, date):
            side = row.sides[stop.channel]
            side.requested["suppress"] += 1
            event_id = self._id(stop.identity)
            row.ids[event_id] = date.at
            side.opt_outs.append(Fact(date.at, event_id, "recipient_opted_out", stop.by))

    def ask(self, request: SuppressionRequested) -> None:
        """Count what somebody asked for; a lift is answered for by a person or a system, never by a provider."""
        row = self.rows[request["tenant"], request["recipient"]]
        if not row.is_new(request["event_id"], Date(request["occurred_at"], "")):
            return
        row.ids[request["event_id"]] = request["occurred_at"]
        channels = [request["channel"]] if request["channel"] else ["sms", "whatsapp"]
        for channel in channels:
            side = row.sides[channel]
            side.requested[request["action"]] += 1
            name = kept_id(request["event_id"])
            fact = Fact(request["occurred_at"], name, request["reason"], request["requested_by"])
            if request["action"] == "lift":
                side.lifts += [] if fact.by.startswith("provider:") else [fact._replace(reason="")]
            elif fact.reason == "recipient_opted_out":
                side.opt_outs.append(fact)
            else:
                side.requests[fact] = request["until"]

    def judgements(self, now: Micros) -> Iterator[tuple[str, Judged]]:
        """Return how each recipient stands on each channel, by the key of its announcements."""
        for (tenant, recipient), row in self.rows.items():
            for channel, side in row.sides.items():
                yield f"{tenant}/{recipient}/{channel}", judged(tenant, channel, side, now)

    def _count(self, webhook: Webhook, channel: str, what: tuple[str, str, str], at: Micros) -> None:
        self.stats[StatsKey(webhook.tenant, webhook.provider, channel, *what, at - at % MINUTE)] += 1
