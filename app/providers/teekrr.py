"""Teekrr: SMS through Elfo, WhatsApp through META, e-mail through AWS SES; amounts in cents.

Source: docs.teekrr.com, webhooks guide and the pages of the four events.
"""

import re
from typing import Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.classify import classify, classify_bounce
from app.classify.overlay import Overlay
from app.errors import BadInputError
from app.identity import NOBODY, Address, Basis, canonical, event_id
from app.outputs import Normalized, RawRecord
from app.providers.fields import (
    Id,
    Moment,
    OptionalAddress,
    OptionalId,
    OptionalMoment,
    OptionalText,
    Payload,
    Text,
    kind,
    read,
)
from app.providers.redaction import code_of, without_addresses
from app.providers.reports import Origin, Report, confirmed, credit_entry, failed, origin_of, phase_of
from app.vocabulary import Channel, Confirmation, CreditEntryKind, Outcome, Phase, Reason

_HOME = "MY"
"""The form of its numbers is not documented: one without a plus that is not international is taken for Malaysian."""
_AMOUNTS = ("amount", "amountCents", "billedAmount", "billedAmountCents", "cost", "costCents")
"""The documents show an amount in whole cents, not the name of its field."""
_ISO_4217 = re.compile(r"[A-Z]{3}", re.ASCII)
_MICROS_PER_CENT = 10_000
_MOST_CENTS = 10**12


class _Data(Payload):
    model_config = ConfigDict(alias_generator=to_camel)

    message_uuid: Id
    broadcast_uuid: OptionalId = None
    channel: Channel = Field(description="sms, whatsapp or email")
    msisdn: OptionalAddress = None
    email: OptionalAddress = None

    def address(self) -> Address:
        given = self.email if self.channel is Channel.EMAIL else self.msisdn
        return canonical(given, self.channel, _HOME) if given else NOBODY


class _FailedData(_Data):
    failed_at: Moment
    error_code: OptionalText = None
    error_message: Text


class _BouncedData(_Data):
    bounced_at: Moment
    bounce_type: Text
    """Permanent or Transient; SES also knows Undetermined."""
    bounce_sub_type: OptionalText = None
    diagnostic: OptionalText = None


class _DeliveredData(_Data):
    delivered_at: OptionalMoment = None


class _BilledData(_Data):
    billed_at: OptionalMoment = None


class _Failed(Payload):
    timestamp: Moment
    data: _FailedData


class _Bounced(Payload):
    timestamp: Moment
    data: _BouncedData


class _Delivered(Payload):
    timestamp: Moment
    data: _DeliveredData


class _Billed(Payload):
    timestamp: Moment
    data: _BilledData


def normalize(raw: RawRecord, body: dict[str, Any], overlay: Overlay) -> Normalized:
    """Return what one of Teekrr's four events means.

    Raises BadInputError.
    """
    event = body.get("event")
    if event == "failed":
        return _on_failed(raw, read(_Failed, body), overlay)
    if event == "delivered":
        return _on_delivered(raw, read(_Delivered, body))
    if event == "billed":
        return _on_billed(raw, read(_Billed, body), body["data"])
    if event == "bounced":
        return _on_bounced(raw, read(_Bounced, body), overlay)
    found = kind(event) if "event" in body else "missing"
    raise BadInputError(f"event: {found}, expected one of delivered, failed, billed, bounced")


def _on_failed(raw: RawRecord, report: _Failed, overlay: Overlay) -> Normalized:
    """Judge by the code alone: the event's own promise of a permanent failure also covers throttling."""
    data = report.data
    verdict = classify(data.channel, raw.provider, code_of(data.error_code), data.error_message)
    verdict = overlay.applied(raw.tenant, data.channel, verdict, data.error_message)
    # an error of SES's interface: no receiving mail system was asked
    phase = phase_of(verdict.reason, Phase.SUBMISSION if verdict.code.startswith("ses:") else Phase.DELIVERY)
    origin = _origin(raw, "failed", data, data.failed_at, report.timestamp)
    failure = failed(origin, verdict, Outcome.FAILED, phase, without_addresses(data.error_message))
    return Normalized((failure, credit_entry(origin, CreditEntryKind.RELEASE)))


def _on_bounced(raw: RawRecord, report: _Bounced, overlay: Overlay) -> Normalized:
    data = report.data
    diagnostic = data.diagnostic or ""
    verdict = classify_bounce(code_of(data.bounce_type), code_of(data.bounce_sub_type), diagnostic)
    verdict = overlay.applied(raw.tenant, data.channel, verdict, diagnostic)
    origin = _origin(raw, "bounced", data, data.bounced_at, report.timestamp)
    # a message that is too large for its receiver was handed over all the same
    phase = Phase.REFUSED if verdict.reason is Reason.RECIPIENT_SUPPRESSED else Phase.DELIVERY
    failure = failed(origin, verdict, Outcome.BOUNCED, phase, without_addresses(diagnostic))
    return Normalized((failure, credit_entry(origin, CreditEntryKind.KEEP)))


def _on_delivered(raw: RawRecord, report: _Delivered) -> Normalized:
    data = report.data
    at = report.timestamp if data.delivered_at is None else data.delivered_at
    origin = _origin(raw, "delivered", data, at, report.timestamp)
    return Normalized((confirmed(origin, Confirmation.DELIVERED),))


def _on_billed(raw: RawRecord, report: _Billed, given: dict[str, Any]) -> Normalized:
    data = report.data
    at = report.timestamp if data.billed_at is None else data.billed_at
    origin = _origin(raw, "billed", data, at, report.timestamp)
    entry = credit_entry(origin, CreditEntryKind.SETTLE, _amount_micros(given), _currency(given))
    if not origin["recipient"]:
        return Normalized((entry,))
    return Normalized((entry, confirmed(origin, Confirmation.ACCEPTED)))


def _amount_micros(given: dict[str, Any]) -> int | None:
    """Return the charge in millionths of a unit; None where no field holds whole cents."""
    for name in _AMOUNTS:
        cents = given.get(name)
        if isinstance(cents, int) and not isinstance(cents, bool) and 0 <= cents <= _MOST_CENTS:
            return cents * _MICROS_PER_CENT
    return None


def _currency(given: dict[str, Any]) -> str:
    currency = given.get("currency")
    return currency if isinstance(currency, str) and _ISO_4217.fullmatch(currency) else ""


def _origin(raw: RawRecord, event: str, data: _Data, occurred_at: int, sent_at: int) -> Origin:
    """Return the shared fields; events have no id, a message has one recipient and each event once.

    Of one e-mail both ``failed`` and ``bounced`` may come. They are one failure: with one id between them they are
    counted once.
    """
    identity = "failure" if event in {"failed", "bounced"} else event
    return origin_of(
        raw,
        Report(
            event=event,
            channel=data.channel,
            occurred_at=occurred_at,
            event_id=event_id(raw.tenant, raw.provider, identity, data.message_uuid),
            basis=Basis.MESSAGE,
            address=data.address(),
            message_id=data.message_uuid,
            campaign_id=data.broadcast_uuid or "",
            sent_at=sent_at,
        ),
    )
