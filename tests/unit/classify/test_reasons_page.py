"""The page for support people knows every reason once, and says of each what the tables and the alerts do."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from app.classify.codes import FAMILIES, ROWS
from app.classify.diagnostics import RULES
from app.classify.sms import RULES as SMS_RULES
from app.classify.tables import parse_table, read_text
from app.domain.advice import FAULTS
from app.vocabulary import Attribution, Permanence, Reason

PAGE = Path(__file__).parents[3] / "docs" / "reasons.md"
HEADING = re.compile(r"^### `(.+)`$", re.MULTILINE)
WATCHED = {Attribution.CARRIER, Attribution.PROVIDER, Attribution.UNKNOWN}


def _sections() -> dict[str, str]:
    _, *parts = HEADING.split(PAGE.read_text("utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _product(reason: Reason) -> str:
    section = _sections()[reason]
    return next(line for line in section.splitlines() if line.startswith("- Product: "))


def _judgements() -> dict[Reason, set[tuple[Attribution, Permanence]]]:
    found: dict[Reason, set[tuple[Attribution, Permanence]]] = defaultdict(set)
    for row in (
        *ROWS,
        *(row for each in (FAMILIES, RULES, SMS_RULES) for row in parse_table(each, read_text(each.table))),
    ):
        found[row.reason].add((row.attribution, row.permanence))
    return found


JUDGEMENTS = _judgements()


def test_every_reason_stands_on_the_page_once() -> None:
    found = HEADING.findall(PAGE.read_text("utf-8"))
    assert sorted(found) == sorted(reason.value for reason in Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_says_what_it_means_what_happens_and_what_to_do(reason: Reason) -> None:
    lines = _sections()[reason].partition("\n## ")[0].strip().splitlines()
    assert [line.split(":")[0] for line in lines] == ["- Means", "- Product", "- Do"]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.UNKNOWN])
def test_the_page_says_what_the_tables_can_do_to_a_recipient(reason: Reason) -> None:
    """Unknown is left out: what is not recognised never touches a recipient, whatever class its code has."""
    at_once = (Attribution.RECIPIENT, Permanence.PERMANENT) in JUDGEMENTS[reason]
    assert ("suppresses at once" in _product(reason)) is (at_once and reason is not Reason.RECIPIENT_SUPPRESSED)
    assert ("counts" in _product(reason)) is ((Attribution.RECIPIENT, Permanence.TRANSIENT) in JUDGEMENTS[reason])


@pytest.mark.parametrize("reason", Reason)
def test_the_page_says_which_reasons_alert_and_which_are_watched(reason: Reason) -> None:
    watched = bool(WATCHED & {attribution for attribution, _ in JUDGEMENTS[reason]})
    assert ("alerts" in _product(reason)) is (reason in FAULTS)
    assert reason in FAULTS or ("watched" in _product(reason)) is watched


def test_the_page_names_the_times_of_the_built_in_policy() -> None:
    text = " ".join(PAGE.read_text("utf-8").split())
    policy = (Path(__file__).parents[3] / "app" / "domain" / "policy.default.toml").read_text("utf-8")
    for key, value, said in (
        ("suppress_days", "30", "30 days for SMS and WhatsApp"),
        ("suppress_days", "90", "90 days for e-mail"),
        ("longest_days", "480", "up to 480 days"),
        ("longest_days", "720", "for e-mail 720"),
        ("failures", "5", "Five of them within 30 days"),
        ("suppress_days", "7", "suppress for 7 days"),
    ):
        assert f"{key} = {value}" in policy
        assert said in text
