"""Agreement with a labelled corpus of real bounces that lies beside the repository."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from app.classify import Verdict, classify_diagnostic
from app.vocabulary import Reason

CORPUS = Path(__file__).parents[4] / "shared" / "facts" / "corpus" / "email-diagnostics.jsonl"

pytestmark = pytest.mark.skipif(not CORPUS.is_file(), reason="the corpus lies outside the repository and is not here")


class Bounce(NamedTuple):
    """A labelled bounce."""

    diagnostic: str
    status: str
    reply: str
    suppress: str


def _bounces(suppress: str = "") -> list[Bounce]:
    records = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    bounces = [
        Bounce(each["diagnostic"], each["status"] or "", each["replycode"] or "", each["suppress"]) for each in records
    ]
    return [bounce for bounce in bounces if suppress in {"", bounce.suppress}]


def from_text(bounce: Bounce) -> Verdict:
    """Judged by the diagnostic alone."""
    return classify_diagnostic(bounce.diagnostic)


def from_fields(bounce: Bounce) -> Verdict:
    """Judged with the codes that the provider gave in fields of their own."""
    return classify_diagnostic(bounce.diagnostic, status=bounce.status, reply=bounce.reply)


@pytest.mark.parametrize("judge", [from_text, from_fields])
def test_hardly_anybody_is_suppressed_by_mistake(judge: Callable[[Bounce], Verdict]) -> None:
    spared = _bounces("no")
    wrong = [bounce.diagnostic for bounce in spared if judge(bounce).suppresses]
    assert len(wrong) <= 0.005 * len(spared), wrong


@pytest.mark.parametrize("judge", [from_text, from_fields])
def test_few_dead_addresses_are_missed(judge: Callable[[Bounce], Verdict]) -> None:
    dead = _bounces("yes")
    missed = [bounce.diagnostic for bounce in dead if not judge(bounce).suppresses]
    assert len(missed) <= 0.05 * len(dead), missed


@pytest.mark.parametrize("judge", [from_text, from_fields])
def test_few_bounces_stay_unknown(judge: Callable[[Bounce], Verdict]) -> None:
    bounces = _bounces()
    unknown = [bounce.diagnostic for bounce in bounces if judge(bounce).reason is Reason.UNKNOWN]
    assert len(unknown) <= 0.05 * len(bounces), unknown
