from collections.abc import Callable

import orjson
import pytest

from app.classify import MAPPING_VERSION
from app.normalize import normalize
from app.outputs import DeadLetter, Normalized, Output, RawRecord

Sample = Callable[..., RawRecord]
Pointer = Callable[[RawRecord], dict[str, object]]

MESSAGE = {
    "event_id": "22576583f87d9280d9ba405bc4863605",
    "tenant": "acme",
    "provider": "treble",
    "channel": "whatsapp",
    "recipient": "+573161234567",
    "occurred_at": 1_725_971_696_789_000,
    "message_id": "12345",
    "account": "acme/treble",
    "provider_account": "",
    "correlation_id": "",
    "campaign_id": "b-1",
    "recipient_kind": "phone",
    "recipient_given": "+573161234567",
    "event_id_basis": "provider_event_id",
    "provider_event_id": "5f8d7e6a5f8d7e6a5f8d7e6b",
    "provider_event": "deployment.failure",
    "provider_sent_at": None,
}
JUDGED = {
    "reason": "recipient_opted_out",
    "attribution": "RECIPIENT",
    "permanence": "PERMANENT",
    "confidence": "CODE",
    "phase": "DELIVERY",
    "provider_will_retry": "NO",
    "outcome": "failed",
    "code": "treble:FAILURE_BY_OPTOUT_CONTACT",
    "smtp_reply": "",
    "smtp_enhanced": "",
    "receiver": "",
    "diagnostic": "",
    "mapping_version": MAPPING_VERSION,
}
CODES = {
    "FAILURE": ("unknown", "UNKNOWN", "UNDETERMINED", "UNKNOWN"),
    "FAILURE_BY_HUMAN_HANDOVER": ("conversation_busy", "RECIPIENT", "TRANSIENT", "REFUSED"),
    "REVOKED": ("cancelled", "SENDER", "PERMANENT", "REFUSED"),
    "INVALID_PHONE": ("invalid_recipient", "RECIPIENT", "PERMANENT", "DELIVERY"),
    "FAILURE_BY_RATE_LIMIT": ("rate_limited", "SENDER", "TRANSIENT", "SUBMISSION"),
    "COMPANY_RATE_LIMIT": ("quota_exceeded", "SENDER", "TRANSIENT", "SUBMISSION"),
    "FAILURE_BY_TIER_CAPACITY": ("quota_exceeded", "SENDER", "TRANSIENT", "SUBMISSION"),
    "MISSING_PARAMETER": ("template_error", "CONTENT", "PERMANENT", "SUBMISSION"),
    "PARAMETER_MISMATCH": ("template_error", "CONTENT", "PERMANENT", "SUBMISSION"),
    "FAILURE_BY_BLOCKED_CONTACT": ("recipient_suppressed", "RECIPIENT", "PERMANENT", "REFUSED"),
    "FAILURE_BY_OPTOUT_CONTACT": ("recipient_opted_out", "RECIPIENT", "PERMANENT", "DELIVERY"),
    "INVALID_POLL": ("invalid_request", "SENDER", "PERMANENT", "SUBMISSION"),
    "CHARACTER_LIMIT_HEADER": ("message_too_large", "CONTENT", "PERMANENT", "SUBMISSION"),
    "CHARACTER_LIMIT_BODY": ("message_too_large", "CONTENT", "PERMANENT", "SUBMISSION"),
    "FAILURE_BY_DISABLED_HSM": ("template_error", "CONTENT", "PERMANENT", "SUBMISSION"),
    "FAILURE_BY_SPAM_RATE_LIMIT": ("sender_reputation", "SENDER", "TRANSIENT", "DELIVERY"),
    "FAILURE_BY_EXPERIMENT_NUMBER": ("marketing_limited", "PROVIDER", "UNDETERMINED", "DELIVERY"),
    "FAILURE_BY_UNABLE_TO_CONTACT": ("recipient_not_on_channel", "RECIPIENT", "PERMANENT", "DELIVERY"),
}


def test_failure(sample: Sample, pointer: Pointer) -> None:
    raw = sample("treble-failure")
    record = {**MESSAGE, **JUDGED, **pointer(raw)}
    assert normalize(raw) == Normalized((Output("delivery.failed", "acme/+573161234567", record),))


@pytest.mark.parametrize("code", CODES)
def test_every_documented_code(sample: Sample, pointer: Pointer, code: str) -> None:
    raw = sample("treble-failure", failure_reason=code)
    reason, attribution, permanence, phase = CODES[code]
    record = {
        **MESSAGE,
        **JUDGED,
        **pointer(raw),
        "reason": reason,
        "attribution": attribution,
        "permanence": permanence,
        "phase": phase,
        "outcome": "rejected" if phase == "REFUSED" else "failed",
        "code": f"treble:{code}",
    }
    assert normalize(raw) == Normalized((Output("delivery.failed", "acme/+573161234567", record),))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"failure_reason": "INVALID_PHONE"}, "treble:INVALID_PHONE"),
        ({"reason": " INVALID_PHONE "}, "treble:INVALID_PHONE"),
        ({"error_code": "INVALID_PHONE"}, "treble:INVALID_PHONE"),
        ({"code": "INVALID_PHONE"}, "treble:INVALID_PHONE"),
        ({"status": "INVALID_PHONE"}, "treble:INVALID_PHONE"),
        ({"error": {"code": "INVALID_PHONE"}}, "treble:INVALID_PHONE"),
        ({"failure_reason": "NOT_LISTED", "status": "INVALID_PHONE"}, "treble:INVALID_PHONE"),
        ({"failure_reason": "REVOKED", "status": "INVALID_PHONE"}, "treble:REVOKED"),
        ({"failure_reason": "NOT_LISTED", "status": "NOR_THIS"}, "treble:NOT_LISTED"),
        ({"reason": "the person left", "code": 500, "status": ["REVOKED"], "error": "REVOKED"}, ""),
        ({"error": {"code": {"deep": 1}}, "failure_reason": "X" * 65}, ""),
        ({}, ""),
    ],
)
def test_code_is_the_first_documented_one(sample: Sample, fields: dict[str, object], code: str) -> None:
    body = orjson.dumps({"event_type": "deployment.failure", "event_id": "e-1", **fields})
    raw = sample("treble-failure")._replace(value=body)
    assert [output.value["code"] for output in normalize(raw).outputs] == [code]


