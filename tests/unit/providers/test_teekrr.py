from collections.abc import Callable
from typing import Any

import pytest

from app.classify import MAPPING_VERSION
from app.identity import event_id
from app.normalize import normalize
from app.outputs import DeadLetter, Normalized, Output, RawRecord

Sample = Callable[..., RawRecord]
Pointer = Callable[[RawRecord], dict[str, object]]

MESSAGE = {
    "event_id": "84a4e5d2929873002428e3913b35681d",
    "tenant": "acme",
    "provider": "teekrr",
    "channel": "whatsapp",
    "recipient": "+60123456789",
    "occurred_at": 1_778_062_499_900_000,
    "message_id": "6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a11",
    "account": "acme/teekrr",
    "provider_account": "",
    "correlation_id": "",
    "campaign_id": "0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e",
    "recipient_kind": "phone",
    "recipient_given": "60123456789",
    "event_id_basis": "message",
    "provider_event_id": "",
    "provider_event": "failed",
    "provider_sent_at": 1_778_062_500_123_000,
}
JUDGED = {
    "reason": "recipient_not_on_channel",
    "attribution": "RECIPIENT",
    "permanence": "PERMANENT",
    "confidence": "CODE",
    "phase": "DELIVERY",
    "provider_will_retry": "NO",
    "outcome": "failed",
    "code": "meta:131026",
    "smtp_reply": "",
    "smtp_enhanced": "",
    "receiver": "",
    "diagnostic": "Message undeliverable",
    "mapping_version": MAPPING_VERSION,
}
ENTRY_FIELDS = ("tenant", "account", "message_id", "occurred_at", "provider", "provider_event")


def entry_of(record: dict[str, Any], kind: str, amount: int | None = None, currency: str = "") -> dict[str, Any]:
    """Say what the credit entry beside a record holds."""
    shared = {
        name: record[name] for name in (*ENTRY_FIELDS, "received_at", *(n for n in record if n.startswith("raw_")))
    }
    own_id = event_id(record["event_id"], kind)
    return {**shared, "event_id": own_id, "kind": kind, "amount_micros": amount, "currency": currency}


def judged(raw: RawRecord, *names: str) -> tuple[Any, ...]:
    """Return fields of the failure that a webhook means."""
    outputs = normalize(raw).outputs
    assert outputs[0].topic == "delivery.failed"
    return tuple(outputs[0].value[name] for name in names)


def test_failed_whatsapp(sample: Sample, pointer: Pointer) -> None:
    raw = sample("teekrr-failed-whatsapp")
    record = {**MESSAGE, **JUDGED, **pointer(raw)}
    assert normalize(raw) == Normalized(
        (
            Output("delivery.failed", "acme/+60123456789", record),
            Output("credit.entry", "acme/teekrr", entry_of(record, "release")),
        )
    )


def test_failed_email_by_throttling_is_ours_and_passes(sample: Sample, pointer: Pointer) -> None:
    raw = sample("teekrr-failed-email")
    record = {
        **MESSAGE,
        **JUDGED,
        **pointer(raw),
        "event_id": "6bd8d1681a05f11964420c7343b6e2c8",
        "message_id": "6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a12",
        "channel": "email",
        "recipient": "user@example.com",
        "recipient_kind": "email",
        "recipient_given": "user@example.com",
        "occurred_at": 1_778_062_499_000_000,
        "reason": "rate_limited",
        "attribution": "SENDER",
        "permanence": "TRANSIENT",
        "phase": "SUBMISSION",
        "code": "ses:Throttling",
        "diagnostic": "Maximum sending rate exceeded.",
    }
    assert normalize(raw) == Normalized(
        (
            Output("delivery.failed", "acme/user@example.com", record),
            Output("credit.entry", "acme/teekrr", entry_of(record, "release")),
        )
    )


