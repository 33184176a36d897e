"""What commands of billing and reports of providers do to credit, and what is told of it on ``credit.changed``.

The money is a function of the set of commands and reports, each with its receipt, as long as what concerns one message
is received within ``forget_days``: any order ends with the same, wherever in it messages were forgotten. So are the
rows, if the copies of a record keep the order of their receipts, as they do under one Kafka key. Three exceptions:
tenant and currency of an account are those of its first record, its sequence also counts a copy that moves money
because it says something else than what it is a copy of, and what would bring a sum beyond 10**18 is refused. The
``cause`` of a change says what happened as it was heard of.

How a re-send is not applied twice:

- A message's row knows the ids of its reports (32 of them; a report beyond that counts as new if it moves money).
- After the row was dropped (see :mod:`app.domain.reservations`) a report makes a row without a reservation, which moves
  no money. A reservation is refused when it is received ``forget_days`` or more after its own date, and by then that is
  true of each that was in the row. A re-send with an old receipt, such as a record copied from another cluster, is
  refused since it is no newer than what the account has forgotten.
- A reservation whose clock is not believed is dated by its receipt, each copy anew: the account remembers its id.
- The account also remembers the ids of grants, adjustments and refused records. What it remembers it remembers for
  ``days_at_least`` (90) after the receipt, ``ids_at_most`` (8,192) of each of the two sorts.

What remains: a grant, an adjustment, or a reservation whose clock is not believed, sent again after more than that; and
any reservation sent again more than ``broken_days`` (365) after its date, which looks like a broken clock then.
"""

from typing import Any, NamedTuple, cast

from app.domain import causes
from app.domain.accounts import (
    Account,
    Message,
    knows_report,
    note_charge,
    note_receipt,
    note_report,
    note_reservation,
)
from app.domain.clock import Moment, judge_time
from app.domain.ledger import Change, announce, book_message, count, fits_message, standpoint, take_in
from app.domain.policy import Policy
from app.events import CreditEntry, CreditRequested
from app.outputs import Output
from app.vocabulary import CreditCommand, CreditEntryKind


class Booked(NamedTuple):
    """What a command or a report did; the rows were changed in place."""

    outputs: tuple[Output, ...] = ()
    """Records of ``credit.changed``."""
    changed: bool = True
    """Whether the rows must be stored."""
    duplicate: bool = False
    """It had been applied before."""
    frozen: bool = False
    """The account's invariant is broken, so it was not applied: keep the record for later."""


class _Arrival(NamedTuple):
    """A command or report as it came in."""

    account: str
    event_id: str
    message_id: str
    moment: Moment
    received_at: int


def apply_command(
    account: Account, message: Message, command: CreditRequested, policy: Policy, *, received_at: int
) -> Booked:
    """Apply a grant, an adjustment or a reservation; ``message`` is the row of its message, empty without one.

    ``received_at`` is the timestamp of the command's Kafka record, the same in a replay.
    """
    if not _is_open(account):
        return _frozen(account, command["account"], received_at)
    moment = judge_time(command["occurred_at"], received_at, policy.clock)
    arrival = _Arrival(command["account"], command["event_id"], command["message_id"], moment, received_at)
    refusal = causes.refusal_of_command(account, command, policy, moment.at, received_at)
    if command["kind"] == CreditCommand.RESERVE:
        return _reserve(account, message, command, arrival, refusal, policy)
    if refusal:
        return _refuse(account, arrival, refusal, policy)
    if not account.memory.add(arrival.event_id, received_at, policy.credit):
        return _known(account, {}, arrival)
    amount = command["amount_micros"]
    account.tree["granted"] += amount
    account.tree["available"] += amount
    account.tree["currency"] = command["currency"]
    return _tell(account, arrival, "granted" if command["kind"] == CreditCommand.GRANT else "adjusted", amount)


