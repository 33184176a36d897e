"""What time does to the messages of an account: open reservations are reported, finished messages forgotten."""

from typing import NamedTuple

from app.domain.accounts import Account, Message, position
from app.domain.clock import DAY, HOUR
from app.domain.ledger import Change, announce, book_message, standpoint
from app.domain.policy import Policy
from app.outputs import Output


class Tended(NamedTuple):
    """What time did to a message; the rows were changed in place."""

    outputs: tuple[Output, ...] = ()
    """Records of ``credit.changed`` with cause ``reservation_stale``; both rows must be stored."""
    forget: bool = False
    """The message's row is to be deleted, and the account's stored."""
    due: int | None = None
    """When to look again."""


def next_due(message: Message, policy: Policy) -> int | None:
    """Return when `tend` has something to do for a message, or None."""
    if position(message).reserved:
        stale_at: int = message["reserve"][0] + policy.credit.stale_hours * HOUR
        return None if "stale" in message else stale_at
    return message["newest"] + policy.credit.forget_days * DAY


def tend(account: Account, message: Message, key: str, policy: Policy, now: int) -> Tended:
    """Report an open reservation once, or forget a finished message; ``key`` is the message row's key.

    A message is forgotten when its account has seen events that are so much newer, not when a clock says so: a replay
    of old records then forgets nothing that it is about to need.
    """
    due = next_due(message, policy)
    if due is None or due > now:
        return Tended(due=due)
    name, _, message_id = key.partition("\x1f")
    if position(message).reserved:
        before = standpoint(message)
        message["stale"] = True
        book_message(account, message, before)
        change = Change(name, "reservation_stale", "", due, message_id, position(message).reserved)
        return Tended((announce(account, change),))
    if account.tree.get("newest", 0) < due:
        return Tended(due=now + DAY)
    account.tree["forgotten"] = max(account.tree.get("forgotten", -1), message["newest"])
    return Tended(forget=True)