def test_failed_sms_without_a_code(sample: Sample, pointer: Pointer) -> None:
    raw = sample("teekrr-failed-sms")
    record = {
        **MESSAGE,
        **JUDGED,
        **pointer(raw),
        "event_id": "ba896580bca4592f99ab48f35aa4b41a",
        "message_id": "6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a13",
        "channel": "sms",
        "occurred_at": 1_778_062_499_000_000,
        "reason": "unknown",
        "attribution": "UNKNOWN",
        "permanence": "UNDETERMINED",
        "confidence": "UNMAPPED",
        "code": "",
        "diagnostic": "Delivery failed",
    }
    assert normalize(raw) == Normalized(
        (
            Output("delivery.failed", "acme/+60123456789", record),
            Output("credit.entry", "acme/teekrr", entry_of(record, "release")),
        )
    )


def test_bounced(sample: Sample, pointer: Pointer) -> None:
    raw = sample("teekrr-bounced")
    record = {
        **MESSAGE,
        **JUDGED,
        **pointer(raw),
        "event_id": "456f93c7bc428e1000da1c6a0c76fe49",
        "message_id": "6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a14",
        "channel": "email",
        "recipient": "gone@example.com",
        "recipient_kind": "email",
        "recipient_given": "gone@example.com",
        "occurred_at": 1_778_062_798_000_000,
        "provider_sent_at": 1_778_062_800_456_000,
        "provider_event": "bounced",
        "reason": "invalid_recipient",
        "confidence": "TEXT",
        "outcome": "bounced",
        "code": "smtp:5.1.1",
        "smtp_reply": "550",
        "smtp_enhanced": "5.1.1",
        "diagnostic": "smtp; 550 5.1.1 user unknown",
    }
    assert normalize(raw) == Normalized(
        (
            Output("delivery.failed", "acme/gone@example.com", record),
            Output("credit.entry", "acme/teekrr", entry_of(record, "keep")),
        )
    )


def test_delivered(sample: Sample, pointer: Pointer) -> None:
    raw = sample("teekrr-delivered")
    record = {
        **MESSAGE,
        **pointer(raw),
        "kind": "delivered",
        "event_id": "4963b4722e2eaaf15deb82408d79c194",
        "occurred_at": 1_778_062_558_250_000,
        "provider_sent_at": 1_778_062_560_000_000,
        "provider_event": "delivered",
    }
    assert normalize(raw) == Normalized((Output("delivery.confirmed", "acme/+60123456789", record),))


def test_billed(sample: Sample, pointer: Pointer) -> None:
    raw = sample("teekrr-billed")
    record = {
        **MESSAGE,
        **pointer(raw),
        "kind": "accepted",
        "event_id": "d5b4f21e01929da834630ca1dfeade4d",
        "occurred_at": 1_778_062_498_000_000,
        "provider_sent_at": 1_778_062_498_000_000,
        "provider_event": "billed",
    }
    assert normalize(raw) == Normalized(
        (
            Output("credit.entry", "acme/teekrr", entry_of(record, "settle", 150_000, "MYR")),
            Output("delivery.confirmed", "acme/+60123456789", record),
        )
    )


def test_failed_and_bounced_of_one_message_are_one_failure_and_two_reports_for_credit(sample: Sample) -> None:
    uuid = "6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a12"
    one = "6bd8d1681a05f11964420c7343b6e2c8"
    outputs = [
        (output.topic, output.value["event_id"])
        for name in ("teekrr-failed-email", "teekrr-bounced")
        for output in normalize(sample(name, data__messageUuid=uuid)).outputs
    ]
    assert outputs == [
        ("delivery.failed", one),
        ("credit.entry", event_id(one, "release")),
        ("delivery.failed", one),
        ("credit.entry", event_id(one, "keep")),
    ]


def test_a_second_report_at_another_time_is_the_same_event(sample: Sample) -> None:
    again = sample("teekrr-failed-whatsapp", timestamp="2026-05-07T00:00:00Z", data__failedAt="2026-05-07T00:00:00Z")
    assert judged(again, "event_id") == (MESSAGE["event_id"],)


