"""Kinds of failures as the providers' documents explain their codes."""

from typing import NamedTuple

from app.vocabulary import Channel, Reason

_GONE = "smtp; 550 5.1.1 user unknown"
_FULL = "smtp; 452 4.2.2 mailbox full"


class Coded(NamedTuple):
    """A kind of failure."""

    times: int
    """How often a load has it."""
    channel: Channel
    code: str
    text: str
    """Its diagnostic; Prelude's status."""
    reason: Reason
    suppresses: bool = False


TEEKRR = (
    Coded(16, Channel.WHATSAPP, "131026", "Message undeliverable", Reason.RECIPIENT_NOT_ON_CHANNEL, suppresses=True),
    Coded(4, Channel.WHATSAPP, "131050", "User stopped marketing", Reason.RECIPIENT_OPTED_OUT, suppresses=True),
    Coded(8, Channel.WHATSAPP, "131047", "Re-engagement message", Reason.SESSION_WINDOW_CLOSED),
    Coded(4, Channel.WHATSAPP, "131051", "Unsupported message type", Reason.UNSUPPORTED_CONTENT),
    Coded(6, Channel.WHATSAPP, "131049", "Not delivered", Reason.MARKETING_LIMITED),
    Coded(10, Channel.WHATSAPP, "133010", "Phone number not registered", Reason.SENDER_NOT_REGISTERED),
    Coded(8, Channel.EMAIL, "Throttling", "Maximum sending rate exceeded.", Reason.RATE_LIMITED),
    Coded(4, Channel.EMAIL, "MessageRejected", "Email address is not verified", Reason.SENDER_NOT_REGISTERED),
    Coded(6, Channel.SMS, "", "Delivery failed", Reason.UNKNOWN),
)
MAILBOX_FULL = Coded(10, Channel.EMAIL, "Transient/MailboxFull", _FULL, Reason.MAILBOX_FULL)
BOUNCED = (
    Coded(16, Channel.EMAIL, "Permanent/NoEmail", _GONE, Reason.INVALID_RECIPIENT, suppresses=True),
    MAILBOX_FULL,
    Coded(4, Channel.EMAIL, "Permanent/Suppressed", "", Reason.RECIPIENT_SUPPRESSED),
)
PRELUDE = (
    Coded(12, Channel.SMS, "unknown_recipient", "failed", Reason.INVALID_RECIPIENT, suppresses=True),
    Coded(8, Channel.SMS, "unavailable", "failed", Reason.RECIPIENT_UNAVAILABLE),
    Coded(4, Channel.SMS, "unavailable", "expired", Reason.EXPIRED),
    Coded(6, Channel.SMS, "insufficient_balance", "failed", Reason.INSUFFICIENT_FUNDS),
    Coded(3, Channel.SMS, "network", "failed", Reason.NETWORK_ERROR),
    Coded(2, Channel.SMS, "carrier_rejected", "failed", Reason.CARRIER_REJECTED),
    Coded(2, Channel.SMS, "generic", "failed", Reason.UNKNOWN),
)
TREBLE = tuple(
    Coded(2, Channel.WHATSAPP, code, "", reason, suppresses)
    for code, reason, suppresses in (
        ("FAILURE", Reason.UNKNOWN, False),
        ("FAILURE_BY_HUMAN_HANDOVER", Reason.CONVERSATION_BUSY, False),
        ("REVOKED", Reason.CANCELLED, False),
        ("INVALID_PHONE", Reason.INVALID_RECIPIENT, True),
        ("FAILURE_BY_RATE_LIMIT", Reason.RATE_LIMITED, False),
        ("COMPANY_RATE_LIMIT", Reason.QUOTA_EXCEEDED, False),
        ("FAILURE_BY_TIER_CAPACITY", Reason.QUOTA_EXCEEDED, False),
        ("MISSING_PARAMETER", Reason.TEMPLATE_ERROR, False),
        ("PARAMETER_MISMATCH", Reason.TEMPLATE_ERROR, False),
        ("FAILURE_BY_BLOCKED_CONTACT", Reason.RECIPIENT_SUPPRESSED, False),
        ("FAILURE_BY_OPTOUT_CONTACT", Reason.RECIPIENT_OPTED_OUT, True),
        ("INVALID_POLL", Reason.INVALID_REQUEST, False),
        ("CHARACTER_LIMIT_HEADER", Reason.MESSAGE_TOO_LARGE, False),
        ("CHARACTER_LIMIT_BODY", Reason.MESSAGE_TOO_LARGE, False),
        ("FAILURE_BY_DISABLED_HSM", Reason.TEMPLATE_ERROR, False),
        ("FAILURE_BY_SPAM_RATE_LIMIT", Reason.SENDER_REPUTATION, False),
        ("FAILURE_BY_EXPERIMENT_NUMBER", Reason.MARKETING_LIMITED, False),
        ("FAILURE_BY_UNABLE_TO_CONTACT", Reason.RECIPIENT_NOT_ON_CHANNEL, True),
    )
)
