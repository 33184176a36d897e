"""What a classification looked at on the way to its verdict, as data for people."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from app.classify.codes import FAMILY_SPANS, INDEX, SES_TEXTS, spellings
from app.classify.phrases import PhraseBook, Words
from app.classify.verdict import Verdict

MOST_NEAR = 3
"""Phrases of a book that are listed although the text does not say them."""

LONGEST_SHOWN = 72
"""Characters of a phrase."""


class Step(NamedTuple):
    """One row that was looked at, or one place where there was none."""

    stage: str
    row: str
    """Table and row; empty where none came into question."""
    matched: bool
    because: str


def table_steps(namespace: str, code: str) -> Iterator[Step]:
    """The row of a code, then the family of its number and the defaults of its table."""
    known = INDEX.get(namespace, {})
    given = code.strip()
    if not given:
        yield Step("code", "", False, "there is no code")
        return
    for spelling in spellings(namespace, given.casefold()):
        if spelling in known:
            yield Step("code", known[spelling].decided_by, True, f"{namespace} lists {spelling}")
            break
    else:
        yield Step("code", "", False, f"no row of {namespace} is {given}")
    number = int(given) if given.isascii() and given.isdecimal() else -1
    for family in FAMILY_SPANS.get(namespace, []):
        if family.low <= number <= family.high:
            yield Step("family", family.row.name, True, f"{given} lies in {family.low} to {family.high}")
    for default in dict.fromkeys((given.partition("/")[0].casefold() + "/*", f"{given[0]}.*.*", "*")):
        if default in known:
            yield Step("default", known[default].decided_by, True, f"stands for all that {namespace} does not list")


def ses_text_steps(bases: Iterable[str], text: str) -> Iterator[Step]:
    """The rows of SES errors whose text decides, for these codes."""
    lowered = text.casefold()
    wanted = set(bases)
    for base, needle, verdict in SES_TEXTS:
        if base in wanted:
            said = needle in lowered
            yield Step(
                "SES text", verdict.decided_by, said, f"the text {'holds' if said else 'does not hold'} its words"
            )


def wording_steps(stage: str, book: PhraseBook, words: Words, marks: frozenset[str]) -> Iterator[Step]:
    """The phrases that the text says, those that ask for another code, and some of which it has the rarest word."""
    near = 0
    tried = book.tried(words)
    for phrase in tried:
        row, shown = phrase.verdict.decided_by, f"'{shortened(phrase.written)}' (line {phrase.line})"
        if phrase.said_in(words, marks):
            yield Step(stage, row, True, f"the text says {shown}")
        elif phrase.codes and phrase.said_in(words, phrase.codes):
            yield Step(stage, row, False, f"{shown} asks for code {' or '.join(sorted(phrase.codes))}")
        elif near < MOST_NEAR:
            near += 1
            yield Step(stage, row, False, f"the text has a word of {shown} and not the phrase")
    if not tried:
        yield Step(stage, "", False, "no phrase has its rarest word in the text")


def shortened(phrase: str) -> str:
    """The start of a phrase with many choices."""
    return phrase if len(phrase) <= LONGEST_SHOWN else f"{phrase[:LONGEST_SHOWN]} …"


def known_step(stage: str, verdict: Verdict | None, matched: str, missing: str) -> Step:
    """A row that is there or not."""
    return Step(stage, verdict.decided_by, True, matched) if verdict else Step(stage, "", False, missing)
