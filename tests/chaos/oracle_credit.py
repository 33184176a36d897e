"""What the rows of credit must be: an offline count of a load that knows nothing of the reducers."""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from app.events import CreditRequested
from tests.chaos.webhooks import Entry, Micros

_STALE = 72 * 3_600_000_000


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


def _age(charge: Charge) -> tuple[Micros, str]:
    return charge.at, charge.event_id


class Message:
    """What was reported of one message."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.reservations: list[Reservation] = []
        self.charges: defaultdict[str, list[Charge]] = defaultdict(list)
        self.releases: list[Micros] = []
        self.keeps: list[Micros] = []
        self.newest = 0

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
        self.remembered: set[str] = set()
        self.refused = 0
        self.messages: defaultdict[str, Message] = defaultdict(Message)


class CreditOracle:
    """Counts, one command or report after the other."""

    def __init__(self, currency: str) -> None:
        self._currency = currency
        self.accounts: dict[str, Account] = {}

    def command(self, command: CreditRequested) -> None:
        """Apply a command of billing; those in another currency are refused."""
        account = self._account(command["account"], command["tenant"])
        at, event_id = command["occurred_at"], command["event_id"]
        foreign = command["currency"] != self._currency
        message = account.messages[command["message_id"]] if command["message_id"] and not foreign else None
        if message:
            if not _is_new(account, message, event_id, at):
                return
            message.reservations.append(Reservation(at, event_id, command["amount_micros"], command["currency"]))
        elif event_id not in account.remembered:
            account.remembered.add(event_id)
            account.events += 1
            account.newest = max(account.newest, at)
            account.refused += foreign
            account.granted += 0 if foreign else command["amount_micros"]

    def report(self, name: str, tenant: str, entry: Entry, event_id: str) -> None:
        """Apply what a webhook means."""
        account = self._account(name, tenant)
        message = account.messages[entry.message]
        if not _is_new(account, message, event_id, entry.at):
            return
        if entry.kind == "settle":
            message.charges[entry.currency].append(Charge(entry.at, event_id, entry.amount))
        elif entry.kind == "release":
            message.releases.append(entry.at)
        else:
            message.keeps.append(entry.at)

    def _account(self, name: str, tenant: str) -> Account:
        return self.accounts.setdefault(name, Account(tenant))


def _is_new(account: Account, message: Message, event_id: str, at: Micros) -> bool:
    if event_id in message.seen:
        return False
    message.seen.add(event_id)
    message.newest = max(message.newest, at)
    account.events += 1
    account.newest = max(account.newest, at)
    return True


def account_tree(account: Account, currency: str, now: Micros) -> dict[str, Any]:
    """Return an account's row as the documents of its layout describe it, without the memory of ids."""
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


def message_tree(message: Message, now: Micros) -> dict[str, Any]:
    """Return a message's row; of the ids of its reports only the number."""
    reserve = message.reserve
    charges = {currency: [*min(each, key=_age)] for currency, each in message.charges.items() if each}
    parts = {
        "reserve": list(reserve) if reserve else None,
        "settle": charges,
        "release": min(message.releases, default=None),
        "keep": min(message.keeps, default=None),
        "seen": len(message.seen),
        "newest": message.newest,
        "stale": message.is_stale(now),
    }
    return {name: part for name, part in parts.items() if part}
