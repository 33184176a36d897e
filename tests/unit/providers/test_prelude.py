from collections.abc import Callable

import pytest

from app.classify import MAPPING_VERSION
from app.normalize import normalize
from app.outputs import DeadLetter, Introduction, Normalized, Output, RawRecord

Sample = Callable[..., RawRecord]
Pointer = Callable[[RawRecord], dict[str, object]]

MESSAGE_ID = "tx_01htjet67afxhta23j7dtekneh"
ADDRESS = "text of 1 to 320 characters"
WAITING_KEY = f"acme/~prelude/{MESSAGE_ID}"
MESSAGE = {
    "event_id": "fd8c2bd87b6edc713fa5efb989710a02",
    "tenant": "acme",
    "provider": "prelude",
    "channel": "sms",
    "recipient": "",
    "occurred_at": 1_712_164_081_368_813,
    "message_id": MESSAGE_ID,
    "account": "acme/prelude",
    "provider_account": "90c7e8b2-203a-4984-ba25-6cf93d8fdbac",
    "correlation_id": "8709c4f8-78b4-4a3c-8167-e99164424d0f",
    "campaign_id": "",
    "recipient_kind": "none",
    "recipient_given": "",
    "event_id_basis": "provider_event_id",
    "provider_event_id": "evt_01htjex3pre54tywgzsdg1jnbn",
    "provider_event": "transactional.message.failed",
    "provider_sent_at": None,
}
JUDGED = {
    "reason": "carrier_rejected",
    "attribution": "CARRIER",
    "permanence": "PERMANENT",
    "confidence": "CODE",
    "phase": "DELIVERY",
    "provider_will_retry": "NO",
    "outcome": "failed",
    "code": "prelude:reason:carrier_rejected",
    "smtp_reply": "",
    "smtp_enhanced": "",
    "receiver": "",
    "diagnostic": "",
    "mapping_version": MAPPING_VERSION,
}


def test_failed_waits_for_its_recipient(sample: Sample, pointer: Pointer) -> None:
    raw = sample("prelude-failed")
    record = {**MESSAGE, **JUDGED, **pointer(raw)}
    assert normalize(raw) == Normalized((Output("delivery.failed", WAITING_KEY, record),), awaits=MESSAGE_ID)


def test_created_introduces_the_recipient(sample: Sample, pointer: Pointer) -> None:
    """The number of the published sample lacks a digit: it is kept as given."""
    raw = sample("prelude-created")
    record = {
        **MESSAGE,
        **pointer(raw),
        "event_id": "4eb740246d10134dc03a40e996d885af",
        "recipient": "+3361234567",
        "recipient_kind": "invalid",
        "recipient_given": "+3361234567",
        "provider_event": "transactional.message.created",
        "kind": "accepted",
    }
    assert normalize(raw) == Normalized(
        (Output("delivery.confirmed", "acme/+3361234567", record),),
        introduces=Introduction(MESSAGE_ID, "+3361234567", "invalid", "+3361234567", 1_712_164_081_368_813),
    )


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (
            "submitted",
            {
                "event_id": "60242e0e9d335b271494e18220034341",
                "occurred_at": 1_712_164_082_500_000,
                "provider_event_id": "evt_submitted1",
                "kind": "accepted",
            },
        ),
        (
            "pending",
            {
                "event_id": "0feae53fecfcf2d526a7308fc64e514a",
                "occurred_at": 1_712_164_083_000_000,
                "provider_event_id": "evt_pending1",
                "provider_event": "transactional.message.pending_delivery",
                "correlation_id": "",
                "kind": "accepted",
            },
        ),
        (
            "delivered",
            {
                "event_id": "f29a899375c525d8a26bc6fa3de3b0de",
                "occurred_at": 1_712_164_089_100_000,
                "provider_event_id": "evt_delivered1",
                "correlation_id": "",
                "kind": "delivered",
            },
        ),
    ],
)
def test_good_news_waits_for_its_recipient(
    sample: Sample, pointer: Pointer, name: str, changes: dict[str, object]
) -> None:
    raw = sample(f"prelude-{name}")
    record = {**MESSAGE, **pointer(raw), "provider_event": f"transactional.message.{name}", **changes}
    assert normalize(raw) == Normalized((Output("delivery.confirmed", WAITING_KEY, record),), awaits=MESSAGE_ID)


