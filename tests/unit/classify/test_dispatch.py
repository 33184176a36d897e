"""The command line's way in: channel, provider, code and text as people have them at hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.classify import Verdict, classify
from app.vocabulary import Attribution, Confidence, Permanence, Reason


@pytest.mark.parametrize(
    ("channel", "provider", "code", "text", "reason", "shown"),
    [
        ("whatsapp", "teekrr", "131026", "", "recipient_not_on_channel", "meta:131026"),
        ("whatsapp", "teekrr", "133010", "", "sender_not_registered", "meta:133010"),
        ("whatsapp", "teekrr", "", "(#131047) Re-engagement message", "session_window_closed", "meta:131047"),
        ("whatsapp", "teekrr", "", "Test send failed (131051): unsupported", "unsupported_content", "meta:131051"),
        ("whatsapp", "teekrr", "", "Rate limit hit", "rate_limited", "meta:130429"),
        ("whatsapp", "teekrr", "", "User stopped marketing messages", "recipient_opted_out", "meta:131050"),
        ("whatsapp", "teekrr", "", "Message undeliverable", "unknown", ""),
        ("whatsapp", "treble", "INVALID_PHONE", "", "invalid_recipient", "treble:INVALID_PHONE"),
        ("sms", "prelude", "unknown_recipient", "", "invalid_recipient", "prelude:reason:unknown_recipient"),
        ("sms", "prelude", "failed/network", "", "network_error", "prelude:reason:network"),
        ("sms", "prelude", "expired/network", "", "expired", "prelude:reason:network"),
        ("sms", "prelude", "expired/unknown_recipient", "", "invalid_recipient", "prelude:reason:unknown_recipient"),
        ("sms", "prelude", "expired/", "", "expired", "prelude:status:expired"),
        ("sms", "prelude", "failed/", "", "unknown", "prelude:status:failed"),
        ("sms", "teekrr", "", "Delivery failed", "unknown", ""),
        ("sms", "teekrr", "42", "Absent subscriber", "recipient_unavailable", "elfo:42"),
        ("sms", "webex-interact", "failed", "", "unknown", "webex_interact:failed"),
        ("sms", "", "twilio:30003", "", "recipient_unavailable", "twilio:30003"),
        ("sms", "teekrr", "elfo:42", "Absent subscriber", "recipient_unavailable", "elfo:42"),
        ("email", "teekrr", "Throttling", "Maximum sending rate exceeded.", "rate_limited", "ses:Throttling"),
        (
            "email",
            "teekrr",
            "",
            "MessageRejected: Email address is not verified",
            "sender_not_registered",
            "ses:MessageRejected",
        ),
        (
            "email",
            "",
            "",
            "Error (Throttling) when calling SendEmail",
            "rate_limited",
            "ses:Throttling",
        ),
        (
            "email",
            "",
            "",
            "Sending suspended for this account.",
            "sender_account_restricted",
            "ses:MessageRejected",
        ),
        ("email", "", "Permanent/General", "smtp; 550 5.1.1 user unknown", "invalid_recipient", "smtp:5.1.1"),
        ("email", "", "Permanent/Suppressed", "", "recipient_suppressed", "ses_bounce:Permanent/Suppressed"),
        ("email", "", "ses_bounce:Transient/MailboxFull", "", "mailbox_full", "ses_bounce:Transient/MailboxFull"),
        ("email", "", "", "550 5.1.1 user unknown", "invalid_recipient", "smtp:5.1.1"),
        ("email", "", "smtp:5.1.1", "", "invalid_recipient", "smtp:5.1.1"),
        ("email", "", "550 5.1.1", "user unknown", "invalid_recipient", "smtp:5.1.1"),
        ("email", "", "552", "Message is too long", "message_too_large", "smtp:552"),
        ("email", "", "454", "Temporary authentication failure", "provider_error", "smtp:454"),
        ("email", "", "NovelException", "550 5.1.1 user unknown", "invalid_recipient", "smtp:5.1.1"),
        ("email", "", "NovelException", "", "unknown", "ses:NovelException"),
    ],
)
def test_every_way_in(channel: str, provider: str, code: str, text: str, reason: str, shown: str) -> None:
    verdict = classify(channel, provider, code, text)
    assert (verdict.reason, verdict.code) == (Reason(reason), shown)


def test_nothing_is_unknown() -> None:
    assert classify("", "", "", "") == Verdict(
        Reason.UNKNOWN, Attribution.UNKNOWN, Permanence.UNDETERMINED, Confidence.UNMAPPED, ""
    )


@settings(deadline=None)
@given(
    st.sampled_from(["sms", "email", "whatsapp", "fax"]),
    st.sampled_from(["teekrr", "prelude", "treble", "webex-interact", "", "x"]),
    st.text(max_size=300),
    st.text(),
)
def test_anything_is_judged(channel: str, provider: str, code: str, text: str) -> None:
    assert isinstance(classify(channel, provider, code, text), Verdict)
