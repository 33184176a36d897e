"""What time does to the messages of an account: open reservations are reported, finished messages forgotten.

Time is the moment up to which everything has been read (:mod:`app.stream.watermark`), not the clock: it never passes a
record that is still to come, so a replay, or a worker that has fallen behind, reports and forgets nothing too early.

A message of which nothing is reserved is forgotten ``forget_days`` and a day after its newest record was received. The
day is for clocks that are believed although they are ahead (``ahead_minutes``) and for records that come out of the
order of their receipts; both together fit in. So whatever is read after that moment was received so late that

- a report belongs to no message that was received within ``forget_days`` of it;
- a reservation from before is ``forget_days`` old or older, and refused as such;
- a new reservation that is not as old as that is newer than every one that was forgotten, and taken.

The account remembers up to where its forgotten reservations may reach, for re-sends that bring their old receipt along.
"""

from typing import NamedTuple

from app.domain.accounts import Account, Message, position
from app.domain.clock import DAY, HOUR, MINUTE
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
    return message["newest"] + (policy.credit.forget_days + 1) * DAY


def tend(account: Account, message: Message, key: str, policy: Policy, now: int) -> Tended:
    """Report an open reservation once, or forget a finished message.

    ``key`` is the message row's key; ``now`` is the moment up to which everything has been read.
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
    if "reserve" in message:
        newest = message["newest"] + policy.clock.ahead_minutes * MINUTE
        account.tree["forgotten"] = max(account.tree.get("forgotten", newest), newest)
    return Tended(forget=True)