REASONS = {
    "unavailable": ("recipient_unavailable", "RECIPIENT", "TRANSIENT"),
    "generic": ("unknown", "UNKNOWN", "UNDETERMINED"),
    "network": ("network_error", "CARRIER", "TRANSIENT"),
    "unknown_recipient": ("invalid_recipient", "RECIPIENT", "PERMANENT"),
    "insufficient_balance": ("insufficient_funds", "SENDER", "PERMANENT"),
    "carrier_rejected": ("carrier_rejected", "CARRIER", "PERMANENT"),
    "unknown": ("unknown", "UNKNOWN", "UNDETERMINED"),
    "brand_new": ("unknown", "UNKNOWN", "UNDETERMINED"),
}
EXPIRED = {
    "unavailable": ("expired", "RECIPIENT", "TRANSIENT"),
    "generic": ("expired", "RECIPIENT", "TRANSIENT"),
    "network": ("expired", "CARRIER", "TRANSIENT"),
    "unknown": ("expired", "RECIPIENT", "TRANSIENT"),
    "brand_new": ("expired", "RECIPIENT", "TRANSIENT"),
}


@pytest.mark.parametrize("status", ["failed", "expired", None])
@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_with_every_status(sample: Sample, status: str | None, reason: str) -> None:
    """Expired overrides a reason that may pass, not one that stays; the reason is kept as the code."""
    expired = status == "expired"
    judged = EXPIRED.get(reason, REASONS[reason]) if expired else REASONS[reason]
    outcome, phase = ("expired" if expired else "failed"), "DELIVERY"
    if reason == "insufficient_balance":
        outcome, phase = "rejected", "REFUSED"
    record = normalize(sample("prelude-failed", payload__reason=reason, payload__status=status)).outputs[0].value
    named = ("reason", "attribution", "permanence", "outcome", "phase", "code")
    assert tuple(record[name] for name in named) == (*judged, outcome, phase, f"prelude:reason:{reason}")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("failed", ("unknown", "UNKNOWN", "failed", "prelude:status:failed")),
        ("expired", ("expired", "RECIPIENT", "expired", "prelude:status:expired")),
        (None, ("unknown", "UNKNOWN", "failed", "prelude:status:failed")),
    ],
)
def test_reason_may_be_missing(sample: Sample, status: str | None, expected: tuple[str, ...]) -> None:
    record = normalize(sample("prelude-failed", payload__reason=None, payload__status=status)).outputs[0].value
    assert tuple(record[name] for name in ("reason", "attribution", "outcome", "code")) == expected


def test_one_event_id_under_two_types_is_two_events(sample: Sample) -> None:
    ids = {normalize(sample(name)).outputs[0].value["event_id"] for name in ("prelude-created", "prelude-failed")}
    assert len(ids) == 2


def test_channel_of_the_payload_wins(sample: Sample) -> None:
    channels = [
        normalize(sample("prelude-submitted", payload__channel=word)).outputs[0].value["channel"]
        for word in ("sms", "whatsapp", "rcs", None)
    ]
    assert channels == ["sms", "whatsapp", "sms", "sms"]


def test_stop_asks_for_a_suppression(sample: Sample, pointer: Pointer) -> None:
    raw = sample("prelude-unsubscribed")
    record = {
        "event_id": "9c9901f7d9b05ed01dff5428ab72d70b",
        "tenant": "acme",
        "channel": "sms",
        "recipient": "+33612345678",
        "action": "suppress",
        "reason": "recipient_opted_out",
        "occurred_at": 1_741_111_165_129_596,
        "requested_by": "provider:prelude",
        "until": None,
        "note": "",
        **pointer(raw),
    }
    assert normalize(raw) == Normalized((Output("suppression.requested", "acme/+33612345678", record),))


