"""Webhook bodies as the providers' documents describe them."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from app.events import Micros
from app.vocabulary import Channel

Body = dict[str, Any]

CURRENCY = "MYR"
CUSTOMER = "90c7e8b2-203a-4984-ba25-6cf93d8fdbac"


def iso(at: Micros) -> str:
    """Write a moment as RFC 3339 with milliseconds."""
    return datetime.fromtimestamp(at // 1000 / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class TeekrrMessage(NamedTuple):
    """A message sent through Teekrr."""

    uuid: str
    broadcast: str
    channel: Channel
    to: str
    """As Teekrr writes it; empty: not given."""

    def event(self, name: str, at: Micros, **data: Any) -> Body:  # noqa: ANN401 - JSON
        """Return one of the message's events."""
        to = {"email" if self.channel is Channel.EMAIL else "msisdn": self.to} if self.to else {}
        message = {"messageUuid": self.uuid, "broadcastUuid": self.broadcast, "channel": self.channel, **to}
        return {"event": name, "timestamp": iso(at), "data": {**message, **data}}

    def failed(self, at: Micros, code: str, text: str) -> Body:
        """Return the event that it failed; an empty code is left out."""
        return self.event("failed", at, failedAt=iso(at), **({"errorCode": code} if code else {}), errorMessage=text)

    def bounced(self, at: Micros, kind: str, diagnostic: str) -> Body:
        """Return the event that it bounced; ``kind`` is SES's ``Type/Subtype``."""
        bounce_type, _, subtype = kind.partition("/")
        bounce = {"bounceType": bounce_type, "bounceSubType": subtype, "diagnostic": diagnostic}
        return self.event("bounced", at, bouncedAt=iso(at), **bounce)

    def billed(self, at: Micros, cents: int) -> Body:
        """Return the event that it was charged."""
        return self.event("billed", at, billedAt=iso(at), amount=cents, currency=CURRENCY)

    def delivered(self, at: Micros) -> Body:
        """Return the event that it was delivered."""
        return self.event("delivered", at, deliveredAt=iso(at))


def webex_status(event_id: str, transaction: str, at: Micros, to: str, status: str) -> Body:
    """Return a status of an SMS sent through Webex Interact."""
    return {
        "specversion": "1.0",
        "type": "com.interact.messages.sms.status",
        "source": "https://api.webexinteract.com/v1/sms",
        "id": event_id,
        "time": iso(at),
        "datacontenttype": "application/json",
        "data": {
            "status": status,
            "channel": "sms",
            "phone_number": to,
            "from": "Name",
            "message_body": "This is your message",
            "message_parts": "1",
        },
        "transaction_id": transaction,
    }


def prelude_created(event_id: str, message: str, at: Micros, to: str) -> Body:
    """Return the one event of a Prelude message that names its recipient."""
    return {
        "id": event_id,
        "type": "transactional.message.created",
        "payload": {
            "id": message,
            "to": to,
            "created_at": iso(at),
            "customer_uuid": CUSTOMER,
            "variables": {"name": "John"},
            "template_id": "template_01hp78bjhcef9tej1tgcg0cpq2",
        },
        "created_at": iso(at),
    }


def prelude_status(event_id: str, message: str, at: Micros, name: str, **payload: str) -> Body:
    """Return another event of a Prelude message."""
    return {
        "id": event_id,
        "type": f"transactional.message.{name}",
        "created_at": iso(at),
        "payload": {
            "created_at": iso(at),
            "customer_uuid": CUSTOMER,
            "id": f"dls_{event_id}",
            "message_id": message,
            "mcc": "208",
            "mnc": "01",
            **payload,
        },
    }


def prelude_subscription(event_id: str, at: Micros, name: str, phone: str) -> Body:
    """Return a person's STOP (``unsubscribed``) or START (``subscribed``)."""
    payload = {"phone_number": phone}
    return {"id": event_id, "type": f"subscription.phone_number.{name}", "payload": payload, "created_at": iso(at)}


def treble_failure(event_id: str, at: Micros, conversation: int, cellphone: str, code: str) -> Body:
    """Return a failed deployment of treble.ai, to a number in Colombia."""
    return {
        "event_type": "deployment.failure",
        "event_id": event_id,
        "timestamp": iso(at),
        "failure_reason": code,
        "conversation_id": conversation,
        "country_code": "+57",
        "cellphone": cellphone,
    }
