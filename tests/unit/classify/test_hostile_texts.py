"""No text can take long: whatever its length, only its first characters are looked at."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.classify import classify
from app.classify.tables import LONGEST_TEXT

CHANNELS = ("sms", "email", "whatsapp")
WALLS = (" ", "5", "550 ", "a", "<", "a@", "@", "é", "漢", "\N{COMBINING ACUTE ACCENT}", "ﷺ", "5.1.1 ", "user ", "\r\n")
"""What stands there over and over."""


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("wall", WALLS)
@pytest.mark.parametrize("code", ["", "42", "550", "Throttling", "Permanent/General"])
def test_a_text_of_a_million_characters_is_judged_by_its_start(channel: str, wall: str, code: str) -> None:
    text = (wall * 1_000_000)[:1_000_000]
    start = text[:LONGEST_TEXT]
    assert classify(channel, "", code, text) == classify(channel, "", code, start + "550 5.1.1 user unknown")


@settings(deadline=None)
@given(st.sampled_from(CHANNELS), st.text(max_size=40), st.text(), st.text())
def test_what_stands_behind_the_limit_changes_nothing(channel: str, code: str, start: str, tail: str) -> None:
    text = f"{start} {'x' * LONGEST_TEXT}"[:LONGEST_TEXT]
    assert classify(channel, "", code, text + tail) == classify(channel, "", code, text)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_code_of_a_million_characters_is_cut_as_well(channel: str) -> None:
    verdict = classify(channel, "", "9" * 1_000_000, "")
    assert len(verdict.code) < 256
