"""From what a provider reports to the records that travel."""

from hashlib import sha256
from typing import NamedTuple, TypedDict

from app.classify import MAPPING_VERSION, Verdict
from app.events import CreditEntry, DeliveryConfirmed, DeliveryFailed, Micros, SuppressionRequested
from app.identity import NOBODY, Address, Basis, event_id, recipient_key, unaddressed_key
from app.outputs import Output, RawRecord
from app.topics import Topic
from app.vocabulary import Confirmation, CreditEntryKind, Outcome, Phase, Reason, SuppressionAction, WillRetry

_REFUSED = frozenset(
    {
        Reason.RECIPIENT_SUPPRESSED,
        Reason.INSUFFICIENT_FUNDS,
        Reason.CONVERSATION_BUSY,
        Reason.CANCELLED,
        Reason.DUPLICATE,
    }
)
"""Reasons of messages that nobody tried to send."""

_SUBMISSION = frozenset(
    {
        Reason.SENDER_NOT_REGISTERED,
        Reason.SENDER_ACCOUNT_RESTRICTED,
        Reason.SENDER_CREDENTIALS,
        Reason.RATE_LIMITED,
        Reason.QUOTA_EXCEEDED,
        Reason.SESSION_WINDOW_CLOSED,
        Reason.TEMPLATE_ERROR,
        Reason.UNSUPPORTED_CONTENT,
        Reason.MESSAGE_TOO_LARGE,
        Reason.INVALID_REQUEST,
    }
)
"""Reasons that an interface answers with when a message is handed to it."""


class Report(NamedTuple):
    """What a webhook says of one message, before anybody judges it."""

    event: str
    channel: str
    occurred_at: Micros
    event_id: str
    basis: Basis
    address: Address = NOBODY
    message_id: str = ""
    provider_event_id: str = ""
    provider_account: str = ""
    correlation_id: str = ""
    campaign_id: str = ""
    sent_at: Micros | None = None


class Origin(TypedDict):
    """The fields that every record made from one webhook shares."""

    event_id: str
    tenant: str
    provider: str
    channel: str
    recipient: str
    occurred_at: Micros
    message_id: str
    account: str
    provider_account: str
    correlation_id: str
    campaign_id: str
    recipient_kind: str
    recipient_given: str
    event_id_basis: str
    provider_event_id: str
    provider_event: str
    provider_sent_at: Micros | None
    received_at: Micros
    raw_topic: str
    raw_partition: int
    raw_offset: int
    raw_sha256: str


def origin_of(raw: RawRecord, report: Report) -> Origin:
    """Return what all records of this webhook say alike, with the pointer to its bytes."""
    return {
        "event_id": report.event_id,
        "tenant": raw.tenant,
        "provider": raw.provider,
        "channel": report.channel,
        "recipient": report.address.value,
        "occurred_at": report.occurred_at,
        "message_id": report.message_id,
        "account": raw.account or f"{raw.tenant}/{raw.provider}",
        "provider_account": report.provider_account,
        "correlation_id": report.correlation_id,
        "campaign_id": report.campaign_id,
        "recipient_kind": report.address.kind,
        "recipient_given": report.address.given,
        "event_id_basis": report.basis,
        "provider_event_id": report.provider_event_id,
        "provider_event": report.event,
        "provider_sent_at": report.sent_at,
        "received_at": raw.received_at,
        "raw_topic": raw.topic,
        "raw_partition": raw.partition,
        "raw_offset": raw.offset,
        "raw_sha256": sha256(raw.value).hexdigest(),
    }


def phase_of(reason: str, otherwise: Phase) -> Phase:
    """Return when a message failed, as far as the reason tells."""
    if reason in _REFUSED:
        return Phase.REFUSED
    return Phase.SUBMISSION if reason in _SUBMISSION else otherwise


def failed(origin: Origin, verdict: Verdict, outcome: Outcome, phase: Phase, diagnostic: str = "") -> Output:
    """Return a failure; what was refused before any attempt counts as rejected, whatever the provider calls it.

    No provider read here reports a failure that it goes on retrying.
    """
    record: DeliveryFailed = {
        **origin,
        "reason": verdict.reason,
        "attribution": verdict.attribution,
        "permanence": verdict.permanence,
        "confidence": verdict.confidence,
        "phase": phase,
        "provider_will_retry": WillRetry.NO,
        "outcome": Outcome.REJECTED if phase is Phase.REFUSED else outcome,
        "code": verdict.code,
        "smtp_reply": verdict.smtp_reply,
        "smtp_enhanced": verdict.smtp_enhanced,
        "receiver": verdict.receiver,
        "diagnostic": diagnostic,
        "mapping_version": MAPPING_VERSION + verdict.overlay,
    }
    return Output(Topic.DELIVERY_FAILED, _key(origin), record)


def confirmed(origin: Origin, word: Confirmation) -> Output:
    """Return good news."""
    record: DeliveryConfirmed = {**origin, "kind": word}
    return Output(Topic.DELIVERY_CONFIRMED, _key(origin), record)


def opted_out(origin: Origin) -> Output:
    """Return a recipient's own wish to hear no more, as the provider took it down."""
    record: SuppressionRequested = {
        "event_id": origin["event_id"],
        "tenant": origin["tenant"],
        "channel": origin["channel"],
        "recipient": origin["recipient"],
        "action": SuppressionAction.SUPPRESS,
        "reason": Reason.RECIPIENT_OPTED_OUT,
        "occurred_at": origin["occurred_at"],
        "requested_by": f"provider:{origin['provider']}",
        "until": None,
        "note": "",
        "raw_topic": origin["raw_topic"],
        "raw_partition": origin["raw_partition"],
        "raw_offset": origin["raw_offset"],
        "raw_sha256": origin["raw_sha256"],
        "received_at": origin["received_at"],
    }
    return Output(Topic.SUPPRESSION_REQUESTED, _key(origin), record)


def credit_entry(
    origin: Origin, entry: CreditEntryKind, amount_micros: int | None = None, currency: str = ""
) -> Output:
    """Return what a webhook means for a message's credit; without an amount it is about the whole reservation."""
    record: CreditEntry = {
        # one failure may be reported twice, and the two may mean different things for credit
        "event_id": event_id(origin["event_id"], entry),
        "tenant": origin["tenant"],
        "account": origin["account"],
        "kind": entry,
        "message_id": origin["message_id"],
        "amount_micros": amount_micros,
        "currency": currency,
        "occurred_at": origin["occurred_at"],
        "received_at": origin["received_at"],
        "provider": origin["provider"],
        "provider_event": origin["provider_event"],
        "raw_topic": origin["raw_topic"],
        "raw_partition": origin["raw_partition"],
        "raw_offset": origin["raw_offset"],
        "raw_sha256": origin["raw_sha256"],
    }
    return Output(Topic.CREDIT_ENTRY, origin["account"], record)


def _key(origin: Origin) -> str:
    if origin["recipient"]:
        return recipient_key(origin["tenant"], origin["recipient"])
    # some failures name neither a recipient nor a message
    return unaddressed_key(origin["tenant"], origin["provider"], origin["message_id"] or origin["event_id"])
