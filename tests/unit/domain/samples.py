"""Records and moments that the tests of the domain share."""

from typing import Any, cast

from app.domain.clock import DAY, HOUR, MINUTE
from app.domain.policy import load_policy
from app.events import (
    CreditChanged,
    CreditEntry,
    CreditRequested,
    DeliveryConfirmed,
    DeliveryFailed,
    DeliveryStats,
    ProviderHealth,
    SuppressionRequested,
)

T0 = 20_000 * DAY
"""2024-10-04 00:00 UTC."""
NOW = T0 + 20 * DAY
POLICY = load_policy(None)
SMS = "+447810000001"
EMAIL = "ann@example.com"

__all__ = ["DAY", "EMAIL", "HOUR", "MINUTE", "NOW", "POLICY", "SMS", "T0"]


def failed(event: str, at: int, reason: str = "mailbox_full", **fields: object) -> DeliveryFailed:
    """Return an e-mail failure of Ann's mailbox, transient unless told otherwise."""
    record: dict[str, Any] = {
        "event_id": event,
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "email",
        "recipient": EMAIL,
        "reason": reason,
        "attribution": "RECIPIENT",
        "permanence": "TRANSIENT",
        "occurred_at": at,
        "confidence": "CODE",
        "phase": "DELIVERY",
        "provider_will_retry": "NO",
        "outcome": "failed",
        "code": "smtp:4.2.2",
        "message_id": "m1",
        "account": "acme/teekrr",
        "provider_account": "",
        "correlation_id": "",
        "campaign_id": "",
        "recipient_kind": "email",
        "recipient_given": EMAIL,
        "event_id_basis": "provider_event_id",
        "provider_event_id": "",
        "provider_event": "failed",
        "provider_sent_at": None,
        "received_at": at,
        "smtp_reply": "",
        "smtp_enhanced": "",
        "receiver": "",
        "diagnostic": "",
        "raw_topic": "raw.teekrr",
        "raw_partition": 0,
        "raw_offset": 1,
        "raw_sha256": "",
        "mapping_version": "1.0",
    }
    return cast("DeliveryFailed", record | fields)


def gone(event: str, at: int, reason: str = "invalid_recipient", **fields: object) -> DeliveryFailed:
    """Return a permanent failure of Ann's mailbox."""
    return failed(event, at, reason, **{"permanence": "PERMANENT", "code": "smtp:5.1.1"} | fields)


def confirmed(event: str, at: int, kind: str = "delivered", **fields: object) -> DeliveryConfirmed:
    """Return good news about an e-mail to Ann."""
    record: dict[str, Any] = {
        "event_id": event,
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "email",
        "recipient": EMAIL,
        "kind": kind,
        "occurred_at": at,
        "message_id": "m1",
        "account": "acme/teekrr",
        "provider_account": "",
        "correlation_id": "",
        "campaign_id": "",
        "recipient_kind": "email",
        "recipient_given": EMAIL,
        "event_id_basis": "message",
        "provider_event_id": "",
        "provider_event": kind,
        "provider_sent_at": None,
        "received_at": at,
        "raw_topic": "raw.teekrr",
        "raw_partition": 0,
        "raw_offset": 1,
        "raw_sha256": "",
    }
    return cast("DeliveryConfirmed", record | fields)


def asked(event: str, at: int, action: str, **fields: object) -> SuppressionRequested:
    """Return a person's request about Ann's e-mail."""
    record: dict[str, Any] = {
        "event_id": event,
        "tenant": "acme",
        "channel": "email",
        "recipient": EMAIL,
        "action": action,
        "reason": "cancelled",
        "occurred_at": at,
        "requested_by": "bob",
        "until": None,
        "note": "",
        "raw_topic": "",
        "raw_partition": -1,
        "raw_offset": -1,
        "raw_sha256": "",
        "received_at": None,
    }
    return cast("SuppressionRequested", record | fields)


def command(event: str, kind: str, amount: int, **fields: object) -> CreditRequested:
    """Return a command of billing at T0; a reservation is for message m1."""
    record: dict[str, Any] = {
        "event_id": event,
        "tenant": "acme",
        "account": "acme/teekrr",
        "kind": kind,
        "amount_micros": amount,
        "currency": "MYR",
        "message_id": "m1" if kind == "reserve" else "",
        "occurred_at": T0,
        "requested_by": "billing",
        "note": "",
    }
    return cast("CreditRequested", record | fields)


def entry(event: str, kind: str, amount: int | None = None, **fields: object) -> CreditEntry:
    """Return what a webhook means for the credit of message m1, at T0 + 1 minute."""
    record: dict[str, Any] = {
        "event_id": event,
        "tenant": "acme",
        "account": "acme/teekrr",
        "kind": kind,
        "message_id": "m1",
        "amount_micros": amount,
        "currency": "",
        "occurred_at": T0 + MINUTE,
        "received_at": T0 + MINUTE,
        "provider": "teekrr",
        "provider_event": "billed",
        "raw_topic": "raw.teekrr",
        "raw_partition": 0,
        "raw_offset": 1,
        "raw_sha256": "",
    }
    return cast("CreditEntry", record | fields)


def credit(granted: int, available: int, **fields: object) -> CreditChanged:
    """Return an account's state in which all that is not available was spent."""
    record: dict[str, Any] = {
        "event_id": "c",
        "tenant": "acme",
        "account": "acme/teekrr",
        "currency": "MYR",
        "granted_micros": granted,
        "available_micros": available,
        "reserved_micros": 0,
        "spent_micros": granted - available,
        "sequence": 1,
        "cause": "settled",
        "message_id": "m1",
        "amount_micros": 0,
        "occurred_at": T0,
    }
    return cast("CreditChanged", record | fields)


def stats(minute: int, count: int = 1, **fields: object) -> DeliveryStats:
    """Return failures of the carrier that Teekrr reported of e-mails."""
    record: dict[str, Any] = {
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "email",
        "outcome": "failed",
        "reason": "network_error",
        "attribution": "CARRIER",
        "minute": minute,
        "count": count,
        "sample_code": "smtp:4.4.1",
        "unlisted": False,
        "samples": [],
    }
    return cast("DeliveryStats", record | fields)


def health(*periods: tuple[int, int | None], **fields: object) -> ProviderHealth:
    """Return the outages of Teekrr's e-mail."""
    record: dict[str, Any] = {
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "email",
        "degraded": bool(periods) and periods[-1][1] is None,
        "failures": 1,
        "total": 2,
        "window_minutes": 30,
        "since": T0,
        "changed_at": T0,
        "periods": [{"since": since, "until": until} for since, until in periods],
    }
    return cast("ProviderHealth", record | fields)
