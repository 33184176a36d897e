"""An operator's overlay changes what it names and nothing else, and a broken one is refused with file and line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.classify import MAPPING_VERSION, Verdict, classify
from app.classify.overlay import Overlay
from app.classify.overlay_file import OVERLAY_COLUMNS, load_overlay, parse_overlay
from app.errors import TableOfCodesError
from app.vocabulary import Attribution, Confidence, Permanence, Reason

DOCS = Path(__file__).parents[3] / "docs"
HEADER = ",".join(OVERLAY_COLUMNS)
CODE = "*,code,elfo:42,,invalid_recipient,RECIPIENT,PERMANENT,from the supplier"
PHRASE = "acme,email,{mailbox|account} frozen by owner,5,recipient_disabled,recipient,permanent,seen in March"
ROW = "*,row,email_rules:relay,,routing_error,SENDER,PERMANENT,our relay"


def overlay(*lines: str) -> Overlay:
    return parse_overlay("own", "\n".join([HEADER, *lines]) + "\n")


def judged(rows: Overlay, tenant: str, channel: str, code: str, text: str) -> Verdict:
    return rows.applied(tenant, channel, classify(channel, "", code, text), text)


def test_an_own_code_decides_for_what_the_tables_do_not_know() -> None:
    rows = overlay(CODE)
    assert judged(rows, "acme", "sms", "042", "Delivery failed") == Verdict(
        Reason.INVALID_RECIPIENT,
        Attribution.RECIPIENT,
        Permanence.PERMANENT,
        Confidence.CODE,
        "elfo:042",
        decided_by="own:2",
        overlay=rows.version,
    )


def test_an_own_code_goes_before_the_words_that_came_with_it() -> None:
    assert judged(overlay(CODE), "acme", "sms", "42", "Absent subscriber").reason is Reason.INVALID_RECIPIENT


def test_an_own_smtp_code_leaves_the_wording_and_the_receivers_rows_alone() -> None:
    rows = overlay("*,code,smtp:5.2.1,,recipient_restricted,RECIPIENT,UNDETERMINED,")
    assert judged(rows, "acme", "email", "", "550 5.2.1").reason is Reason.RECIPIENT_RESTRICTED
    blocked = "550 5.2.1 Your IP address is listed by Spamhaus"
    assert judged(rows, "acme", "email", "", blocked).reason is Reason.SENDER_REPUTATION
    gmail = "550 5.2.1 The email account that you tried to reach is inactive. - gsmtp"
    assert judged(rows, "acme", "email", "", gmail).reason is Reason.RECIPIENT_DISABLED


def test_an_own_wording_holds_for_its_tenant_and_under_its_codes() -> None:
    rows, text = overlay(PHRASE), "smtp; 550 5.7.1 Mailbox frozen by owner"
    assert judged(rows, "acme", "email", "", text).decided_by == "own:2"
    assert judged(rows, "other", "email", "", text).decided_by != "own:2"
    assert judged(rows, "acme", "email", "", "Mailbox frozen by owner").decided_by != "own:2"


def test_a_temporary_answer_never_becomes_permanent() -> None:
    rows = overlay(PHRASE.replace(",5,", ",,"))
    verdict = judged(rows, "acme", "email", "", "450 4.2.1 Mailbox frozen by owner")
    assert (verdict.decided_by, verdict.permanence, verdict.suppresses) == ("own:2", Permanence.TRANSIENT, False)


def test_a_row_of_the_tables_is_changed_by_its_name() -> None:
    verdict = judged(overlay(ROW), "acme", "email", "", "smtp; 554 5.7.1 Relay access denied")
    assert (verdict.attribution, verdict.code, verdict.decided_by) == (Attribution.SENDER, "smtp:5.7.1", "own:2")


def test_a_tenants_own_row_goes_before_the_row_for_all() -> None:
    rows = overlay(CODE, CODE.replace("*", "acme").replace("invalid_recipient", "recipient_disabled"))
    assert judged(rows, "acme", "sms", "42", "").reason is Reason.RECIPIENT_DISABLED
    assert judged(rows, "other", "sms", "42", "").reason is Reason.INVALID_RECIPIENT


def test_the_version_of_an_overlay_changes_with_its_text_only() -> None:
    assert overlay(CODE).version == parse_overlay("other", f"{HEADER}\r\n{CODE}\r\n").version
    assert overlay(CODE).version != overlay(CODE, ROW).version
    assert f"{MAPPING_VERSION}{overlay(CODE).version}".count("+") == 1


@settings(deadline=None)
@given(st.sampled_from(["sms", "email", "whatsapp"]), st.text(max_size=40), st.text(max_size=200))
def test_what_the_overlay_does_not_name_stays_as_the_tables_judge_it(channel: str, code: str, text: str) -> None:
    rows = overlay(PHRASE, ROW)
    verdict = classify(channel, "", code, text)
    if verdict.decided_by != "email_rules:relay":
        assert rows.applied("acme", channel, verdict, text) == verdict._replace(overlay=rows.version)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([CODE.replace("code", "number", 1)], "own.csv:2: kind: expected one of code, row, sms, whatsapp, email"),
        ([CODE, CODE.replace("invalid_recipient", "gone")], "own.csv:3: unknown word: 'gone'"),
        ([CODE.replace("PERMANENT", "FOREVER")], "own.csv:2: unknown word: 'FOREVER'"),
        ([CODE.replace("invalid_recipient", "expired")], "own.csv:2: reason: expired is no permanent state of a recip"),
        ([CODE.replace("elfo:42", "42")], "own.csv:2: match: expected a known namespace and a code, such as elfo:42"),
        ([CODE.replace("elfo:42", "nobody:42")], "own.csv:2: match: expected a known namespace and a code"),
        ([CODE.replace("elfo:42", "elfo:")], "own.csv:2: match: expected a known namespace and a code"),
        ([CODE.replace(",,", ",5,")], "own.csv:2: codes: only a phrase can ask for codes"),
        ([ROW.replace("relay", "relais", 1)], "own.csv:2: match: no table has a row 'email_rules:relais'"),
        (
            [PHRASE.replace("{mailbox", "{{mailbox")],
            "own.csv:2: match: the phrase '{{mailbox|",
        ),
        ([PHRASE.replace(",5,", ",six,")], "own.csv:2: codes: expected SMTP codes or classes such as 5 550 5.2.1"),
        ([CODE, CODE], "own.csv:3: match: stands here twice for this tenant"),
        ([CODE, CODE.replace("42", "042")], "own.csv:3: match: stands here twice for this tenant, spelt in two ways"),
        ([CODE.replace("*", "a/b", 1)], "own.csv:2: tenant: expected the name of one, or * for all"),
        ([CODE.replace("*", "", 1)], "own.csv:2: tenant: expected the name of one, or * for all"),
        ([CODE + ",more"], "own.csv:2: 9 fields instead of 8"),
    ],
)
def test_a_broken_overlay_is_refused_with_file_and_line(lines: list[str], error: str) -> None:
    with pytest.raises(TableOfCodesError) as raised:
        overlay(*lines)
    assert str(raised.value).startswith(error)


@pytest.mark.parametrize("page", ["operating.md", "reasons.md"])
def test_the_example_of_a_page_can_be_used(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    example = parse_overlay("own", text.partition("```csv\n")[2].partition("```")[0])
    assert example.tenants.keys() == {"*", "acme"}


def test_without_a_file_there_is_no_overlay() -> None:
    verdict = classify("email", "", "", "550 5.1.1 user unknown")
    assert load_overlay(None).applied("acme", "email", verdict, "550 5.1.1 user unknown") is verdict


def test_other_columns_are_refused() -> None:
    with pytest.raises(TableOfCodesError, match=r"own.csv:1: the columns must be tenant, kind, match"):
        parse_overlay("own", "code,reason\n")
