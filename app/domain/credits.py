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


def apply_command(
    account: Account, message: Message, command: CreditRequested, policy: Policy, *, received_at: int
) -> Booked:
    """Apply a grant, an adjustment or a reservation; ``message`` is the row of its message, empty without one.

    ``received_at`` is the timestamp of the command's Kafka record, the same in a replay.
    """
    if not _is_open(account):
        return _frozen(account, command["account"], received_at)
    at = judge_time(command["occurred_at"], received_at, policy.clock).at
    before = standpoint(message)
    reserves = command["kind"] == CreditCommand.RESERVE
    cause = _refusal_of_command(account, message, command, at)
    if not _note(account, message if reserves and not cause else None, command["event_id"], at, policy):
        return _KNOWN
    amount = 0
    if cause:
        count(account, "refused", 1)
    elif reserves:
        cause = _reservation_cause(message)
        reservation = [at, command["event_id"], command["amount_micros"], command["currency"]]
        message["reserve"] = min(reservation, message.get("reserve", reservation))
        amount = book_message(account, message, before)
    else:
        cause, amount = _grant(account, command)
    if not cause.startswith("refused"):
        account.tree["currency"] = command["currency"]
    change = Change(command["account"], cause, command["event_id"], at, command["message_id"], amount)
    return Booked((announce(account, change),))


def apply_entry(account: Account, message: Message, entry: CreditEntry, policy: Policy) -> Booked:
    """Apply what a webhook means for the credit of its message."""
    if not _is_open(account):
        return _frozen(account, entry["account"], entry["received_at"])
    at = judge_time(entry["occurred_at"], entry["received_at"], policy.clock).at
    before = standpoint(message)
    cause = _refusal_of_entry(account, entry)
    if not _note(account, None if cause else message, entry["event_id"], at, policy):
        return _KNOWN
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


def _grant(account: Account, command: CreditRequested) -> tuple[str, int]:
    amount = command["amount_micros"]
    account.tree["granted"] += amount
    account.tree["available"] += amount
    return "granted" if command["kind"] == CreditCommand.GRANT else "adjusted", amount


def _note(account: Account, message: Message | None, event: str, at: int, policy: Policy) -> bool:
    """Remember a command or report, with its message or, if it is about none or refused, with the account."""
    is_new = account.memory.add(event, at, policy.credit) if message is None else note_report(message, event, at)
    if is_new:
        take_in(account, at)
    return is_new


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
    if "keep" in message:
        return "reserved_after_bounced"
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
