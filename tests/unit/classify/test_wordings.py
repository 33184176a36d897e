"""What receivers write, line by line: ``wordings.csv`` says the reason, and whether the recipient may be suppressed.

An empty field leaves open what a careful reader would leave open.
"""

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.classify import classify_diagnostic

LINES = list(csv.DictReader(Path(__file__).with_name("wordings.csv").read_text("utf-8").splitlines()))


@pytest.mark.parametrize("line", LINES, ids=[line["diagnostic"][:70] for line in LINES])
def test_a_wording_is_read_as_a_postmaster_reads_it(line: dict[str, str]) -> None:
    verdict = classify_diagnostic(line["diagnostic"])
    assert line["reason"] in {"", verdict.reason}
    assert line["suppresses"] in {"", "yes" if verdict.suppresses else "no"}


@settings(deadline=None)
@given(
    st.sampled_from([line["diagnostic"] for line in LINES]), st.sampled_from(["smtp; ", "SMTP;", "x-postfix; ", "\n"])
)
def test_a_type_in_front_changes_nothing(text: str, front: str) -> None:
    assert classify_diagnostic(front + text) == classify_diagnostic(text)


@settings(deadline=None)
@given(st.sampled_from([line["diagnostic"] for line in LINES if line["suppresses"] == "yes"]))
def test_no_wording_suppresses_under_a_temporary_status(text: str) -> None:
    assert not classify_diagnostic(text, status="4.2.0").suppresses


@settings(deadline=None)
@given(st.sampled_from([line["diagnostic"] for line in LINES]))
def test_an_answer_to_mail_from_never_suppresses_a_mailbox(text: str) -> None:
    verdict = classify_diagnostic(f"{text} (in reply to MAIL FROM command)")
    assert not verdict.suppresses or verdict.decided_by == "email_rules:no-mail-domain"


@settings(deadline=None)
@given(
    st.sampled_from([line["diagnostic"] for line in LINES if line["reason"] != "recipient_opted_out"]),
    st.sampled_from(["try again later", "temporarily", "refused for your domain", "sender", "over quota"]),
)
def test_a_doubt_behind_any_wording_keeps_the_address(text: str, doubt: str) -> None:
    assert not classify_diagnostic(f"{text} {doubt}").suppresses
