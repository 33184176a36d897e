"""The rows of credit: one for an account, one for each of its messages.

Both are JSON with sorted keys; empty parts are left out. In every account row ever written
``available + reserved + spent = granted`` and ``reserved >= 0``, in millionths of the currency's unit.

A message row keeps what was reported, and `position` says what that means for the money, so that the order of reports
does not matter. A charge wins over everything; a bounce (kept) wins over a failure (released); of several reservations
or charges the earliest counts, and of copies that differ the earliest too. Without a reservation no report moves money.

An account row is about 0.3 kB and 10 bytes for each remembered id (by default 8,192 at most of either sort); a message
row is below 1 kB, usually 0.2 kB.
"""

from typing import Any, NamedTuple, TypedDict

import orjson

from app.domain.memory import Memory, fingerprint
from app.json_bytes import dumps

_MOST_REPORTS = 32
_MOST_CURRENCIES = 4
_MARK = len(fingerprint(""))


class Message(TypedDict, total=False):
    """What was reported of one message."""

    reserve: list[Any]
    """The earliest reservation: moment, id, amount, currency."""
    settle: dict[str, list[Any]]
    """The earliest charge by currency (empty: not given): moment, id, amount; null: the whole reservation."""
    release: int
    """First moment at which it was reported as failed before it was charged."""
    keep: int
    """First moment at which it was reported as bounced after acceptance."""
    seen: str
    """Fingerprints of the reports, ten characters each, sorted; at most 32, the smallest."""
    newest: int
    """Newest receipt of a record about it, copies included."""
    stale: bool
    """That nothing has settled or released it for long was reported; dropped as soon as something does."""


class AccountTree(TypedDict, total=False):
    """What is stored of an account."""

    tenant: str
    currency: str
    """Of its first command; others are refused. Empty: only webhooks so far."""
    granted: int
    available: int
    reserved: int
    spent: int
    events: int
    """How many distinct commands and reports were applied: the sequence of ``credit.changed``."""
    newest: int
    """Newest receipt of a command or report, copies included."""
    forgotten: int
    """No reservation in a message row that was dropped is newer; reservations up to it are refused."""
    counts: dict[str, int]
    """Messages and commands out of the ordinary, see `oddities`."""
    memory: dict[str, str]
    """Ids of grants, adjustments and refused records by day of receipt, see :mod:`app.domain.memory`."""
    undated: dict[str, str]
    """Likewise, ids of reservations whose clock was not believed."""
    frozen: bool
    """The invariant was found broken: nothing is applied until somebody repairs the row."""


class Account:
    """A decoded account row; the reducers change it in place."""

    __slots__ = ("memory", "tree", "undated")

    def __init__(self, tree: AccountTree) -> None:
        self.tree = tree
        self.memory = Memory(tree.setdefault("memory", {}))
        self.undated = Memory(tree.get("undated", {}))

    @property
    def is_sound(self) -> bool:
        """Whether the invariant holds."""
        tree = self.tree
        return tree["reserved"] >= 0 and tree["available"] + tree["reserved"] + tree["spent"] == tree["granted"]


class Position(NamedTuple):
    """What a message does to its account."""

    reserved: int
    spent: int


_NOTHING = Position(0, 0)


def position(message: Message) -> Position:
    """Return what a message holds or has cost."""
    reserve = message.get("reserve")
    if reserve is None:
        return _NOTHING
    charge = charge_of(message)
    if charge is not None:
        return Position(0, reserve[2] if charge[2] is None else charge[2])
    if "keep" in message:
        # it bounced, so it had been accepted, and what is accepted is charged: the report of the charge may be lost
        return Position(0, reserve[2])
    if "release" in message:
        return _NOTHING
    return Position(reserve[2], 0)


def charge_of(message: Message) -> list[Any] | None:
    """Return the charge that counts: the earliest in the reservation's currency."""
    charges = message.get("settle")
    if charges is None:
        return None
    charge = charges.get(message["reserve"][3]) if "reserve" in message else None
    unnamed = charges.get("")
    if charge is None or unnamed is None:
        return unnamed if charge is None else charge
    return min(charge, unnamed, key=_age)


def oddities(message: Message) -> set[str]:
    """Return what is out of the ordinary about a message; its account counts them.

    ``unreserved``: reported without a reservation. ``contradicted``: failed, yet billed or bounced. ``repeated``: more
    than one report of a kind. ``foreign_currency``: charged in a currency that was not reserved. ``stale``: open for
    long and reported as such.
    """
    found = set()
    reports = ("reserve" in message) + ("settle" in message) + ("release" in message) + ("keep" in message)
    if "reserve" not in message:
        if reports:
            found.add("unreserved")
    elif message.get("settle", {}).keys() - {message["reserve"][3], ""}:
        found.add("foreign_currency")
    if "release" in message and ("settle" in message or "keep" in message):
        found.add("contradicted")
    if len(message.get("seen", "")) > _MARK * reports:
        found.add("repeated")
    if "stale" in message:
        found.add("stale")
    return found


def knows_report(message: Message, event_id: str) -> bool:
    """Tell whether a message's row remembers a report."""
    return "seen" in message and fingerprint(event_id) in _marks(message)


def note_report(message: Message, event_id: str) -> bool:
    """Remember a report of a message; False: it was known, or is beyond those that are remembered."""
    known = _marks(message)
    mark = fingerprint(event_id)
    kept = sorted({*known, mark})[:_MOST_REPORTS]
    message["seen"] = "".join(kept)
    return mark in kept and mark not in known


def note_receipt(row: Message | AccountTree, received_at: int) -> bool:
    """Keep the newest receipt in a row; False: there was a newer one."""
    if received_at <= row.get("newest", received_at - 1):
        return False
    row["newest"] = received_at
    return True


def note_charge(message: Message, currency: str, charge: list[Any]) -> None:
    """Keep the earliest charge of each currency; what is in a fifth currency is not kept."""
    charges = message.get("settle", {})
    if currency in charges or len(charges) < _MOST_CURRENCIES:
        message["settle"] = {**charges, currency: min(charge, charges.get(currency, charge), key=_age)}


def note_reservation(message: Message, reservation: list[Any]) -> None:
    """Keep the earliest reservation."""
    message["reserve"] = min(reservation, message.get("reserve", reservation))


def _age(charge: list[Any]) -> tuple[int, str, int]:
    # the whole reservation (null) before any amount
    at, event_id, amount = charge
    return at, event_id, -1 if amount is None else amount


def _marks(message: Message) -> list[str]:
    seen = message.get("seen", "")
    return [seen[place : place + _MARK] for place in range(0, len(seen), _MARK)]


def decode_account(value: bytes | None, tenant: str) -> Account:
    """Return the account of these bytes; None is an account nobody has used, which will be ``tenant``'s."""
    if value:
        return Account(orjson.loads(value))
    return Account({"tenant": tenant, "currency": "", "granted": 0, "available": 0, "reserved": 0, "spent": 0})


def encode_account(account: Account) -> bytes:
    """Return an account's bytes; equal accounts have equal bytes."""
    tree = {**account.tree, "undated": account.undated.days} if account.undated.days else account.tree
    return dumps(tree)


def decode_message(value: bytes | None) -> Message:
    """Return the message of these bytes; None is a message nobody has reported on."""
    message: Message = orjson.loads(value) if value else {}
    return message


def encode_message(message: Message) -> bytes:
    """Return a message's bytes; equal messages have equal bytes."""
    return dumps(message)


def message_key(account: str, message_id: str) -> str:
    """Return the key of a message's row; no account or message id holds the separator (ASCII unit separator)."""
    return f"{account}\x1f{message_id}"
