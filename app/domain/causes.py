"""What a command or report is to its account and message as they stand: the ``cause`` of a ``credit.changed``."""

from app.domain.accounts import Account, Message, charge_of
from app.domain.clock import DAY
from app.domain.ledger import fits
from app.domain.policy import Policy
from app.events import CreditEntry, CreditRequested
from app.vocabulary import CreditCommand

REFUSED_TOO_MUCH = "refused_too_much"
"""A sum of the account would leave its bound of 10**18, a thousand thousand million units."""


def refusal_of_command(account: Account, command: CreditRequested, policy: Policy, at: int, received_at: int) -> str:
    """Return why a command cannot be taken, or nothing; ``at`` is its date as far as that is believed."""
    kind, amount = command["kind"], command["amount_micros"]
    if command["tenant"] != account.tree["tenant"]:
        return "refused_tenant"
    if not command["currency"] or command["currency"] != (account.tree["currency"] or command["currency"]):
        return "refused_currency"
    if amount < 0 and kind != CreditCommand.ADJUST:
        return "refused_amount"
    if kind != CreditCommand.RESERVE:
        return "" if fits(account, granted=amount) else REFUSED_TOO_MUCH
    if not command["message_id"]:
        return "refused_message"
    too_old = received_at - at >= policy.credit.forget_days * DAY
    return "refused_too_old" if too_old or at <= account.tree.get("forgotten", at - 1) else ""


def refusal_of_entry(account: Account, entry: CreditEntry) -> str:
    """Return why a report cannot be taken, or nothing."""
    if entry["tenant"] != account.tree["tenant"]:
        return "refused_tenant"
    if not entry["message_id"]:
        return "refused_message"
    if (entry["amount_micros"] or 0) < 0:
        return "refused_amount"
    return ""


def cause_of_reservation(message: Message) -> str:
    """Return what a reservation is to its message."""
    if "reserve" in message:
        return "reserved_again"
    if "settle" in message:
        return "reserved_after_billed"
    if "keep" in message:
        return "reserved_after_bounced"
    if "release" in message:
        return "reserved_after_failed"
    return "reserved"


def cause_of_charge(message: Message, currency: str) -> str:
    """Return what a charge is to its message."""
    if "reserve" not in message:
        return "billed_without_reservation"
    if currency not in {"", message["reserve"][3]}:
        return "refused_currency"
    if charge_of(message) is not None:
        return "billed_again"
    return "billed_after_failed" if "release" in message else "settled"


def cause_of_release(message: Message) -> str:
    """Return what a failure before the charge is to its message."""
    if "reserve" not in message:
        return "failed_without_reservation"
    if charge_of(message) is not None:
        return "failed_after_billed"
    if "keep" in message:
        return "failed_after_bounced"
    return "failed_again" if "release" in message else "released"


def cause_of_keeping(message: Message) -> str:
    """Return what a bounce after acceptance is to its message."""
    if "reserve" not in message:
        return "bounced_without_reservation"
    if "keep" in message:
        return "bounced_again"
    if charge_of(message) is None and "release" in message:
        return "bounced_after_failed"
    return "kept"
