"""SMS failures by words, states and receipts: what is not clear stays unknown."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.classify import classify_sms_text
from app.vocabulary import Attribution, Confidence, Permanence, Reason

RECEIPT = "id:0123456789 sub:001 dlvrd:000 submit date:2401011200 done date:2401011230 stat:{} err:001 text:Hello"


@pytest.mark.parametrize(
    ("state", "reason", "permanence"),
    [
        ("UNDELIV", Reason.UNKNOWN, Permanence.UNDETERMINED),
        ("EXPIRED", Reason.EXPIRED, Permanence.TRANSIENT),
        ("REJECTD", Reason.CARRIER_REJECTED, Permanence.PERMANENT),
        ("DELETED", Reason.CANCELLED, Permanence.PERMANENT),
        ("DELIVRD", Reason.NOT_FAILURE, Permanence.UNDETERMINED),
        ("UNKNOWN", Reason.UNKNOWN, Permanence.UNDETERMINED),
        ("Undelivered", Reason.UNKNOWN, Permanence.UNDETERMINED),
        ("Rejected", Reason.CARRIER_REJECTED, Permanence.PERMANENT),
    ],
)
def test_a_state_says_the_same_as_code_as_receipt_and_as_text(
    state: str, reason: Reason, permanence: Permanence
) -> None:
    for text, code in (("", state), (RECEIPT.format(state), ""), (state, "")):
        verdict = classify_sms_text(text, code, "elfo")
        assert (verdict.reason, verdict.permanence, verdict.suppresses) == (reason, permanence, False)


@pytest.mark.parametrize(
    ("text", "reason", "attribution", "permanence"),
    [
        ("Absent subscriber", "recipient_unavailable", "RECIPIENT", "TRANSIENT"),
        ("Subscriber absent", "recipient_unavailable", "RECIPIENT", "TRANSIENT"),
        ("Handset switched off", "recipient_unavailable", "RECIPIENT", "TRANSIENT"),
        ("Unknown subscriber", "invalid_recipient", "RECIPIENT", "PERMANENT"),
        ("Invalid destination number", "invalid_recipient", "RECIPIENT", "PERMANENT"),
        ("Memory capacity exceeded", "mailbox_full", "RECIPIENT", "TRANSIENT"),
        ("Recipient opted out", "recipient_opted_out", "RECIPIENT", "PERMANENT"),
        ("Number is on the DND list", "recipient_opted_out", "RECIPIENT", "PERMANENT"),
        ("Insufficient credit", "insufficient_funds", "SENDER", "PERMANENT"),
        ("Invalid sender id", "sender_not_registered", "SENDER", "PERMANENT"),
        ("Blocked content", "content_rejected", "CONTENT", "PERMANENT"),
        ("Validity period expired", "expired", "RECIPIENT", "TRANSIENT"),
        ("Throttled", "rate_limited", "SENDER", "TRANSIENT"),
        ("No route to operator", "routing_error", "CARRIER", "PERMANENT"),
        ("Call barred", "recipient_disabled", "RECIPIENT", "UNDETERMINED"),
        ("Originating number does not exist", "sender_not_registered", "SENDER", "PERMANENT"),
        ("Disconnected number", "invalid_recipient", "RECIPIENT", "PERMANENT"),
        ("Landline number", "recipient_not_on_channel", "RECIPIENT", "PERMANENT"),
        ("The number is unknown in the home HLR", "invalid_recipient", "RECIPIENT", "PERMANENT"),
        ("Number not assigned to an active line", "invalid_recipient", "RECIPIENT", "PERMANENT"),
        ("This isn't a valid mobile number", "invalid_recipient", "RECIPIENT", "PERMANENT"),
        ("The number you dialled does not exist", "invalid_recipient", "RECIPIENT", "PERMANENT"),
        ("Phone isn't equipped for it", "recipient_not_on_channel", "RECIPIENT", "PERMANENT"),
        ("The line cannot receive texts", "recipient_not_on_channel", "RECIPIENT", "PERMANENT"),
        ("The customer texted STOP", "recipient_opted_out", "RECIPIENT", "PERMANENT"),
        ("Stopped as requested by the subscriber", "recipient_opted_out", "RECIPIENT", "PERMANENT"),
        ("Message was blocked", "carrier_rejected", "CARRIER", "PERMANENT"),
        ("Message was flagged", "content_rejected", "CONTENT", "PERMANENT"),
        ("Ran out of credits", "insufficient_funds", "SENDER", "PERMANENT"),
        ("Age verification missing", "recipient_restricted", "RECIPIENT", "UNDETERMINED"),
        ("No response from the home network", "network_error", "CARRIER", "TRANSIENT"),
    ],
)
def test_clear_words(text: str, reason: str, attribution: str, permanence: str) -> None:
    verdict = classify_sms_text(text, "17", "elfo")
    assert (verdict.reason, verdict.attribution, verdict.permanence, verdict.code) == (
        Reason(reason),
        Attribution(attribution),
        Permanence(permanence),
        "elfo:17",
    )


@pytest.mark.parametrize("text", ["Delivery failed", "", "Error 17", "Number", "unknown number of parts"])
def test_unclear_words_stay_unknown(text: str) -> None:
    verdict = classify_sms_text(text, "001", "elfo")
    assert (verdict.reason, verdict.confidence, verdict.code) == (Reason.UNKNOWN, Confidence.UNMAPPED, "elfo:001")


def test_the_quoted_message_of_a_receipt_is_not_read() -> None:
    text = "id:1 stat:UNDELIV err:000 text:unknown subscriber"
    assert classify_sms_text(text, "", "elfo").reason is Reason.UNKNOWN


def test_the_error_of_a_receipt_counts_in_a_known_namespace_only() -> None:
    receipt = RECEIPT.format("UNDELIV")
    assert classify_sms_text(receipt, "", "elfo").reason is Reason.UNKNOWN
    assert classify_sms_text(receipt, "", "twilio_smpp").reason is Reason.RECIPIENT_UNAVAILABLE
    assert classify_sms_text(receipt, "", "gsm_map").reason is Reason.INVALID_RECIPIENT


def test_words_say_more_than_a_vague_state() -> None:
    verdict = classify_sms_text("Absent subscriber stat:UNDELIV", "", "elfo")
    assert (verdict.reason, verdict.confidence) == (Reason.RECIPIENT_UNAVAILABLE, Confidence.TEXT)


@settings(deadline=None)
@given(st.text(), st.text(max_size=40), st.sampled_from(["elfo", "smpp", "", "twilio"]))
def test_any_text_is_judged(text: str, code: str, namespace: str) -> None:
    assert isinstance(classify_sms_text(text, code, namespace).reason, Reason)
