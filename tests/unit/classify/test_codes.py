"""Every documented code of every table is reachable, and what no table knows stays harmless."""

import pytest

from app.classify import Verdict, classify_code
from app.classify.codes import FAMILIES, ROWS, build_families
from app.classify.tables import Row, expand, parse_table, read_text
from app.vocabulary import Attribution, Confidence, Permanence, Reason


def _listed_codes() -> list[tuple[Row, str]]:
    return [(row, code) for row in ROWS for code in {expand(row)[0], expand(row)[-1]}]


@pytest.mark.parametrize(
    ("row", "code"), _listed_codes(), ids=[f"{row.namespace}:{code}"[:60] for row, code in _listed_codes()]
)
def test_every_documented_code_is_judged_as_its_table_says(row: Row, code: str) -> None:
    base, colon, text = code.partition(":") if row.namespace == "ses" else (code, "", "")
    verdict = classify_code(row.namespace, *((base, text) if colon and base != "smtp" else (code,)))
    temporary = row.namespace == "smtp" and code.startswith("4")
    assert (verdict.reason, verdict.attribution, verdict.permanence) == (
        row.reason,
        row.attribution,
        Permanence.TRANSIENT if temporary else row.permanence,
    )
    assert verdict.confidence is not Confidence.UNMAPPED or code == "*"


def test_a_listed_code_wins_over_the_range_that_holds_it() -> None:
    assert classify_code("meta", "200").decided_by == "meta_whatsapp:200"
    assert classify_code("meta", "201").decided_by == "meta_whatsapp:200-299"


def test_the_whole_verdict_on_a_meta_code() -> None:
    assert classify_code("meta", "131026") == Verdict(
        Reason.RECIPIENT_NOT_ON_CHANNEL,
        Attribution.RECIPIENT,
        Permanence.PERMANENT,
        Confidence.CODE,
        "meta:131026",
        decided_by="meta_whatsapp:131026",
    )


@pytest.mark.parametrize("spelling", ["131026", " 131026 ", "(#131026)", "#131026", "131026.0", "0131026"])
def test_meta_numbers_in_every_spelling(spelling: str) -> None:
    assert classify_code("meta", spelling).reason is Reason.RECIPIENT_NOT_ON_CHANNEL


@pytest.mark.parametrize(
    ("namespace", "code", "shown"),
    [
        ("twilio_smpp", "1", "twilio_smpp:001"),
        ("twilio_smpp", "001", "twilio_smpp:001"),
        ("gsm_map", "001", "gsm_map:1"),
        ("kpn", "2", "kpn:002"),
        ("javna", "012", "javna:12"),
        ("smpp", "delivrd", "smpp:DELIVRD"),
        ("smpp_status", "0x45", "smpp_status:0x00000045"),
        ("tp_fcs", "0xd0", "tp_fcs:0xD0"),
        ("treble", "invalid_phone", "treble:INVALID_PHONE"),
        ("prelude", "unavailable", "prelude:reason:unavailable"),
        ("TWILIO", "30003", "twilio:30003"),
    ],
)
def test_codes_are_found_however_they_are_padded_and_cased(namespace: str, code: str, shown: str) -> None:
    assert classify_code(namespace, code).code == shown


def test_the_same_number_means_different_things_in_different_namespaces() -> None:
    assert classify_code("twilio_smpp", "001").reason is Reason.RECIPIENT_UNAVAILABLE
    assert classify_code("gsm_map", "001").reason is Reason.INVALID_RECIPIENT
    assert classify_code("vonage", "001").reason is Reason.UNKNOWN
    assert classify_code("elfo", "001").confidence is Confidence.UNMAPPED


@pytest.mark.parametrize("code", ["Throttling", "ThrottlingException", "throttling"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Maximum sending rate exceeded.", Reason.RATE_LIMITED),
        ("Daily message quota exceeded.", Reason.QUOTA_EXCEEDED),
        ("", Reason.RATE_LIMITED),
    ],
)
def test_the_text_of_an_ses_throttling_decides(code: str, text: str, reason: Reason) -> None:
    assert classify_code("ses", code, text).reason is reason


def test_ses_codes_come_with_and_without_their_suffix() -> None:
    with_suffix = classify_code("ses", "AccountSendingPausedException")
    without = classify_code("ses", "AccountSendingPaused")
    assert with_suffix.reason is without.reason is Reason.SENDER_ACCOUNT_RESTRICTED
    assert classify_code("ses", "TooManyRequests").reason is Reason.RATE_LIMITED


@pytest.mark.parametrize(
    ("code", "reason", "attribution"),
    [
        ("131099", Reason.UNKNOWN, Attribution.UNKNOWN),
        ("131299", Reason.MANAGEMENT_OPERATION, Attribution.UNKNOWN),
        ("132999", Reason.TEMPLATE_ERROR, Attribution.CONTENT),
        ("133999", Reason.SENDER_NOT_REGISTERED, Attribution.SENDER),
        ("137999", Reason.RECIPIENT_RESTRICTED, Attribution.RECIPIENT),
        ("80099", Reason.RATE_LIMITED, Attribution.SENDER),
    ],
)
def test_an_unlisted_meta_code_falls_back_to_its_family(code: str, reason: Reason, attribution: Attribution) -> None:
    verdict = classify_code("meta", code)
    assert (verdict.reason, verdict.attribution, verdict.confidence) == (reason, attribution, Confidence.PROVIDER)
    assert verdict.code == f"meta:{code}"


def test_no_family_can_suppress() -> None:
    families = build_families(parse_table(FAMILIES, read_text(FAMILIES.table)))
    verdicts = [classify_code(namespace, str(family.high)) for namespace in families for family in families[namespace]]
    assert len(verdicts) > 20
    assert not [verdict for verdict in verdicts if verdict.suppresses]


@pytest.mark.parametrize(
    ("namespace", "code", "shown"),
    [
        ("meta", "999999999", "meta:999999999"),
        ("nobody", "1", "nobody:1"),
        ("treble", "NEW", "treble:NEW"),
        ("", "", ""),
    ],
)
def test_an_unknown_code_is_kept_and_has_no_effect(namespace: str, code: str, shown: str) -> None:
    assert classify_code(namespace, code) == Verdict(
        Reason.UNKNOWN, Attribution.UNKNOWN, Permanence.UNDETERMINED, Confidence.UNMAPPED, shown
    )


def test_an_unlisted_ses_bounce_subtype_takes_the_default_of_its_type() -> None:
    verdict = classify_code("ses_bounce", "Permanent/Novel")
    assert (verdict.reason, verdict.confidence) == (Reason.INVALID_RECIPIENT, Confidence.PROVIDER)
    assert classify_code("ses_bounce", "Transient/Novel").permanence is Permanence.TRANSIENT


def test_an_unlisted_enhanced_code_takes_only_its_class() -> None:
    verdict = classify_code("smtp", "5.9.99")
    assert (verdict.reason, verdict.permanence, verdict.suppresses) == (Reason.UNKNOWN, Permanence.PERMANENT, False)
    assert classify_code("smtp", "4.9.99").permanence is Permanence.TRANSIENT
    assert classify_code("smtp", "550").reason is Reason.UNKNOWN
