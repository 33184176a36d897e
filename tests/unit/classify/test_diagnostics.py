"""What receivers answer, in every form that providers hand on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.classify import Verdict, classify_bounce, classify_diagnostic
from app.vocabulary import Attribution, Confidence, Permanence, Reason

VECTORS = [
    ("smtp; 550 5.1.1 user unknown", "5.1.1", "invalid_recipient"),
    (
        "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
        "5.1.1",
        "invalid_recipient",
    ),
    (
        (
            "smtp; 550-5.1.1 The email account that you tried to reach does not exist. "
            "550 5.1.1 https://support.google.com/mail/?p=NoSuchUser x1-gsmtp"
        ),
        "5.1.1",
        "invalid_recipient",
    ),
    (
        "smtp; 550 5.2.1 The email account that you tried to reach is inactive. - gsmtp",
        "5.2.1",
        "recipient_disabled",
    ),
    ("smtp; 452 4.2.2 The recipient's inbox is out of storage space. - gsmtp", "4.2.2", "mailbox_full"),
    (
        "smtp; 550 5.4.1 Recipient address rejected: Access denied. [X.prod.outlook.com]",
        "5.4.1",
        "invalid_recipient",
    ),
    (
        (
            "smtp; 421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due to unexpected volume or user "
            "complaints - 4.16.55.1"
        ),
        "4.7.0",
        "sender_reputation",
    ),
    (
        "smtp; 553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.25, because the ip is in Spamhaus's list",
        "5.7.1",
        "sender_reputation",
    ),
    ("550 #5.1.0 Address rejected.", "5.1.0", "invalid_recipient"),
    (
        "smtp; 550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy. - gsmtp",
        "5.7.26",
        "sender_authentication",
    ),
    ("smtp; 554 4.4.7 Message expired: unable to deliver in 840 minutes.", "4.4.7", "expired"),
    (
        "smtp; 552 5.3.4 Your message exceeded Google's message size limits. - gsmtp",
        "5.3.4",
        "message_too_large",
    ),
    ("No MX for nomx.example.com", "", "invalid_recipient"),
    ("unable to get mx info: failed to get IPs from PTR record: lookup: unrecognized address", "", "unknown"),
]


@pytest.mark.parametrize(("text", "enhanced", "reason"), VECTORS)
def test_documented_vectors(text: str, enhanced: str, reason: str) -> None:
    verdict = classify_diagnostic(text)
    assert (verdict.smtp_enhanced, verdict.reason) == (enhanced, Reason(reason))


def test_the_whole_verdict_on_a_diagnostic() -> None:
    text = "smtp; 550 5.2.1 The email account that you tried to reach is inactive. - gsmtp"
    assert classify_diagnostic(text) == Verdict(
        Reason.RECIPIENT_DISABLED,
        Attribution.RECIPIENT,
        Permanence.PERMANENT,
        Confidence.CODE,
        "smtp:5.2.1",
        "550",
        "5.2.1",
        "gmail",
        "smtp_enhanced:gmail:5.2.1/disabled",
    )


@pytest.mark.parametrize(
    ("text", "reason", "permanence"),
    [
        (
            "550 5.2.1 The user you are trying to contact is receiving email at a rate that prevents delivery - gsmtp",
            Reason.RECIPIENT_RATE_LIMITED,
            Permanence.TRANSIENT,
        ),
        ("550 5.4.5 Daily user sending limit exceeded. - gsmtp", Reason.QUOTA_EXCEEDED, Permanence.TRANSIENT),
        (
            "550 5.7.30 This mail has been blocked because DKIM did not pass - gsmtp",
            Reason.SENDER_AUTHENTICATION,
            Permanence.PERMANENT,
        ),
        (
            "550 5.7.29 This mail was not sent over a TLS connection - gsmtp",
            Reason.SENDER_AUTHENTICATION,
            Permanence.PERMANENT,
        ),
        (
            "550 5.7.27 requires all senders to authenticate this domain with SPF - gsmtp",
            Reason.SENDER_AUTHENTICATION,
            Permanence.PERMANENT,
        ),
        (
            "421 4.7.23 The sending IP address does not have a PTR record - gsmtp",
            Reason.SENDER_AUTHENTICATION,
            Permanence.TRANSIENT,
        ),
        (
            "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [DB5.eop.prod.protection.outlook.com]",
            Reason.INVALID_RECIPIENT,
            Permanence.PERMANENT,
        ),
        (
            "550 5.5.0 Requested action not taken: mailbox unavailable [BL2.prod.outlook.com]",
            Reason.INVALID_RECIPIENT,
            Permanence.PERMANENT,
        ),
        (
            "550 5.2.2 Submission quota exceeded for this sender [X.prod.outlook.com]",
            Reason.QUOTA_EXCEEDED,
            Permanence.TRANSIENT,
        ),
        (
            (
                "550 5.7.1 Unfortunately, messages from [192.0.2.9] weren't sent. part of their network is on our "
                "block list (S3150)."
            ),
            Reason.SENDER_REPUTATION,
            Permanence.PERMANENT,
        ),
        (
            "554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [0] - mta.yahoo.com",
            Reason.INVALID_RECIPIENT,
            Permanence.PERMANENT,
        ),
        (
            "552 1 Requested mail action aborted, mailbox not found - yahoo",
            Reason.INVALID_RECIPIENT,
            Permanence.PERMANENT,
        ),
        (
            "553 5.7.2 [TSS09] All messages from 192.0.2.9 will be permanently deferred",
            Reason.SENDER_REPUTATION,
            Permanence.PERMANENT,
        ),
        ("554 4.4.7 Message expired", Reason.EXPIRED, Permanence.TRANSIENT),
    ],
)
def test_the_text_beats_the_code(text: str, reason: Reason, permanence: Permanence) -> None:
    verdict = classify_diagnostic(text)
    assert (verdict.reason, verdict.permanence) == (reason, permanence)


@pytest.mark.parametrize(
    ("text", "reply", "enhanced"),
    [
        ("smtp; 550 5.1.1 x", "550", "5.1.1"),
        ("x-unix; 550 5.1.1 x", "550", "5.1.1"),
        ("X-Postfix; unknown user", "", ""),
        ("550-5.1.1 one\r\n550 5.1.1 two", "550", "5.1.1"),
        ("5.1.1 The email account", "", "5.1.1"),
        ("host mx.example.com[192.0.2.1] said: 550 5.1.1 x (in reply to RCPT TO command)", "550", "5.1.1"),
        ("192.0.2.55 does not like recipient.", "", ""),
        ("connect to mx[5.1.1.25]:25: timed out", "", ""),
        ("4.16.55.1 refused", "", ""),
        ("delivered after 450 seconds", "", ""),
        ("554 4.4.7 expired", "554", "4.4.7"),
        ("Remote Server returned '550 5.1.10 RESOLVER'", "550", "5.1.10"),
        ("550 5.0.0 then 5.1.1", "550", "5.1.1"),
        ("connect to mx:587: refused", "", ""),
        ("421", "421", ""),
        ("protected by Mailguard version 4.2.1", "", ""),
    ],
)
def test_codes_are_found_in_every_form(text: str, reply: str, enhanced: str) -> None:
    verdict = classify_diagnostic(text)
    assert (verdict.smtp_reply, verdict.smtp_enhanced) == (reply, enhanced)


@pytest.mark.parametrize(
    ("text", "status", "enhanced"),
    [
        ("550 mailbox gone", "5.1.1", "5.1.1"),
        ("550 5.1.1 mailbox gone", "5.0.0", "5.1.1"),
        ("550 5.0.0 mailbox gone", "", "5.0.0"),
        ("550 mailbox gone", "5.0.0", "5.0.0"),
        ("550 mailbox gone", "nonsense", ""),
    ],
)
def test_the_status_field_wins_unless_it_is_generic(text: str, status: str, enhanced: str) -> None:
    assert classify_diagnostic(text, status=status).smtp_enhanced == enhanced


@pytest.mark.parametrize(
    "text",
    [
        "450 4.1.1 <a@example.com> user unknown",
        "450 user unknown",
        "451 4.2.1 mailbox disabled",
        "4.1.1 no such user",
        "450 not verified: the next server said: 550 5.1.1 user unknown",
        "451 deferred, behind us it is 550 user unknown (#5.1.1)",
    ],
)
def test_class_4_is_transient_whatever_the_words_say(text: str) -> None:
    verdict = classify_diagnostic(text)
    assert (verdict.permanence, verdict.suppresses) == (Permanence.TRANSIENT, False)


@pytest.mark.parametrize(
    ("text", "host", "receiver"),
    [
        ("550 5.1.1 x gsmtp", "", "gmail"),
        ("550 5.1.1 x", "aspmx.l.google.com", "gmail"),
        ("550 5.1.1 x", "gmail", "gmail"),
        ("550 5.7.1 x (S3140)", "", "outlook"),
        ("550 x", "example-com.mail.protection.outlook.com", "outlook"),
        ("421 [TSS04]", "", "yahoo"),
        ("554 [HME1]", "", "icloud"),
        ("550 x", "mx.example.com", ""),
    ],
)
def test_the_receiver_is_recognised(text: str, host: str, receiver: str) -> None:
    assert classify_diagnostic(text, receiver=host).receiver == receiver


@pytest.mark.parametrize(
    "text",
    [
        "host mx[192.0.2.1] said: 550 5.1.1 user unknown (in reply to MAIL FROM command)",
        "host mx[192.0.2.1] refused to talk to me: 550 5.1.1 bad address",
        "550 5.1.0 <us@example.com>: Sender address rejected: User unknown in virtual mailbox table",
    ],
)
def test_an_answer_before_the_recipient_was_named_never_suppresses(text: str) -> None:
    assert classify_diagnostic(text).suppresses is False


@pytest.mark.parametrize(
    "words",
    [
        "no such user, sender refused",
        "mailbox not found for your domain",
        "invalid user credentials",
        "host not found in the certificate",
        "unknown user. You are not allowed to write",
        "no such domain in this URL",
        "mailbox disabled. Message-ID missing",
        "recipient not in the whitelist: no such user",
        "no such user, address harvesting seen",
        "account unknown, ask its owner to add you",
    ],
)
def test_an_answer_that_names_the_sender_or_the_message_blames_no_mailbox(words: str) -> None:
    verdict = classify_diagnostic(f"550 5.1.1 {words}")
    assert (verdict.suppresses, verdict.attribution) in {(False, Attribution.SENDER), (False, Attribution.CONTENT)}


@pytest.mark.parametrize("frame", ["returning message to sender", "returned to the sender"])
def test_a_message_that_goes_back_to_its_sender_says_nothing_of_him(frame: str) -> None:
    assert classify_diagnostic(f"{frame}: 550 5.1.1 no such user").suppresses


@pytest.mark.parametrize(
    "words",
    [
        "temporarily",
        "a temporary state",
        "try again later",
        "please retry later",
        "busy",
        "or over quota",
        "above the limit",
        "exceeded",
    ],
)
def test_what_may_pass_is_temporary_under_any_code(words: str) -> None:
    verdict = classify_diagnostic(f"550 5.1.1 mailbox unknown, {words}")
    assert (verdict.attribution, verdict.permanence) == (Attribution.RECIPIENT, Permanence.TRANSIENT)


def test_an_opt_out_holds_whoever_is_named_beside_it() -> None:
    assert classify_diagnostic("550 the recipient has opted out of mail from this sender, busy").suppresses


@pytest.mark.parametrize("text", ["550 5.2.1 (A1)", "521 5.2.1 mailbox closed", "521 the domain does not accept mail"])
def test_a_code_of_a_mailbox_judges_it_unless_the_reply_is_that_of_the_whole_host(text: str) -> None:
    assert classify_diagnostic(text).suppresses
    assert not classify_diagnostic("521 5.2.1 (A1)").suppresses


@pytest.mark.parametrize(
    ("quoted", "bare"),
    [
        ("host spam.example.com[192.0.2.1] said: 550 no such user", "550 no such user"),
        ("SMTP error: host quota.example.com [2001:db8::1]: 550 no such user", "550 no such user"),
        ("... while talking to sender.example.com.: 550 no such user", "550 no such user"),
        ("connect to dmarc.example.com[192.0.2.1]:25: refused", "connect to mx.example.com[192.0.2.1]:25: refused"),
        ("192.0.2.1 failed. Remote host said: 554 odd. Giving up on 192.0.2.1.", "554 odd"),
        ("Remote host said: 550 rejected", "550 rejected"),
    ],
)
def test_words_around_a_quoted_answer_are_not_the_receivers(quoted: str, bare: str) -> None:
    verdicts = classify_diagnostic(quoted), classify_diagnostic(bare)
    assert verdicts[0].reason is verdicts[1].reason
    assert verdicts[0].suppresses is verdicts[1].suppresses


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("550 很抱歉,该用户不存在。", "invalid_recipient"),
        ("550 申し訳ありませんが、宛先のアドレスは見つかりません。", "invalid_recipient"),
        ("552 您的收件人邮箱空间已满", "mailbox_full"),
        ("550 Ящик отключён", "recipient_disabled"),
    ],
)
def test_scripts_without_spaces_or_with_marks_are_read(text: str, reason: str) -> None:
    assert classify_diagnostic(text).reason is Reason(reason)


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("host mx.example.net [192.0.2.9]: 550 no", "550"),
        ("connect to mx.example.net[192.0.2.9]:425: refused", ""),
        ("connect to mx.example.net[192.0.2.9]:550 refused", ""),
    ],
)
def test_a_reply_behind_an_address_in_brackets_is_told_from_a_port(text: str, reply: str) -> None:
    assert classify_diagnostic(text).smtp_reply == reply


@pytest.mark.parametrize(
    "text", ["550 5.1.0", "550 5.1.0 address refused", "550 5.2.1 mailbox refused", "550 5.1.1 refused"]
)
def test_a_code_of_mailboxes_suppresses_with_a_word_for_the_mailbox_or_none_at_all(text: str) -> None:
    assert classify_diagnostic(text).suppresses


@pytest.mark.parametrize("text", ["550 5.1.0 not permitted from there", "550 5.2.1 refused"])
def test_a_plain_refusal_with_a_doubtful_code_suppresses_nobody(text: str) -> None:
    assert not classify_diagnostic(text).suppresses


@pytest.mark.parametrize(
    "text", ["550 domain not found: example.net", "192.0.2.9 said: 550 domain not found. Giving up on 192.0.2.9."]
)
def test_a_wrong_domain_is_the_recipients(text: str) -> None:
    assert classify_diagnostic(text).suppresses


@pytest.mark.parametrize("text", ["550 domain not found: example.net [192.0.2.9]", "501 domain not found: example.net"])
def test_a_wrong_domain_is_ours_where_arguments_or_our_ip_are_meant(text: str) -> None:
    assert not classify_diagnostic(text).suppresses


def test_an_address_ends_before_an_ellipsis() -> None:
    assert classify_diagnostic("550 a@example.net...User unknown").suppresses


@pytest.mark.parametrize(
    ("bounce", "diagnostic", "reason", "permanence"),
    [
        ("Permanent/General", "", "invalid_recipient", "PERMANENT"),
        ("Permanent/General", "smtp; 554 Transaction failed", "invalid_recipient", "PERMANENT"),
        ("Permanent/General", "smtp; 550 5.7.1 message looks like spam", "content_rejected", "PERMANENT"),
        ("Permanent/NoEmail", "smtp; 552 5.2.2 mailbox full", "mailbox_full", "TRANSIENT"),
        ("Transient/General", "smtp; 550 5.1.1 user unknown", "invalid_recipient", "PERMANENT"),
        ("Transient/General", "", "recipient_unavailable", "TRANSIENT"),
        ("Transient/MailboxFull", "smtp; 554 failed", "mailbox_full", "TRANSIENT"),
        ("Permanent/Suppressed", "smtp; 550 5.1.1 user unknown", "recipient_suppressed", "PERMANENT"),
        ("Permanent/OnAccountSuppressionList", "", "recipient_suppressed", "PERMANENT"),
        ("Undetermined/Undetermined", "smtp; 550 5.1.1 user unknown", "invalid_recipient", "PERMANENT"),
        ("Undetermined/Undetermined", "", "unknown", "UNDETERMINED"),
        ("Permanent/General", "smtp; 554 4.4.7 Message expired", "expired", "TRANSIENT"),
        ("Permanent/General", "smtp; 450 come again", "recipient_unavailable", "TRANSIENT"),
        ("Permanent/General", "smtp; 552 no", "mailbox_full", "TRANSIENT"),
        ("Transient/General", "smtp; 250 2.0.0 OK", "not_failure", "UNDETERMINED"),
        ("Permanent/General", "smtp; 550 on the suppression list", "recipient_suppressed", "PERMANENT"),
        ("Complaint/abuse", "", "recipient_opted_out", "PERMANENT"),
        ("DeliveryDelay/MailboxFull", "smtp; 550 5.1.1 user unknown", "not_failure", "TRANSIENT"),
        ("Novel/Novel", "", "unknown", "UNDETERMINED"),
    ],
)
def test_the_smtp_answer_decides_where_it_is_specific_and_ses_where_not(
    bounce: str, diagnostic: str, reason: str, permanence: str
) -> None:
    bounce_type, _, subtype = bounce.partition("/")
    verdict = classify_bounce(bounce_type, subtype, diagnostic)
    assert (verdict.reason, verdict.permanence) == (Reason(reason), Permanence(permanence))


def test_an_echo_of_a_suppression_list_suppresses_nobody_again() -> None:
    assert classify_bounce("Permanent", "Suppressed", "").suppresses is False


@settings(deadline=None)
@given(st.text(), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_judged(text: str, status: str, reply: str, receiver: str) -> None:
    verdict = classify_diagnostic(text, status=status, reply=reply, receiver=receiver)
    assert isinstance(verdict.reason, Reason)


@settings(deadline=None)
@given(st.text(alphabet=" 0123456789.-;@<>'", min_size=1))
def test_a_text_without_words_or_address_codes_never_suppresses(text: str) -> None:
    verdict = classify_diagnostic(text)
    # 556 says it without a word: the domain takes no mail (RFC 7504)
    assert not verdict.suppresses or verdict.smtp_enhanced.startswith("5.") or verdict.code == "smtp:556"


@pytest.mark.parametrize("unit", [" ", "5", "5.1.1 ", "a", "a@", "<", "550-", "user ", "\n", "é", "ﷺ"])
def test_a_text_of_a_million_characters_is_judged_by_its_beginning(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert classify_diagnostic(text) == classify_diagnostic(text[:4096])