def test_other_events_tenants_and_messages_have_other_ids(sample: Sample) -> None:
    failed = sample("teekrr-failed-whatsapp")
    raws = [
        failed,
        failed._replace(tenant="other"),
        sample("teekrr-failed-sms"),
        sample("teekrr-delivered"),
        sample("teekrr-billed"),
    ]
    assert len({normalize(raw).outputs[0].value["event_id"] for raw in raws}) == len(raws)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("131026", ("recipient_not_on_channel", "RECIPIENT", "PERMANENT", "DELIVERY", "failed")),
        ("131047", ("session_window_closed", "CONTENT", "PERMANENT", "SUBMISSION", "failed")),
        ("131051", ("unsupported_content", "CONTENT", "PERMANENT", "SUBMISSION", "failed")),
        ("133010", ("sender_not_registered", "SENDER", "PERMANENT", "SUBMISSION", "failed")),
        ("999999", ("unknown", "UNKNOWN", "UNDETERMINED", "DELIVERY", "failed")),
    ],
)
def test_the_word_failed_decides_nothing(sample: Sample, code: str, expected: tuple[str, ...]) -> None:
    """Teekrr promises permanent failures of the recipient; half of the codes it names are neither."""
    raw = sample("teekrr-failed-whatsapp", data__errorCode=code)
    assert judged(raw, "reason", "attribution", "permanence", "phase", "outcome") == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"data__errorCode": "MessageRejected"}, ("ses:MessageRejected", "", "SUBMISSION")),
        (
            {"data__errorCode": None, "data__errorMessage": "550 5.1.1 user unknown"},
            ("smtp:5.1.1", "550", "DELIVERY"),
        ),
        (
            {"data__errorCode": None, "data__errorMessage": "Email address is not verified."},
            ("ses:MessageRejected", "", "SUBMISSION"),
        ),
        ({"data__errorCode": None, "data__errorMessage": ""}, ("", "", "DELIVERY")),
    ],
)
def test_failed_email_was_refused_by_the_interface_or_by_the_receiver(
    sample: Sample, changes: dict[str, object], expected: tuple[str, ...]
) -> None:
    assert judged(sample("teekrr-failed-email", **changes), "code", "smtp_reply", "phase") == expected


@pytest.mark.parametrize(
    ("bounce", "expected"),
    [
        (("Permanent", "Suppressed", None), ("recipient_suppressed", "REFUSED", "rejected")),
        (("Transient", "MailboxFull", None), ("mailbox_full", "DELIVERY", "bounced")),
        (("Undetermined", None, None), ("unknown", "DELIVERY", "bounced")),
        (("Permanent", "General", "smtp; 552 5.3.4 message too large"), ("message_too_large", "DELIVERY", "bounced")),
    ],
)
def test_bounces(sample: Sample, bounce: tuple[str, str | None, str | None], expected: tuple[str, ...]) -> None:
    bounce_type, subtype, diagnostic = bounce
    raw = sample(
        "teekrr-bounced", data__bounceType=bounce_type, data__bounceSubType=subtype, data__diagnostic=diagnostic
    )
    assert judged(raw, "reason", "phase", "outcome") == expected


def test_failure_without_recipient_has_a_key_of_its_own(sample: Sample) -> None:
    output, _ = normalize(sample("teekrr-failed-whatsapp", data__msisdn=None)).outputs
    named = ("recipient", "recipient_kind", "recipient_given")
    assert (output.key, *(output.value[name] for name in named)) == (
        "acme/~teekrr/6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a11",
        "",
        "none",
        "",
    )


@pytest.mark.parametrize("msisdn", ["60123456789", "+60123456789", "0123456789"])
def test_number_is_international_or_malaysian(sample: Sample, msisdn: str) -> None:
    assert judged(sample("teekrr-failed-sms", data__msisdn=msisdn), "recipient") == ("+60123456789",)


