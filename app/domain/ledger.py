"""Books a change in an account's row and makes its record for ``credit.changed``."""

from typing import NamedTuple

from app.domain.accounts import Account, Message, oddities, position
from app.edge import MOST_SUM_MICROS
from app.events import CreditChanged
from app.identity import event_id
from app.outputs import Output
from app.topics import Topic


class Change(NamedTuple):
    """What a change of an account is about."""

    account: str
    cause: str
    event: str
    """Id of the command or report; empty: none, time alone."""
    at: int
    message_id: str = ""
    amount: int = 0
    """By how much: what was granted; else how much more or less is spent, or, if nothing, reserved."""


class Standpoint(NamedTuple):
    """What a message meant for its account at some moment."""

    reserved: int
    spent: int
    oddities: frozenset[str]


def standpoint(message: Message) -> Standpoint:
    """Return what a message means for its account now; take it before and after a change."""
    return Standpoint(*position(message), frozenset(oddities(message)))


def fits(account: Account, *, granted: int = 0, reserved: int = 0, spent: int = 0) -> bool:
    """Tell whether an account's sums stay within their bound when these change by so much."""
    tree = account.tree
    sums = (
        tree["granted"] + granted,
        tree["reserved"] + reserved,
        tree["spent"] + spent,
        tree["available"] + granted - reserved - spent,
    )
    return all(-MOST_SUM_MICROS <= each <= MOST_SUM_MICROS for each in sums)


def fits_message(account: Account, message: Message, before: Standpoint) -> bool:
    """Tell whether what has changed about a message since ``before`` can be booked."""
    after = position(message)
    return fits(account, reserved=after.reserved - before.reserved, spent=after.spent - before.spent)


def book_message(account: Account, message: Message, before: Standpoint) -> int:
    """Book what has changed about a message since ``before``; return by how much."""
    if "stale" in message and not position(message).reserved:
        # that it was ever reported must not show, for a replay may read the settlement before it looks
        del message["stale"]
    after = standpoint(message)
    held, spent = after.reserved - before.reserved, after.spent - before.spent
    tree = account.tree
    tree["reserved"] += held
    tree["spent"] += spent
    tree["available"] -= held + spent
    for oddity in after.oddities ^ before.oddities:
        count(account, oddity, 1 if oddity in after.oddities else -1)
    return spent or held


def count(account: Account, name: str, by: int) -> None:
    """Count something out of the ordinary."""
    counts = account.tree.setdefault("counts", {})
    counts[name] = counts.get(name, 0) + by
    if not counts[name]:
        del counts[name]
    if not counts:
        del account.tree["counts"]


def take_in(account: Account) -> None:
    """Count one more command or report."""
    account.tree["events"] = account.tree.get("events", 0) + 1


def announce(account: Account, change: Change) -> Output:
    """Return the record of a change; one that moves no money and comes of time alone repeats the last sequence."""
    tree = account.tree
    record: CreditChanged = {
        "event_id": event_id(Topic.CREDIT_CHANGED, change.account, change.cause, change.event, change.message_id),
        "tenant": tree["tenant"],
        "account": change.account,
        "currency": tree["currency"],
        "granted_micros": tree["granted"],
        "available_micros": tree["available"],
        "reserved_micros": tree["reserved"],
        "spent_micros": tree["spent"],
        "sequence": tree.get("events", 0),
        "cause": change.cause,
        "message_id": change.message_id,
        "amount_micros": change.amount,
        "occurred_at": change.at,
    }
    return Output(Topic.CREDIT_CHANGED, change.account, record)
