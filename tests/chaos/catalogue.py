"""Documented failures of each provider and what they mean, taken down by hand from the providers' documents."""

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of failure."""

    weight: int
    channel: str
    code: str
    text: str
    reason: str
    attribution: str
    permanence: str


_P, _T, _U = "PERMANENT", "TRANSIENT", "UNDETERMINED"

NEVER_TRIED = {"recipient_suppressed", "insufficient_funds", "conversation_busy", "cancelled"}
"""Reasons of messages that nobody tried to send: their outcome is ``rejected``, whatever the provider calls it."""

TEEKRR_FAILED = (
    Kind(12, "whatsapp", "131026", "Message undeliverable", "recipient_not_on_channel", "RECIPIENT", _P),
    Kind(3, "whatsapp", "131050", "User stopped marketing messages", "recipient_opted_out", "RECIPIENT", _P),
    Kind(12, "whatsapp", "131049", "Not delivered", "marketing_limited", "RECIPIENT", _T),
    Kind(4, "whatsapp", "131056", "Pair rate limit hit", "recipient_rate_limited", "RECIPIENT", _T),
    Kind(3, "whatsapp", "131047", "Re-engagement message", "session_window_closed", "CONTENT", _P),
    Kind(3, "whatsapp", "133010", "Phone number not registered", "sender_not_registered", "SENDER", _P),
    Kind(3, "whatsapp", "131000", "Something went wrong", "provider_error", "PROVIDER", _T),
    Kind(2, "whatsapp", "131199", "Something new", "unknown", "UNKNOWN", _U),
    Kind(2, "whatsapp", "130472", "User's number is part of an experiment", "marketing_limited", "PROVIDER", _U),
    Kind(10, "sms", "", "Absent subscriber", "recipient_unavailable", "RECIPIENT", _T),
    Kind(8, "sms", "", "Unknown subscriber", "invalid_recipient", "RECIPIENT", _P),
    Kind(4, "sms", "", "Delivery failed", "unknown", "UNKNOWN", _U),
    Kind(4, "email", "Throttling", "Maximum sending rate exceeded.", "rate_limited", "SENDER", _T),
    Kind(3, "email", "InvalidParameterValue", "Missing final '@domain'", "invalid_recipient", "RECIPIENT", _P),
    Kind(3, "email", "MessageRejected", "Email address is not verified", "sender_not_registered", "SENDER", _P),
)
_FULL = "smtp; 452 4.2.2 mailbox full"
TEEKRR_BOUNCED = (
    Kind(12, "email", "Permanent/NoEmail", "smtp; 550 5.1.1 user unknown", "invalid_recipient", "RECIPIENT", _P),
    Kind(20, "email", "Transient/MailboxFull", _FULL, "mailbox_full", "RECIPIENT", _T),
    Kind(4, "email", "Permanent/Suppressed", "", "recipient_suppressed", "RECIPIENT", _P),
    Kind(3, "email", "Transient/ContentRejected", "", "content_rejected", "CONTENT", _P),
)
WEBEX_FAILED = (Kind(1, "sms", "", "", "unknown", "UNKNOWN", _U),)
PRELUDE_FAILED = (
    # the text is the status
    Kind(8, "sms", "unknown_recipient", "failed", "invalid_recipient", "RECIPIENT", _P),
    Kind(12, "sms", "unavailable", "failed", "recipient_unavailable", "RECIPIENT", _T),
    Kind(4, "sms", "unavailable", "expired", "expired", "RECIPIENT", _T),
    Kind(3, "sms", "network", "failed", "network_error", "CARRIER", _T),
    Kind(2, "sms", "insufficient_balance", "failed", "insufficient_funds", "SENDER", _P),
    Kind(2, "sms", "carrier_rejected", "failed", "carrier_rejected", "CARRIER", _P),
    Kind(2, "sms", "generic", "failed", "unknown", "UNKNOWN", _U),
)
TREBLE_FAILED = (
    Kind(6, "whatsapp", "INVALID_PHONE", "", "invalid_recipient", "RECIPIENT", _P),
    Kind(4, "whatsapp", "FAILURE_BY_UNABLE_TO_CONTACT", "", "recipient_not_on_channel", "RECIPIENT", _P),
    Kind(2, "whatsapp", "FAILURE_BY_OPTOUT_CONTACT", "", "recipient_opted_out", "RECIPIENT", _P),
    Kind(8, "whatsapp", "FAILURE_BY_HUMAN_HANDOVER", "", "conversation_busy", "RECIPIENT", _T),
    Kind(2, "whatsapp", "FAILURE_BY_BLOCKED_CONTACT", "", "recipient_suppressed", "RECIPIENT", _P),
    Kind(2, "whatsapp", "MISSING_PARAMETER", "", "template_error", "CONTENT", _P),
    Kind(2, "whatsapp", "COMPANY_RATE_LIMIT", "", "quota_exceeded", "SENDER", _T),
    Kind(2, "whatsapp", "REVOKED", "", "cancelled", "SENDER", _P),
    Kind(2, "whatsapp", "FAILURE", "", "unknown", "UNKNOWN", _U),
)
