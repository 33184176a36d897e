"""What the recipients' rows must be: an offline count of a load that knows nothing of the reducers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from app.events import SuppressionRequested
from tests.chaos.oracle_rules import FOREVER, Date, Fact, History, Standing, dated, retained, rule_for, standing
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


class RecipientOracle:
    """Counts, one event after the other; copies of an event must come in the order in which they were stored."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._ids = ids
        """The product's event ids, by identity: what they are is its own affair, as long as they tell events apart."""
        self.rows: defaultdict[tuple[str, str], Recipient] = defaultdict(Recipient)
        self.stats: Counter[StatsKey] = Counter()

    def fail(self, webhook: Webhook, failed: Failed) -> None:
        """Count a failure; of one with two reports the first one counts, and both are evidence."""
        date = dated(failed.at, webhook.received_at)
        first = True
        if failed.recipient:
            row = self.rows[webhook.tenant, failed.recipient]
            first = failed.identity not in row.seen
            report = f"{failed.identity}/{failed.outcome}" if failed.twofold else failed.identity
            if not row.is_new(report, date):
                return
            row.seen.add(failed.identity)
            self._note_failure(row.sides[failed.channel], failed, date.at, first=first)
        if first:
            self._count(webhook, failed.channel, ("failed", failed.reason, failed.attribution), date.at)

    def _note_failure(self, side: Side, failed: Failed, at: Micros, *, first: bool) -> None:
        if first:
            side.failed[failed.attribution, failed.reason] += 1
        side.last_failure = max(side.last_failure or (0, ""), (at, failed.reason))
        if failed.attribution != "RECIPIENT" or failed.reason == "recipient_suppressed":
            return
        fact = Fact(at, self._ids.get(failed.identity, "?"), failed.reason)
        if failed.reason == "recipient_opted_out":
            side.opt_outs.append(fact)
        else:
            side.failures[failed.permanence].append(fact)

    def confirm(self, webhook: Webhook, confirmed: Confirmed) -> None:
        """Count good news; that a message was accepted says nothing of its recipient."""
        date = dated(confirmed.at, webhook.received_at)
        if confirmed.recipient and confirmed.kind != "accepted":
            row = self.rows[webhook.tenant, confirmed.recipient]
            if not row.is_new(confirmed.identity, date):
                return
            side = row.sides[confirmed.channel]
            side.confirmed[confirmed.kind] += 1
            if confirmed.kind == "opted_in":
                side.consents.append(Fact(date.at, self._ids.get(confirmed.identity, "?")))
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
            side.opt_outs.append(Fact(date.at, self._ids.get(stop.identity, "?"), "recipient_opted_out", stop.by))

    def ask(self, request: SuppressionRequested) -> None:
        """Count what somebody asked for; a lift is answered for by a person or a system, never by a provider."""
        row = self.rows[request["tenant"], request["recipient"]]
        if not row.is_new(request["event_id"], Date(request["occurred_at"], "")):
            return
        channels = [request["channel"]] if request["channel"] else ["sms", "whatsapp"]
        for channel in channels:
            side = row.sides[channel]
            side.requested[request["action"]] += 1
            fact = Fact(request["occurred_at"], request["event_id"], request["reason"], request["requested_by"])
            if request["action"] == "lift":
                side.lifts += [] if fact.by.startswith("provider:") else [fact._replace(reason="")]
            elif fact.reason == "recipient_opted_out":
                side.opt_outs.append(fact)
            else:
                side.requests[fact] = request["until"]

    def suppressions(self, now: Micros) -> Iterator[tuple[str, str, str, Standing]]:
        """Return tenant, recipient, channel and suppression of everybody who is suppressed."""
        for (tenant, recipient), row in self.rows.items():
            for channel, side in row.sides.items():
                if found := standing_of(tenant, channel, side, now):
                    yield tenant, recipient, channel, found

    def _count(self, webhook: Webhook, channel: str, what: tuple[str, str, str], at: Micros) -> None:
        self.stats[StatsKey(webhook.tenant, webhook.provider, channel, *what, at - at % MINUTE)] += 1


def standing_of(tenant: str, channel: str, side: Side, now: Micros) -> Standing | None:
    """Return the suppression in force."""
    return standing(
        side.history(), lambda reason, permanent: rule_for(tenant, channel, reason, permanent=permanent), now
    )


def row_tree(tenant: str, row: Recipient, now: Micros) -> dict[str, Any]:
    """Return a row as the documents of its layout describe it, without the memory of ids."""
    tree: dict[str, Any] = {"events": row.events, "channels": {}}
    if row.dates:
        tree["dates"] = dict(row.dates)
    for channel, side in row.sides.items():
        tree["channels"][channel] = _side_tree(side, standing_of(tenant, channel, side, now), dry_run=tenant == TRIAL)
    return tree


def _side_tree(side: Side, suppressed: Standing | None, *, dry_run: bool) -> dict[str, Any]:
    history = side.history()
    failed: dict[str, dict[str, int]] = {}
    for (attribution, reason), count in side.failed.items():
        failed.setdefault(attribution, {})[reason] = count
    request = history.request
    parts = {
        "failed": failed,
        "confirmed": dict(side.confirmed),
        "requested": dict(side.requested),
        "last_failure": list(side.last_failure or ()),
        "last_success": side.last_success,
        "permanent": [list(fact[:3]) for fact in history.permanent],
        "transient": [list(fact[:3]) for fact in history.transient],
        "opt_outs": [list(fact) for fact in history.opt_outs],
        "consent": list(history.consent[:2]) if history.consent else None,
        "request": [*request, history.request_until] if request else None,
        "lifts": [[fact.at, fact.event_id, fact.by] for fact in history.lifts],
        "suppression": _suppression_tree(suppressed, dry_run=dry_run) if suppressed else None,
    }
    return {name: part for name, part in parts.items() if part}


def _suppression_tree(suppressed: Standing, *, dry_run: bool) -> dict[str, Any]:
    return {
        "reason": suppressed.reason,
        "since": suppressed.since,
        "until": None if suppressed.until == FOREVER else suppressed.until,
        "tier": suppressed.tier,
        "cause": suppressed.cause,
        "evidence": list(suppressed.evidence),
        "by": suppressed.by,
        "dry": dry_run and suppressed.cause == "failure",
    }


def newest_minutes(stats: Iterable[tuple[StatsKey, int]]) -> dict[str, dict[str, dict[str, int]]]:
    """Return failures by attribution, and deliveries, of the last half hour of each provider on a channel."""
    by_route: defaultdict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for key, count in stats:
        what = key.attribution if key.outcome == "failed" else key.outcome
        if key.outcome in {"failed", "delivered"}:
            by_route[f"{key.tenant}/{key.provider}/{key.channel}"].append((key.minute // MINUTE, what, count))
    windows: dict[str, dict[str, dict[str, int]]] = {}
    for route, counts in by_route.items():
        newest = max(minute for minute, _, _ in counts)
        window = windows[route] = {}
        for minute, what, count in counts:
            if minute > newest - 30:
                place = window.setdefault(str(minute), {})
                place[what] = place.get(what, 0) + count
    return windows
