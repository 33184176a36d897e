"""What the rows of credit must be: an offline count of a load that knows nothing of the reducers."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from app.events import CreditRequested
from tests.chaos.oracle_memory import remembered
from tests.chaos.oracle_rules import DAY, dated
from tests.chaos.webhooks import Entry, Micros, Webhook

_HOUR = 3_600_000_000
_STALE = 72 * _HOUR
_AHEAD = _HOUR
"""How far ahead of its receipt a clock is believed."""


class Charge(NamedTuple):
    """A charge; None: the whole reservation."""

    at: Micros
    event_id: str
    amount: int | None


class Reservation(NamedTuple):
    """A reservation."""

    at: Micros
    event_id: str
    amount: int
    currency: str


def _age(charge: Charge) -> tuple[Micros, str, int]:
    return charge.at, charge.event_id, -1 if charge.amount is None else charge.amount


class Message:
    """What was reported of one message; copies are in the lists as well, for their dates may differ."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.reservations: list[Reservation] = []
        self.charges: defaultdict[str, list[Charge]] = defaultdict(list)
        self.releases: list[Micros] = []
        self.keeps: list[Micros] = []
        self.newest = 0
        """When it was heard of last."""

    @property
    def reserve(self) -> Reservation | None:
        """The reservation that counts: the earliest."""
        return min(self.reservations, default=None)

    def money(self) -> tuple[int, int]:
        """Return what is held for it and what was spent on it.

        A charge wins over everything, then a bounce, which leaves the reserved credit consumed, then a failure; without
        a reservation nothing moves.
        """
        reserve = self.reserve
        if reserve is None:
            return 0, 0
        charges = [*self.charges[reserve.currency], *self.charges[""]]
        if charges:
            amount = min(charges, key=_age).amount
            return 0, reserve.amount if amount is None else amount
        if self.keeps:
            return 0, reserve.amount
        return (0, 0) if self.releases else (reserve.amount, 0)

    def is_stale(self, now: Micros) -> bool:
        """Whether its reservation has been open for too long."""
        return self.money()[0] > 0 and self.reserve is not None and self.reserve.at + _STALE <= now

    def is_forgotten(self, now: Micros, forget_days: int) -> bool:
        """Whether nothing is held for it and nothing was heard of it for so long, and a day."""
        return self.money()[0] == 0 and self.newest + (forget_days + 1) * DAY <= now

    def oddities(self, now: Micros) -> set[str]:
        """Return what is out of the ordinary about it."""
        kinds = [bool(self.reservations), any(self.charges.values()), bool(self.releases), bool(self.keeps)]
        reserve = self.reserve
        foreign = {currency for currency, charges in self.charges.items() if currency and charges}
        found = {
            "unreserved": any(kinds) and reserve is None,
            "contradicted": kinds[2] and (kinds[1] or kinds[3]),
            "repeated": len(self.seen) > sum(kinds),
            "foreign_currency": reserve is not None and bool(foreign - {reserve.currency}),
            "stale": self.is_stale(now),
        }
        return {name for name, holds in found.items() if holds}


class Account:
    """An account, and its messages by id."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.granted = 0
        self.events = 0
        self.newest = 0
        self.remembered: defaultdict[str, list[Micros]] = defaultdict(list)
        """When grants, adjustments and refused commands were received, copies as well, by id."""
        self.undated: defaultdict[str, list[Micros]] = defaultdict(list)
        """Likewise, reservations whose clock nobody can believe."""
        self.refused = 0
        self.messages: defaultdict[str, Message] = defaultdict(Message)


class CreditOracle:
    """Counts, one command or report after the other, in any order."""

    def __init__(self, currency: str, forget_days: int) -> None:
        self._currency = currency
        self.forget_days = forget_days
        self.accounts: dict[str, Account] = {}

    def command(self, command: CreditRequested, received_at: Micros) -> None:
        """Apply a command of billing; those in another currency and reservations that are too old are refused."""
        account = self._account(command["account"], command["tenant"], received_at)
        at, note = dated(command["occurred_at"], received_at)
        event_id, amount = command["event_id"], command["amount_micros"]
        too_old = bool(command["message_id"]) and received_at - at >= self.forget_days * DAY
        refused = too_old or command["currency"] != self._currency
        if not refused and command["message_id"]:
            if note == "skewed":
                account.undated[event_id].append(received_at)
            message = _heard(account, command["message_id"], event_id, received_at)
            message.reservations.append(Reservation(at, event_id, amount, command["currency"]))
            return
        if event_id not in account.remembered:
            account.events += 1
            account.refused += refused
            account.granted += 0 if refused else amount
        account.remembered[event_id].append(received_at)

    def report(self, webhook: Webhook, entry: Entry, event_id: str) -> None:
        """Apply what a webhook means."""
        account = self._account(webhook.credit_account, webhook.tenant, webhook.received_at)
        message = _heard(account, entry.message, event_id, webhook.received_at)
        at = dated(entry.at, webhook.received_at).at
        if entry.kind == "settle":
            message.charges[entry.currency].append(Charge(at, event_id, entry.amount))
        elif entry.kind == "release":
            message.releases.append(at)
        else:
            message.keeps.append(at)

    def _account(self, name: str, tenant: str, received_at: Micros) -> Account:
        account = self.accounts.setdefault(name, Account(tenant))
        account.newest = max(account.newest, received_at)
        return account


def _heard(account: Account, message_id: str, event_id: str, received_at: Micros) -> Message:
    message = account.messages[message_id]
    account.events += event_id not in message.seen
    message.seen.add(event_id)
    message.newest = max(message.newest, received_at)
    return message


def account_tree(account: Account, currency: str, now: Micros) -> dict[str, Any]:
    """Return an account's row as its layout is documented, without the ids and without what was forgotten."""
    money = [message.money() for message in account.messages.values()]
    reserved, spent = sum(held for held, _ in money), sum(cost for _, cost in money)
    counts = Counter(oddity for message in account.messages.values() for oddity in message.oddities(now))
    if account.refused:
        counts["refused"] = account.refused
    tree: dict[str, Any] = {
        "tenant": account.tenant,
        "currency": currency,
        "granted": account.granted,
        "available": account.granted - reserved - spent,
        "reserved": reserved,
        "spent": spent,
        "events": account.events,
        "newest": account.newest,
    }
    return {**tree, "counts": dict(counts)} if counts else tree


def forgotten_tree(account: Account, now: Micros, forget_days: int) -> dict[str, Any]:
    """Return the part of an account's row that tells up to where its forgotten reservations may reach."""
    gone = [each.newest for each in account.messages.values() if each.reserve and each.is_forgotten(now, forget_days)]
    return {"forgotten": max(gone) + _AHEAD} if gone else {}


def message_tree(message: Message, now: Micros) -> dict[str, Any]:
    """Return a message's row; no message of the load has more reports than a row remembers."""
    reserve = message.reserve
    charges = {currency: [*min(each, key=_age)] for currency, each in message.charges.items() if each}
    parts = {
        "reserve": list(reserve) if reserve else None,
        "settle": charges,
        "release": min(message.releases, default=None),
        "keep": min(message.keeps, default=None),
        "seen": "".join(remembered(dict.fromkeys(message.seen, 0)).values()),
        "newest": message.newest,
        "stale": message.is_stale(now),
    }
    return {name: part for name, part in parts.items() if part}
