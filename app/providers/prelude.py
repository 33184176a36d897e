"""Prelude, Transactional and Notify: only a message's first event names its recipient.

Source: docs.prelude.so, transactional v2 and notify v2 webhooks, verify webhooks.
"""

from typing import Any

from pydantic import AliasChoices, Field

from app.classify import classify_prelude
from app.classify.overlay import Overlay
from app.errors import BadInputError
from app.identity import NOBODY, Address, Basis, canonical, event_id
from app.outputs import Introduction, Normalized, RawRecord
from app.providers.fields import GivenAddress, Id, Moment, OptionalId, OptionalText, Payload, kind, read
from app.providers.redaction import code_of
from app.providers.reports import Origin, Report, confirmed, failed, opted_out, origin_of, phase_of
from app.vocabulary import Channel, Confirmation, Outcome, Phase

_MESSAGE = "transactional.message."
_CREATED = f"{_MESSAGE}created"
_FAILED = f"{_MESSAGE}failed"
_CONFIRMATIONS = {
    f"{_MESSAGE}submitted": Confirmation.ACCEPTED,
    f"{_MESSAGE}pending_delivery": Confirmation.ACCEPTED,
    f"{_MESSAGE}delivered": Confirmation.DELIVERED,
}
_UNSUBSCRIBED = "subscription.phone_number.unsubscribed"
_SUBSCRIPTIONS = (_UNSUBSCRIBED, "subscription.phone_number.subscribed")
_IGNORED = (f"{_MESSAGE}unknown", "verify.authentication", "verify.attempt", "verify.delivery_status")
_KNOWN = ", ".join((_CREATED, *_CONFIRMATIONS, _FAILED, *_SUBSCRIPTIONS, *_IGNORED))


class _Created(Payload):
    id: Id
    to: GivenAddress
    customer_uuid: OptionalId = None
    correlation_id: OptionalId = None


class _Status(Payload):
    message_id: Id
    customer_uuid: OptionalId = None
    correlation_id: OptionalId = None
    channel: OptionalText = None
    status: OptionalText = None
    reason: OptionalText = None


class _Subscription(Payload):
    # the documents name the events and show no payload; the first spelling is the one seen in use
    phone_number: GivenAddress = Field(validation_alias=AliasChoices("phone_number", "phone", "to"))
    customer_uuid: OptionalId = None


class _Envelope(Payload):
    id: Id
    created_at: Moment


class _CreatedEvent(_Envelope):
    payload: _Created


class _StatusEvent(_Envelope):
    payload: _Status


class _SubscriptionEvent(_Envelope):
    payload: _Subscription


def normalize(raw: RawRecord, body: dict[str, Any], overlay: Overlay) -> Normalized:
    """Return what an event means; events of verifications and of unknown outcome are ignored.

    Raises BadInputError.
    """
    event = body.get("type")
    if not isinstance(event, str):
        raise BadInputError(f"type: {kind(event) if 'type' in body else 'missing'}, expected one of {_KNOWN}")
    if event == _FAILED:
        return _on_failed(raw, read(_StatusEvent, body), overlay)
    if event in _CONFIRMATIONS:
        return _on_confirmed(raw, event, read(_StatusEvent, body))
    if event == _CREATED:
        return _on_created(raw, read(_CreatedEvent, body))
    if event in _SUBSCRIPTIONS:
        return _on_subscription(raw, event, read(_SubscriptionEvent, body))
    if event in _IGNORED:
        return Normalized(ignored=event)
    if event.startswith("verify."):
        # a name of its own for each would let a sender fill the list of counted names
        return Normalized(ignored="verify.*")
    raise BadInputError(f"type: {kind(event)}, expected one of {_KNOWN}")


def _on_failed(raw: RawRecord, event: _StatusEvent, overlay: Overlay) -> Normalized:
    status = code_of(event.payload.status)
    origin = _status_origin(raw, _FAILED, event)
    verdict = classify_prelude(status, code_of(event.payload.reason))
    verdict = overlay.applied(raw.tenant, origin["channel"], verdict, "")
    outcome = Outcome.EXPIRED if status == "expired" else Outcome.FAILED
    output = failed(origin, verdict, outcome, phase_of(verdict.reason, Phase.DELIVERY))
    return Normalized((output,), awaits=event.payload.message_id)


def _on_confirmed(raw: RawRecord, name: str, event: _StatusEvent) -> Normalized:
    output = confirmed(_status_origin(raw, name, event), _CONFIRMATIONS[name])
    return Normalized((output,), awaits=event.payload.message_id)


def _on_created(raw: RawRecord, event: _CreatedEvent) -> Normalized:
    message = event.payload
    address = canonical(message.to, Channel.SMS)
    report = _report(raw, _CREATED, event, address)._replace(
        message_id=message.id,
        provider_account=message.customer_uuid or "",
        correlation_id=message.correlation_id or "",
    )
    return Normalized(
        (confirmed(origin_of(raw, report), Confirmation.ACCEPTED),),
        introduces=Introduction(message.id, address.value, address.kind, address.given, event.created_at),
    )


def _on_subscription(raw: RawRecord, name: str, event: _SubscriptionEvent) -> Normalized:
    address = canonical(event.payload.phone_number, Channel.SMS)
    account = event.payload.customer_uuid or ""
    origin = origin_of(raw, _report(raw, name, event, address)._replace(provider_account=account))
    if name == _UNSUBSCRIBED:
        return Normalized((opted_out(origin),))
    return Normalized((confirmed(origin, Confirmation.OPTED_IN),))


def _status_origin(raw: RawRecord, name: str, event: _StatusEvent) -> Origin:
    report = _report(raw, name, event, NOBODY)._replace(
        channel=Channel.WHATSAPP if event.payload.channel == Channel.WHATSAPP else Channel.SMS,
        message_id=event.payload.message_id,
        provider_account=event.payload.customer_uuid or "",
        correlation_id=event.payload.correlation_id or "",
    )
    return origin_of(raw, report)


def _report(raw: RawRecord, name: str, event: _Envelope, address: Address) -> Report:
    return Report(
        event=name,
        channel=Channel.SMS,
        occurred_at=event.created_at,
        # published samples show one event id under several types
        event_id=event_id(raw.tenant, raw.provider, name, event.id),
        basis=Basis.PROVIDER_EVENT_ID,
        address=address,
        provider_event_id=event.id,
    )