def test_start_is_an_opt_in(sample: Sample, pointer: Pointer) -> None:
    raw = sample("prelude-unsubscribed", type="subscription.phone_number.subscribed")
    record = {
        **MESSAGE,
        **pointer(raw),
        "event_id": "e4e72b0b45da2b5a90aa970cfdbffc33",
        "recipient": "+33612345678",
        "recipient_kind": "phone",
        "recipient_given": "+33612345678",
        "occurred_at": 1_741_111_165_129_596,
        "message_id": "",
        "provider_account": "",
        "correlation_id": "",
        "provider_event_id": "evt_stop1",
        "provider_event": "subscription.phone_number.subscribed",
        "kind": "opted_in",
    }
    assert normalize(raw) == Normalized((Output("delivery.confirmed", "acme/+33612345678", record),))


@pytest.mark.parametrize("field", ["phone_number", "phone", "to"])
def test_subscription_names_its_number_in_any_likely_field(sample: Sample, field: str) -> None:
    raw = sample("prelude-unsubscribed", payload={field: "+33612345678"})
    assert [output.key for output in normalize(raw).outputs] == ["acme/+33612345678"]


@pytest.mark.parametrize(
    ("event", "ignored"),
    [
        ("transactional.message.unknown", "transactional.message.unknown"),
        ("verify.authentication", "verify.authentication"),
        ("verify.attempt", "verify.attempt"),
        ("verify.delivery_status", "verify.delivery_status"),
        ("verify.something_new", "verify.*"),
    ],
)
def test_unknown_outcomes_and_verifications_are_ignored(sample: Sample, event: str, ignored: str) -> None:
    assert normalize(sample("prelude-verify-delivery-status", type=event)) == Normalized(ignored=ignored)


KNOWN = (
    "expected one of transactional.message.created, transactional.message.submitted, "
    "transactional.message.pending_delivery, transactional.message.delivered, transactional.message.failed, "
    "subscription.phone_number.unsubscribed, subscription.phone_number.subscribed, transactional.message.unknown, "
    "verify.authentication, verify.attempt, verify.delivery_status"
)
ID = "text of 1 to 256 characters, no control characters"
TIME = "a time as in 2026-05-06T10:15:00.123Z"


@pytest.mark.parametrize(
    ("name", "changes", "text"),
    [
        ("failed", {"type": None}, f"type: missing, {KNOWN}"),
        ("failed", {"type": ["x"]}, f"type: a list, {KNOWN}"),
        ("failed", {"type": "session.created"}, f"type: text of 15 characters, {KNOWN}"),
        ("failed", {"payload": []}, "payload: a list, expected an object"),
        (
            "failed",
            {"id": 7, "created_at": 1712164081, "payload__message_id": None, "payload__reason": {}},
            (
                f"id: a number, expected {ID}; created_at: a number, expected {TIME}; "
                f"payload.message_id: missing, expected {ID}; payload.reason: an object, expected text or nothing"
            ),
        ),
        ("created", {"payload__to": None}, f"payload.to: missing, expected {ADDRESS}"),
        ("created", {"created_at": "1969-12-31T23:59:59Z"}, f"created_at: text of 20 characters, expected {TIME}"),
        ("unsubscribed", {"payload": {}}, f"payload.phone_number: missing, expected {ADDRESS}"),
        ("unsubscribed", {"payload": {"to": 5}}, f"payload.to: a number, expected {ADDRESS}"),
    ],
)
def test_wrong_types_are_dead_letters_that_name_every_field(
    sample: Sample, name: str, changes: dict[str, object], text: str
) -> None:
    assert normalize(sample(f"prelude-{name}", **changes)) == Normalized(dead_letter=DeadLetter("BadInputError", text))