def apply_entry(account: Account, message: Message, entry: CreditEntry, policy: Policy) -> Booked:
    """Apply what a webhook means for the credit of its message."""
    if not _is_open(account):
        return _frozen(account, entry["account"], entry["received_at"])
    moment = judge_time(entry["occurred_at"], entry["received_at"], policy.clock)
    arrival = _Arrival(entry["account"], entry["event_id"], entry["message_id"], moment, entry["received_at"])
    refusal = causes.refusal_of_entry(account, entry)
    if refusal:
        return _refuse(account, arrival, refusal, policy)
    before = message.copy()
    if entry["kind"] == CreditEntryKind.SETTLE:
        cause = causes.cause_of_charge(message, entry["currency"])
        note_charge(message, entry["currency"], [moment.at, entry["event_id"], entry["amount_micros"]])
    elif entry["kind"] == CreditEntryKind.RELEASE:
        cause = causes.cause_of_release(message)
        message["release"] = min(message.get("release", moment.at), moment.at)
    else:
        cause = causes.cause_of_keeping(message)
        message["keep"] = min(message.get("keep", moment.at), moment.at)
    return _book(account, message, before, arrival, cause, policy)


def _reserve(
    account: Account, message: Message, command: CreditRequested, arrival: _Arrival, refusal: str, policy: Policy
) -> Booked:
    # known comes before refused: a re-send may be too old by now
    if not knows_report(message, arrival.event_id):
        if refusal:
            return _refuse(account, arrival, refusal, policy)
        if account.undated.holds(arrival.event_id):
            return _known(account, {}, arrival)
    elif refusal:
        return _known(account, message, arrival)
    if arrival.moment.note == "skewed":
        account.undated.add(arrival.event_id, arrival.received_at, policy.credit)
    before = message.copy()
    cause = causes.cause_of_reservation(message)
    note_reservation(message, [arrival.moment.at, arrival.event_id, command["amount_micros"], command["currency"]])
    account.tree["currency"] = command["currency"]
    return _book(account, message, before, arrival, cause, policy)


def _book(account: Account, message: Message, before: Message, arrival: _Arrival, cause: str, policy: Policy) -> Booked:
    """Book what a report has made of its message; a copy that moves no money is not told."""
    if not fits_message(account, message, standpoint(before)):
        cast("dict[str, Any]", message).clear()
        message.update(before)
        return _refuse(account, arrival, causes.REFUSED_TOO_MUCH, policy)
    is_new = note_report(message, arrival.event_id)
    amount = book_message(account, message, standpoint(before))
    if not is_new and not amount:
        known = _known(account, message, arrival)
        return known._replace(changed=known.changed or message != before)
    note_receipt(message, arrival.received_at)
    return _tell(account, arrival, cause, amount)


def _refuse(account: Account, arrival: _Arrival, cause: str, policy: Policy) -> Booked:
    if not account.memory.add(arrival.event_id, arrival.received_at, policy.credit):
        return _known(account, {}, arrival)
    count(account, "refused", 1)
    return _tell(account, arrival, cause, 0)


def _known(account: Account, message: Message, arrival: _Arrival) -> Booked:
    heard = note_receipt(account.tree, arrival.received_at)
    if message:
        heard |= note_receipt(message, arrival.received_at)
    return Booked(changed=heard, duplicate=True)


def _tell(account: Account, arrival: _Arrival, cause: str, amount: int) -> Booked:
    take_in(account)
    note_receipt(account.tree, arrival.received_at)
    change = Change(arrival.account, cause, arrival.event_id, arrival.moment.at, arrival.message_id, amount)
    return Booked((announce(account, change),))


def _is_open(account: Account) -> bool:
    if not account.is_sound:
        return False
    # nothing is applied to a broken row, so one that is sound again was repaired
    account.tree.pop("frozen", None)
    return True


def _frozen(account: Account, name: str, at: int) -> Booked:
    if "frozen" in account.tree:
        return Booked(changed=False, frozen=True)
    account.tree["frozen"] = True
    return Booked((announce(account, Change(name, "invariant_broken", "", at)),), frozen=True)
