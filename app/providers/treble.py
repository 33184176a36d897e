"""treble.ai: WhatsApp. The codes of a failed deployment are documented, the rest of its body is not: read leniently.

Source: help.treble.ai, webhook centre and deployment failure.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from pydantic import Field

from app.classify import Verdict, classify_code
from app.classify.overlay import Overlay
from app.errors import BadInputError
from app.identity import NOBODY, Address, Basis, canonical, event_id
from app.outputs import Normalized, RawRecord
from app.providers.fields import LooseId, LooseNumber, OptionalMoment, Payload, kind, read
from app.providers.reports import Report, failed, origin_of, phase_of
from app.vocabulary import Channel, Confidence, Outcome, Phase, Reason

_FAILURE = "deployment.failure"
_IGNORED = ("hsm.status", "session.close")
_LOOKS_LIKE_A_CODE = re.compile(r"[A-Z0-9_]{1,64}", re.ASCII)
_PLACES_OF_THE_CODE = ("failure_reason", "reason", "error_code", "code", "status")


class _Failure(Payload):
    event_id: LooseId = None
    timestamp: OptionalMoment = None
    conversation_id: LooseId = None
    batch_id: LooseId = None
    country_code: LooseNumber = None
    cellphone: LooseNumber = None
    phone: LooseNumber = None
    phone_number: LooseNumber = None
    failure_reason: Any = Field(None, description="any value")
    reason: Any = Field(None, description="any value")
    error_code: Any = Field(None, description="any value")
    code: Any = Field(None, description="any value")
    status: Any = Field(None, description="any value")
    error: Any = Field(None, description="any value")


def normalize(raw: RawRecord, body: dict[str, Any], overlay: Overlay) -> Normalized:
    """Return what an event means; changes of a template and ends of a conversation are ignored.

    Raises BadInputError.
    """
    event = body.get("event_type")
    if event in _IGNORED:
        return Normalized(ignored=event)
    if event != _FAILURE:
        found = kind(event) if "event_type" in body else "missing"
        raise BadInputError(f"event_type: {found}, expected one of {_FAILURE}, {', '.join(_IGNORED)}")
    failure = read(_Failure, body)
    verdict = _judged(raw.tenant, failure, overlay)
    unknown = verdict.reason is Reason.UNKNOWN
    phase = Phase.UNKNOWN if unknown else phase_of(verdict.reason, Phase.DELIVERY)
    return Normalized((failed(origin_of(raw, _report(raw, failure)), verdict, Outcome.FAILED, phase),))


def _judged(tenant: str, failure: _Failure, overlay: Overlay) -> Verdict:
    """Judge by the first value that is a documented code or one of the overlay; else keep the first that looks so."""
    verdicts = [
        overlay.applied(tenant, Channel.WHATSAPP, classify_code("treble", code), "")
        for code in list(_candidates(failure)) or [""]
    ]
    return next((verdict for verdict in verdicts if verdict.confidence is Confidence.CODE), verdicts[0])


def _candidates(failure: _Failure) -> Iterator[str]:
    nested = failure.error.get("code") if isinstance(failure.error, dict) else None
    for value in (*(getattr(failure, name) for name in _PLACES_OF_THE_CODE), nested):
        if isinstance(value, str) and _LOOKS_LIKE_A_CODE.fullmatch(value.strip()):
            yield value.strip()


def _address(failure: _Failure) -> Address:
    if failure.country_code and failure.cellphone:
        given = f"{failure.country_code}{failure.cellphone}"
    else:
        given = failure.phone or failure.cellphone or failure.phone_number or ""
    return canonical(given, Channel.WHATSAPP) if given else NOBODY


def _report(raw: RawRecord, failure: _Failure) -> Report:
    basis = Basis.PROVIDER_EVENT_ID if failure.event_id else Basis.CONTENT
    return Report(
        event=_FAILURE,
        channel=Channel.WHATSAPP,
        occurred_at=raw.received_at if failure.timestamp is None else failure.timestamp,
        event_id=event_id(raw.tenant, raw.provider, basis, failure.event_id or sha256(raw.value).hexdigest()),
        basis=basis,
        address=_address(failure),
        message_id=failure.conversation_id or "",
        provider_event_id=failure.event_id or "",
        campaign_id=failure.batch_id or "",
    )
