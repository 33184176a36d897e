"""An explanation names one deciding row, the one of the verdict, and says of every other row why it did not."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.classify import classify
from app.classify.explain import Explanation, explain, with_overlay
from app.classify.overlay_file import OVERLAY_COLUMNS, parse_overlay
from app.classify.steps import Step
from tests.unit.classify.vectors import email_wordings, meta, not_carried, receivers, ses, sms_codes, sms_wordings, smtp

DECIDES = "decides: "


def _asked() -> Iterator[tuple[str, str, str, str]]:
    """Channel, provider, code and text of all that is generated for Teekrr, and of the wordings of receivers."""
    for make in (meta, ses, smtp, receivers, sms_codes, email_wordings, sms_wordings):
        for vector in make():
            data = vector.body.get("data", {})
            if vector.body.get("event") == "failed":
                yield data["channel"], "teekrr", data["errorCode"] or "", data["errorMessage"]
            elif vector.body.get("event") == "bounced":
                yield "email", "teekrr", f"{data['bounceType']}/{data['bounceSubType']}", data["diagnostic"]
    for question in not_carried(frozenset()):
        yield "sms", "", f"{question.namespace}:{question.code}", ""
    with Path(__file__).with_name("wordings.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            yield "email", "", "", line["diagnostic"]


def _deciding(explanation: Explanation) -> list[str]:
    return [step.row for step in explanation.steps if step.because.startswith(DECIDES)]


def test_of_everything_known_the_row_that_decided_is_shown_once() -> None:
    wrong = []
    for asked in _asked():
        explanation = explain(*asked)
        decided = explanation.verdict.decided_by
        if explanation.verdict != classify(*asked) or _deciding(explanation) != ([decided] if decided else []):
            wrong.append((asked, decided, _deciding(explanation)))
    assert wrong == []


@settings(deadline=None)
@given(
    st.sampled_from(["sms", "email", "whatsapp"]),
    st.sampled_from(["teekrr", "prelude", "treble", "webex-interact", ""]),
    st.text(max_size=80),
    st.text(max_size=200),
)
def test_anything_can_be_explained(channel: str, provider: str, code: str, text: str) -> None:
    explanation = explain(channel, provider, code, text)
    assert explanation.verdict == classify(channel, provider, code, text)
    assert len(_deciding(explanation)) == bool(explanation.verdict.decided_by)


def test_a_receivers_row_that_decides_and_those_that_do_not() -> None:
    text = "550 5.2.1 The email account that you tried to reach is inactive. - gsmtp"
    steps = explain("email", "", "", text).steps
    assert steps[:2] == (
        Step(
            "receiver",
            "smtp_enhanced:gmail:5.2.1/disabled",
            matched=True,
            because="decides: gmail's words are in the text",
        ),
        Step(
            "receiver",
            "smtp_enhanced:gmail:5.2.1/receiving-rate",
            matched=False,
            because="gmail's words are not in the text",
        ),
    )
    enhanced = Step(
        "enhanced code", "smtp_enhanced:5.2.1", matched=True, because="5.2.1 is listed; a row before it decided"
    )
    assert enhanced in steps


def test_a_phrase_names_the_line_it_stands_in() -> None:
    """Also where the phrases of a table are split into two books."""
    steps = explain("email", "", "", "550 mailbox cannot").steps
    said = next(step for step in steps if step.because.startswith(DECIDES))
    table = Path(__file__).parents[3] / "app" / "classify" / "data" / "email_phrases.csv"
    line = table.read_text("utf-8").splitlines()[int(said.because.rpartition("line ")[2].rstrip(")")) - 1]
    assert (said.row, line.split(",")[0]) == ("email_rules:late/recipient-gone", "late/recipient-gone")


@pytest.mark.parametrize(
    ("text", "because"),
    [
        ("550 5.1.1 user unknown (in reply to MAIL FROM command)", "said before the recipient was named"),
        ("450 4.1.1 user unknown", "class 4"),
    ],
)
def test_what_weakens_a_verdict_is_said(text: str, because: str) -> None:
    assert [step for step in explain("email", "", "", text).steps if because in step.because]


def test_the_overlay_stands_first_and_the_tables_choice_stays_visible() -> None:
    row = "*,row,email_rules:relay,,routing_error,SENDER,PERMANENT,our relay"
    overlay = parse_overlay("own", f"{','.join(OVERLAY_COLUMNS)}\n{row}\n")
    text = "554 5.7.1 Relay access denied"
    changed = with_overlay(explain("email", "", "", text), overlay, "acme", "email", text)
    assert changed.verdict.decided_by == "own:2"
    assert changed.steps[0] == Step("overlay", "own:2", matched=True, because="decides: row email_rules:relay")
    before = [step.row for step in changed.steps if step.because.startswith("decided before the overlay: ")]
    assert (_deciding(changed), before) == (["own:2"], ["email_rules:relay"])
    untouched = with_overlay(explain("sms", "", "", "x"), overlay, "acme", "sms", "x")
    assert untouched.steps[0] == Step(
        "overlay", "", matched=False, because="no row for acme fits this wording, code or row"
    )
