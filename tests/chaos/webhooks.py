"""Webhooks as the providers' documents show them, each with what its maker means by it."""

from datetime import UTC, datetime
from random import Random
from typing import Any, NamedTuple

import orjson

Body = dict[str, Any]
Micros = int


class Failed(NamedTuple):
    """A failure. Reports with the same identity are of the same failure."""

    identity: str
    channel: str
    recipient: str
    at: Micros
    reason: str
    attribution: str
    permanence: str
    outcome: str
    twofold: bool
    """Its provider may report one failure both as failed and as bounced."""


class Confirmed(NamedTuple):
    """Good news."""

    identity: str
    channel: str
    recipient: str
    at: Micros
    kind: str


class OptedOut(NamedTuple):
    """A STOP that a provider took down."""

    identity: str
    channel: str
    recipient: str
    at: Micros
    by: str


class Entry(NamedTuple):
    """What a webhook means for the credit of its message."""

    identity: str
    kind: str
    message: str
    at: Micros
    amount: int | None = None
    currency: str = ""


class Meaning(NamedTuple):
    """What a webhook means, in the words of its maker."""

    failed: Failed | None = None
    confirmed: Confirmed | None = None
    opted_out: OptedOut | None = None
    entry: Entry | None = None
    awaits: str = ""
    """The message whose ``created`` names the recipient."""
    introduces: str = ""
    dead: bool = False


class Webhook(NamedTuple):
    """One record of a raw topic."""

    provider: str
    tenant: str
    account: str
    """Empty: the header is left out."""
    key: str
    """Empty: the record has none."""
    body: bytes
    received_at: Micros
    meaning: Meaning

    @property
    def credit_account(self) -> str:
        """The account it is booked on."""
        return self.account or f"{self.tenant}/{self.provider}"


def iso(at: Micros) -> str:
    """Write a moment as RFC 3339 with microseconds."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1_000_000:06}Z"


def other_bytes(rng: Random, body: bytes) -> bytes:
    """Write the same report in other bytes: spaces, the order of its fields, a field more, another time of sending."""
    document: Body = orjson.loads(body)
    match rng.randrange(4):
        case 0:
            return orjson.dumps(document, option=orjson.OPT_INDENT_2)
        case 1:
            return orjson.dumps(dict(reversed(document.items())))
        case 2 if "timestamp" in document and "event" in document:
            document["timestamp"] = iso(rng.randrange(1_790_000_000_000_000, 1_795_000_000_000_000))
            return orjson.dumps(document)
        case _:
            return orjson.dumps({**document, "attempt": rng.randrange(2, 9)})


def teekrr(event: str, at: Micros, message: str, channel: str, address: str, **data: Any) -> Body:  # noqa: ANN401 - JSON
    """Return an event of Teekrr; an empty address is left out."""
    to = {"email" if channel == "email" else "msisdn": address} if address else {}
    moment = {"failed": "failedAt", "bounced": "bouncedAt", "billed": "billedAt", "delivered": "deliveredAt"}[event]
    about = {"messageUuid": message, "broadcastUuid": "0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e", "channel": channel}
    return {"event": event, "timestamp": iso(at + 500_000), "data": {**about, **to, moment: iso(at), **data}}


def webex(event_id: str, transaction: str, at: Micros, phone: str, status: str) -> Body:
    """Return a status of Webex Interact, in its present generation."""
    opt_out = status == "opt_out"
    return {
        "specversion": "1.0",
        "type": f"com.interact.messages.sms.{'opt.out' if opt_out else 'status'}",
        "source": "https://api.webexinteract.com/v1/sms",
        "id": event_id,
        "time": iso(at),
        "datacontenttype": "application/json",
        "data": {"status": status, "channel": "sms", "phone_number": phone, "from": "Name"},
        "transaction_id": transaction,
    }


def old_webex(correlation: str, at_ms: int, phone: str, status: str) -> Body:
    """Return a status of Webex Interact's first generation: its time is a number, and it has no id."""
    return {
        "specversion": "1.0",
        "type": "com.reach.messages.sms.status",
        "source": "https://api.reach.com/messages/sms",
        "time": at_ms,
        "data": {"status": status, "channel": "sms", "phone": phone, "correlationid": correlation},
    }


def prelude(event_id: str, name: str, at: Micros, **payload: str) -> Body:
    """Return an event of Prelude; ``name`` is the whole type."""
    about = {"created_at": iso(at), "customer_uuid": "90c7e8b2-203a-4984-ba25-6cf93d8fdbac", **payload}
    return {"id": event_id, "type": name, "created_at": iso(at), "payload": about}


def treble(event_id: str, at: Micros, conversation: int, phone: str, code: str) -> Body:
    """Return a failed deployment of treble.ai; ``phone`` is E.164 of a country code of two digits."""
    return {
        "event_type": "deployment.failure",
        "event_id": event_id,
        "timestamp": iso(at),
        "failure_reason": code,
        "conversation_id": conversation,
        "country_code": phone[:3],
        "cellphone": phone[3:],
    }