def test_unlisted_code_is_kept_and_means_nothing(sample: Sample, pointer: Pointer) -> None:
    raw = sample("treble-failure", failure_reason="BRAND_NEW_1")
    record = {
        **MESSAGE,
        **JUDGED,
        **pointer(raw),
        "reason": "unknown",
        "attribution": "UNKNOWN",
        "permanence": "UNDETERMINED",
        "confidence": "UNMAPPED",
        "phase": "UNKNOWN",
        "code": "treble:BRAND_NEW_1",
    }
    assert normalize(raw) == Normalized((Output("delivery.failed", "acme/+573161234567", record),))


@pytest.mark.parametrize(
    ("fields", "recipient"),
    [
        ({"country_code": "57", "cellphone": 3161234567}, "+573161234567"),
        ({"country_code": 57, "cellphone": "316 123 4567"}, "+573161234567"),
        ({"cellphone": "573161234567"}, "+573161234567"),
        ({"phone": "+57 316 123 4567", "cellphone": "3161234567"}, "+573161234567"),
        ({"phone_number": "whatsapp:+573161234567"}, "+573161234567"),
        ({"country_code": "+52", "cellphone": "15512345678"}, "+525512345678"),
        ({}, ""),
    ],
)
def test_recipient_is_found_in_any_likely_field(sample: Sample, fields: dict[str, object], recipient: str) -> None:
    body = orjson.dumps({"event_type": "deployment.failure", "event_id": "e-1", **fields})
    raw = sample("treble-failure")._replace(value=body)
    assert [output.value["recipient"] for output in normalize(raw).outputs] == [recipient]


def test_without_an_event_id_the_same_bytes_are_the_same_event(sample: Sample) -> None:
    raws = [
        sample("treble-failure", event_id=None),
        sample("treble-failure", event_id=None)._replace(offset=43),
        sample("treble-failure", event_id=None, conversation_id=12346),
    ]
    records = [normalize(raw).outputs[0].value for raw in raws]
    assert [record["event_id_basis"] for record in records] == ["content"] * 3
    assert [record["event_id"] == records[0]["event_id"] for record in records] == [True, True, False]


def test_event_id_may_be_null(sample: Sample) -> None:
    raw = sample("treble-failure", event_id="x")
    raw = raw._replace(value=raw.value.replace(b'"event_id":"x"', b'"event_id":null'))
    assert [output.value["event_id_basis"] for output in normalize(raw).outputs] == ["content"]


@pytest.mark.parametrize(
    ("timestamp", "occurred_at"),
    [("2021-10-07 08:53:22.572123", 1_633_596_802_572_123), (None, 1_780_000_000_000_001)],
)
def test_naive_time_is_utc_and_a_missing_one_the_time_of_receipt(
    sample: Sample, timestamp: str | None, occurred_at: int
) -> None:
    raw = sample("treble-failure", timestamp=timestamp)
    assert normalize(raw).outputs[0].value["occurred_at"] == occurred_at


@pytest.mark.parametrize("event", ["hsm.status", "session.close"])
def test_other_events_are_ignored(sample: Sample, event: str) -> None:
    assert normalize(sample("treble-hsm-status", event_type=event)) == Normalized(ignored=event)


LOOSE = "text of 1 to 256 characters, no control characters, a whole number or nothing"
NUMBER = "text of 1 to 160 characters, a whole number or nothing"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"event_type": None}, "event_type: missing, expected one of deployment.failure, hsm.status, session.close"),
        ({"event_type": {}}, "event_type: an object, expected one of deployment.failure, hsm.status, session.close"),
        (
            {"event_type": "deployment.success"},
            "event_type: text of 18 characters, expected one of deployment.failure, hsm.status, session.close",
        ),
        (
            {"event_id": [], "timestamp": 5, "conversation_id": 1.5, "cellphone": True, "country_code": "9" * 161},
            (
                f"event_id: a list, expected {LOOSE}; "
                "timestamp: a number, expected a time as in 2026-05-06T10:15:00.123Z, or nothing; "
                f"conversation_id: a number, expected {LOOSE}; "
                f"country_code: text of 161 characters, expected {NUMBER}; "
                f"cellphone: a boolean, expected {NUMBER}"
            ),
        ),
    ],
)
def test_wrong_types_are_dead_letters_that_name_every_field(
    sample: Sample, changes: dict[str, object], text: str
) -> None:
    assert normalize(sample("treble-failure", **changes)) == Normalized(dead_letter=DeadLetter("BadInputError", text))
