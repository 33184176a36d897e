"""Whole webhooks of every provider around one code or text, and what the pure core makes of them."""

from typing import Any, NamedTuple, cast

import orjson

from app.classify import MAPPING_VERSION
from app.classify.overlay import NO_OVERLAY, Overlay
from app.events import DeliveryFailed
from app.normalize import normalize
from app.outputs import RawRecord
from app.vocabulary import Attribution, Permanence, Provider, Reason

_AT = "2026-05-06T10:15:00.123Z"
_RECEIVED_AT = 1_780_000_000_000_001
_TREBLE_PLACES = ("failure_reason", "reason", "error_code", "code", "status")


class Judged(NamedTuple):
    """What a record says of a failure."""

    reason: Reason
    attribution: Attribution
    permanence: Permanence

    @property
    def suppresses(self) -> bool:
        """Whether a policy would take it for a permanent state of the recipient."""
        lasting = (self.attribution, self.permanence) == (Attribution.RECIPIENT, Permanence.PERMANENT)
        return lasting and self.reason is not Reason.RECIPIENT_SUPPRESSED


def judged(provider: Provider, body: dict[str, Any]) -> Judged:
    """Send a webhook through the pure core; it must become a failure that names its mapping."""
    record = failure_of(provider, body)
    assert record["mapping_version"] == MAPPING_VERSION
    return Judged(Reason(record["reason"]), Attribution(record["attribution"]), Permanence(record["permanence"]))


def receiver_of(mark: str) -> str:
    """The receiver that is recognised by a mark in the diagnostic of a bounce."""
    bounce = email_bounced("Permanent", "General", f"smtp; 550 5.1.1 gone ({mark})")
    return failure_of(Provider.TEEKRR, bounce)["receiver"]


def failure_of(
    provider: Provider, body: dict[str, Any], overlay: Overlay = NO_OVERLAY, tenant: str = "acme"
) -> DeliveryFailed:
    """The failure that a tenant's webhook becomes, its first record."""
    outputs = normalize(RawRecord(provider, orjson.dumps(body), tenant, _RECEIVED_AT), overlay).outputs
    return cast("DeliveryFailed", outputs[0].value)


def question_of(provider: Provider, body: dict[str, Any]) -> tuple[str, str, str, str]:
    """Channel, provider, code and text of a webhook, as a person would ask `undelivered classify` about it."""
    data = body.get("data") or body.get("payload") or body
    if provider is Provider.PRELUDE:
        return data.get("channel") or "sms", provider, f"{data['status'] or ''}/{data['reason'] or ''}", ""
    if provider is Provider.TREBLE:
        return "whatsapp", provider, next(filter(None, map((body | body.get("error", {})).get, _TREBLE_PLACES)), ""), ""
    if provider is Provider.WEBEX_INTERACT:
        return "sms", provider, data["code"] or "", ""
    if body["event"] == "bounced":
        return "email", provider, f"{data['bounceType']}/{data['bounceSubType']}", data["diagnostic"]
    return data["channel"], provider, data["errorCode"] or "", data["errorMessage"]


def whatsapp_failed(code: str | None, text: str) -> dict[str, Any]:
    """Teekrr's ``failed`` for WhatsApp."""
    return _failed({"channel": "whatsapp", "msisdn": "60123456789"}, code, text)


def sms_failed(code: str | None, text: str) -> dict[str, Any]:
    """Teekrr's ``failed`` for SMS."""
    return _failed({"channel": "sms", "msisdn": "60123456789"}, code, text)


def email_failed(code: str | None, text: str) -> dict[str, Any]:
    """Teekrr's ``failed`` for e-mail."""
    return _failed({"channel": "email", "email": "ada@example.com"}, code, text)


def _failed(to: dict[str, str], code: str | None, text: str) -> dict[str, Any]:
    data = {"messageUuid": "m1", "failedAt": _AT, "errorCode": code, "errorMessage": text, **to}
    return {"event": "failed", "timestamp": _AT, "data": data}


def email_bounced(kind: str, subtype: str, diagnostic: str) -> dict[str, Any]:
    """Teekrr's ``bounced``."""
    data = {
        "messageUuid": "m1",
        "channel": "email",
        "email": "ada@example.com",
        "bouncedAt": _AT,
        "bounceType": kind,
        "bounceSubType": subtype,
        "diagnostic": diagnostic,
    }
    return {"event": "bounced", "timestamp": _AT, "data": data}


def prelude_failed(status: str | None, reason: str | None) -> dict[str, Any]:
    """Prelude's ``transactional.message.failed``."""
    payload = {"message_id": "m1", "status": status, "reason": reason}
    return {"id": "e1", "created_at": _AT, "type": "transactional.message.failed", "payload": payload}


def treble_failure(place: str, code: str) -> dict[str, Any]:
    """A failed deployment of treble, its code in one of the places where it has been seen."""
    body = {"event_type": "deployment.failure", "event_id": "e1", "country_code": "+57", "cellphone": "3001234567"}
    return body | ({"error": {"code": code}} if place == "error.code" else {place: code})


def webex_failed(code: str | None) -> dict[str, Any]:
    """Webex Interact's ``failed``, which documents no reason."""
    data = {"status": "failed", "phone_number": "+447700900123", "code": code}
    return {"type": "com.interact.messages.sms.status", "id": "e1", "time": _AT, "data": data}