@pytest.mark.parametrize(("name", "field"), [("teekrr-billed", "billedAt"), ("teekrr-delivered", "deliveredAt")])
def test_the_first_moment_of_1970_is_a_moment(sample: Sample, name: str, field: str) -> None:
    """Zero is a time and not a missing one."""
    outputs = normalize(sample(name, **{f"data__{field}": "1970-01-01T00:00:00Z"})).outputs
    assert {output.value["occurred_at"] for output in outputs} == {0}


def test_billed_without_recipient_is_about_credit_only(sample: Sample) -> None:
    outputs = normalize(sample("teekrr-billed", data__msisdn=None)).outputs
    assert [output.topic for output in outputs] == ["credit.entry"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"amount": 15, "currency": "MYR"}, (150_000, "MYR")),
        ({"amountCents": 7, "currency": "MYR"}, (70_000, "MYR")),
        ({"billedAmount": 0}, (0, "")),
        ({"amount": "0.15", "costCents": 15, "currency": 5}, (150_000, "")),
        ({"amount": 0.15, "currency": "ringgit"}, (None, "")),
        ({"amount": True}, (None, "")),
        ({"amount": -15}, (None, "")),
        ({"amount": 10**18}, (None, "")),
        ({}, (None, "")),
    ],
)
def test_amounts_are_whole_cents_under_any_likely_name(
    sample: Sample, fields: dict[str, object], expected: tuple[int | None, str]
) -> None:
    raw = sample("teekrr-billed", data={"messageUuid": "m-1", "channel": "sms", **fields})
    entry = normalize(raw).outputs[0].value
    assert (entry["amount_micros"], entry["currency"]) == expected


def test_account_of_the_endpoint_wins(sample: Sample) -> None:
    output, entry = normalize(sample("teekrr-failed-sms")._replace(account="acme/marketing")).outputs
    assert (output.value["account"], entry.value["account"], entry.key) == ("acme/marketing",) * 3


def test_addresses_do_not_travel_in_texts(sample: Sample) -> None:
    raw = sample(
        "teekrr-failed-sms", data__errorCode="no 60123456789", data__errorMessage="to a@b.example at +60 12-345 6789"
    )
    assert judged(raw, "code", "diagnostic") == ("elfo:no [number]", "to [address] at [number]")


def test_nulls_and_unknown_fields_are_let_be(sample: Sample) -> None:
    raw = sample("teekrr-failed-sms", data__errorMessage="x", extra={"deep": [1]})
    with_null = raw._replace(value=raw.value.replace(b'"errorMessage":"x"', b'"errorMessage":"x","errorCode":null'))
    assert judged(with_null, "code", "diagnostic") == ("", "x")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"event": "exploded"}, "event: text of 8 characters, expected one of delivered, failed, billed, bounced"),
        ({"event": ["failed"]}, "event: a list, expected one of delivered, failed, billed, bounced"),
        ({"event": None}, "event: missing, expected one of delivered, failed, billed, bounced"),
        ({"data": 7}, "data: a number, expected an object"),
        (
            {"data__messageUuid": ""},
            "data.messageUuid: text of 0 characters, expected text of 1 to 256 characters, no control characters",
        ),
        ({"data__channel": "fax"}, "data.channel: text of 3 characters, expected sms, whatsapp or email"),
        ({"data__errorCode": 131026}, "data.errorCode: a number, expected text or nothing"),
        (
            {"timestamp": 1778062500, "data__failedAt": "yesterday", "data__errorMessage": None},
            (
                "timestamp: a number, expected a time as in 2026-05-06T10:15:00.123Z; "
                "data.failedAt: text of 9 characters, expected a time as in 2026-05-06T10:15:00.123Z; "
                "data.errorMessage: missing, expected text"
            ),
        ),
        ({"data__msisdn": {"n": 1}}, "data.msisdn: an object, expected text of 1 to 320 characters, or nothing"),
    ],
)
def test_wrong_types_are_dead_letters_that_name_every_field(
    sample: Sample, changes: dict[str, object], text: str
) -> None:
    assert normalize(sample("teekrr-failed-whatsapp", **changes)) == Normalized(
        dead_letter=DeadLetter("BadInputError", text)
    )
