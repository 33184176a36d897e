"""What commands of billing and reports of providers do to credit, and what is told of it on ``credit.changed``.

The same commands and reports of a message in any order end with the same money, and in the same rows. The ``cause`` of
a change says what happened in the order in which it was heard of.

After a message's row was dropped, repeats of its reports make a row without a reservation, which moves no money, and a
repeat of its reservation is refused: it is older than what the account has forgotten.
"""

from typing import NamedTuple

from app.domain.accounts import Account, Message, charge_of, note_charge, note_report
from app.domain.clock import judge_time
from app.domain.ledger import Change, announce, book_message, count, standpoint, take_in
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


_KNOWN = Booked(changed=False, duplicate=True)


def apply_command(account: Account, message: Message, command: CreditRequested, policy: Policy, now: int) -> Booked:
    """Apply a grant, an adjustment or a reservation; ``message`` is the row of its message, empty without one."""
    if not _is_open(account):
        return _frozen(account, command["account"], now)
    at = judge_time(command["occurred_at"], now, policy.clock).at
    before = standpoint(message)
    reserves = command["kind"] == CreditCommand.RESERVE and bool(command["message_id"])
    if reserves:
        is_new = note_report(message, command["event_id"], at)
    else:
        is_new = account.memory.add(command["event_id"], at, policy.credit)
    if not is_new:
        return _KNOWN
    take_in(account, at)
    amount = command["amount_micros"]
    cause = _refusal_of_command(account, message, command, at)
    if cause:
        count(account, "refused", 1)
        amount = book_message(account, message, before)
    elif reserves:
        account.tree["currency"] = command["currency"]
        cause = _reservation_cause(message)
        reservation = [at, command["event_id"], amount, command["currency"]]
        message["reserve"] = min(reservation, message.get("reserve", reservation))
        amount = book_message(account, message, before)
    else:
        account.tree["currency"] = command["currency"]
        cause = "granted" if command["kind"] == CreditCommand.GRANT else "adjusted"
        account.tree["granted"] += amount
        account.tree["available"] += amount
    change = Change(command["account"], cause, command["event_id"], at, command["message_id"], amount)
    return Booked((announce(account, change),))


def apply_entry(account: Account, message: Message, entry: CreditEntry, policy: Policy, now: int) -> Booked:
    """Apply what a webhook means for the credit of its message."""
    if not _is_open(account):
        return _frozen(account, entry["account"], now)
    at = judge_time(entry["occurred_at"], entry["received_at"], policy.clock).at
    before = standpoint(message)
    if not note_report(message, entry["event_id"], at):
        return _KNOWN
    take_in(account, at)
    cause = _refusal_of_entry(account, entry)
    if cause:
        count(account, "refused", 1)
    elif entry["kind"] == CreditEntryKind.SETTLE:
        cause = _settlement_cause(message, entry["currency"])
        note_charge(message, entry["currency"], [at, entry["event_id"], entry["amount_micros"]])
    elif entry["kind"] == CreditEntryKind.RELEASE:
        cause = _release_cause(message)
        message["release"] = min(message.get("release", at), at)
    else:
        cause = _keeping_cause(message)
        message["keep"] = min(message.get("keep", at), at)
    amount = book_message(account, message, before)
    change = Change(entry["account"], cause, entry["event_id"], at, entry["message_id"], amount)
    return Booked((announce(account, change),))


def _is_open(account: Account) -> bool:
    if not account.is_sound:
        return False
    # nothing is applied to a broken row, so one that is sound again was repaired
    account.tree.pop("frozen", None)
    return True


def _frozen(account: Account, name: str, now: int) -> Booked:
    if "frozen" in account.tree:
        return Booked(changed=False, frozen=True)
    account.tree["frozen"] = True
    return Booked((announce(account, Change(name, "invariant_broken", "", now)),), frozen=True)


def _refusal_of_command(account: Account, message: Message, command: CreditRequested, at: int) -> str:
    kind, amount = command["kind"], command["amount_micros"]
    if command["tenant"] != account.tree["tenant"]:
        return "refused_tenant"
    if not command["currency"] or command["currency"] != (account.tree["currency"] or command["currency"]):
        return "refused_currency"
    if amount < 0 and kind != CreditCommand.ADJUST:
        return "refused_amount"
    if kind == CreditCommand.RESERVE:
        if not command["message_id"]:
            return "refused_message"
        if "reserve" not in message and at <= account.tree.get("forgotten", -1):
            return "refused_too_old"
    return ""


def _refusal_of_entry(account: Account, entry: CreditEntry) -> str:
    if entry["tenant"] != account.tree["tenant"]:
        return "refused_tenant"
    if not entry["message_id"]:
        return "refused_message"
    if (entry["amount_micros"] or 0) < 0:
        return "refused_amount"
    return ""


def _reservation_cause(message: Message) -> str:
    if "reserve" in message:
        return "reserved_again"
    if "settle" in message:
        return "reserved_after_billed"
    if "release" in message:
        return "reserved_after_failed"
    return "reserved"


def _settlement_cause(message: Message, currency: str) -> str:
    if "reserve" not in message:
        return "billed_without_reservation"
    if currency not in {"", message["reserve"][3]}:
        return "refused_currency"
    if charge_of(message) is not None:
        return "billed_again"
    return "billed_after_failed" if "release" in message else "settled"


def _release_cause(message: Message) -> str:
    if "reserve" not in message:
        return "failed_without_reservation"
    if charge_of(message) is not None:
        return "failed_after_billed"
    if "keep" in message:
        return "failed_after_bounced"
    return "failed_again" if "release" in message else "released"


def _keeping_cause(message: Message) -> str:
    if "reserve" not in message:
        return "bounced_without_reservation"
    if "keep" in message:
        return "bounced_again"
    if charge_of(message) is None and "release" in message:
        return "bounced_after_failed"
    return "kept"
