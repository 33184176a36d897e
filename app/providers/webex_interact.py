"""Webex Interact: SMS; its payloads have had three generations, and none gives a reason.

Source: docs.webexinteract.com, webhooks, outbound and inbound SMS events, SMS opt-out received.
"""

from typing import Any

from app.classify import classify
from app.classify.overlay import Overlay
from app.errors import BadInputError
from app.identity import NOBODY, Basis, canonical, event_id
from app.outputs import Normalized, RawRecord
from app.providers.fields import AnyMoment, Id, LooseId, OptionalAddress, OptionalId, Payload, kind, read
from app.providers.redaction import code_of
from app.providers.reports import Origin, Report, confirmed, failed, opted_out, origin_of, phase_of
from app.vocabulary import Channel, Confirmation, Outcome, Phase

_TYPES = (
    "com.interact.messages.sms.status",
    "com.interact.messages.sms.opt.out",
    "com.reach.messages.sms.status",
)
"""The last is the oldest generation: its time is a number, and it has no event id."""

_CONFIRMATIONS = {
    "submitted": Confirmation.ACCEPTED,
    "delivered": Confirmation.DELIVERED,
    "clicked": Confirmation.READ,
}


class _Data(Payload):
    status: Id
    phone_number: OptionalAddress = None
    phone: OptionalAddress = None
    code: LooseId = None
    campaign_id: OptionalId = None
    correlationid: OptionalId = None


class _Event(Payload):
    id: OptionalId = None
    time: AnyMoment
    data: _Data
    correlation_id: OptionalId = None
    transaction_id: OptionalId = None


def normalize(raw: RawRecord, body: dict[str, Any], overlay: Overlay) -> Normalized:
    """Return what an event means; messages that people send to us are ignored.

    Raises BadInputError.
    """
    if body.get("type") not in _TYPES:
        found = kind(body["type"]) if "type" in body else "missing"
        raise BadInputError(f"type: {found}, expected one of {', '.join(_TYPES)}")
    event = read(_Event, body)
    data = event.data
    if data.status == "inbound":
        return Normalized(ignored="inbound")
    if data.status == "failed":
        return _on_failed(raw, event, overlay)
    if data.status in _CONFIRMATIONS:
        return Normalized((confirmed(_origin(raw, event), _CONFIRMATIONS[data.status]),))
    if data.status == "opt_out":
        return _on_opt_out(raw, event)
    raise BadInputError(
        f"data.status: {kind(data.status)}, expected one of {', '.join(_CONFIRMATIONS)}, failed, inbound, opt_out"
    )


def _on_failed(raw: RawRecord, event: _Event, overlay: Overlay) -> Normalized:
    verdict = classify(Channel.SMS, raw.provider, code_of(event.data.code))
    verdict = overlay.applied(raw.tenant, Channel.SMS, verdict, "")
    # it may even have failed before it was sent
    phase = phase_of(verdict.reason, Phase.UNKNOWN)
    return Normalized((failed(_origin(raw, event), verdict, Outcome.FAILED, phase),))


def _on_opt_out(raw: RawRecord, event: _Event) -> Normalized:
    origin = _origin(raw, event)
    if not origin["recipient"]:
        raise BadInputError("data.phone_number: missing, expected the number that opted out")
    return Normalized((opted_out(origin),))


def _origin(raw: RawRecord, event: _Event) -> Origin:
    data = event.data
    phone = data.phone_number or data.phone
    correlation = event.correlation_id or data.correlationid or ""
    # the middle generation wrote the transaction into the correlation
    transaction = event.transaction_id or (correlation if correlation.startswith("tid_") else "")
    if event.id:
        identity, basis = event_id(raw.tenant, raw.provider, event.id), Basis.PROVIDER_EVENT_ID
    else:
        content = (transaction or correlation, phone or "", data.status, str(event.time))
        identity, basis = event_id(raw.tenant, raw.provider, *content), Basis.CONTENT
    return origin_of(
        raw,
        Report(
            event=data.status,
            channel=Channel.SMS,
            occurred_at=event.time,
            event_id=identity,
            basis=basis,
            address=canonical(phone, Channel.SMS) if phone else NOBODY,
            message_id=transaction,
            provider_event_id=event.id or "",
            correlation_id=correlation,
            campaign_id=data.campaign_id or "",
        ),
    )
