"""Recognises the receiving mail system, and holds the rows that are valid for one receiver only."""

import re
from typing import NamedTuple

from app.classify.codes import ROWS, verdict_of
from app.classify.phrases import Words, split_words
from app.classify.smtp import Reply
from app.classify.tables import Row, broken, csv_rows, expand, read_text
from app.classify.verdict import Verdict
from app.vocabulary import Confidence

_MARK_COLUMNS = ("mark", "receiver")
WITH_ROWS = ("gmail", "outlook", "yahoo", "icloud")
"""Receivers that have rows of their own."""
_CODE_PART = re.compile(r"[\d./-]+")


class ReceiverRow(NamedTuple):
    """What a receiver means by a code together with a wording."""

    pattern: re.Pattern[str]
    verdict: Verdict


def build_marks(text: str) -> dict[str, list[tuple[int, str, str]]]:
    """Marks by their longest word: order in the file, the mark as words, the receiver's name."""
    marks: dict[str, list[tuple[int, str, str]]] = {}
    for line, fields in csv_rows("receivers", text, _MARK_COLUMNS):
        words = split_words(fields["mark"])
        if not words.distinct:
            raise broken("receivers", line, "the mark has no word")
        marks.setdefault(max(words.distinct, key=len), []).append((line, words.joined, fields["receiver"]))
    return marks


_MARKS = build_marks(read_text("receivers"))
_NAMES = frozenset(name for marks in _MARKS.values() for _, _, name in marks)


def recognise(words: Words, host: str) -> str:
    """The name of the receiver, from its host or else from marks in the text; empty if it is not a known one."""
    host = host.strip().casefold()
    if host in _NAMES:
        return host
    return (_marked(split_words(host)) if host else "") or _marked(words)


def _marked(words: Words) -> str:
    fitting = [
        (line, receiver)
        for key in words.distinct & _MARKS.keys()
        for line, mark, receiver in _MARKS[key]
        if mark in words.joined
    ]
    return min(fitting)[1] if fitting else ""


def covered_codes(row: Row) -> list[str]:
    """The codes of a receiver's row: one, a range, a list such as ``5.7.12/124/133-136``, or none (``""``)."""
    first, _, rest = row.code.partition("/")
    if not _CODE_PART.fullmatch(first):
        return [""]
    if not _CODE_PART.fullmatch(rest):
        return expand(row._replace(code=first))
    stem = first.rpartition(".")[0]
    return [
        code
        for part in (first, *(f"{stem}.{tail}" for tail in rest.split("/")))
        for code in expand(row._replace(code=part))
    ]


def build_receiver_rows(rows: list[Row]) -> dict[tuple[str, str], list[ReceiverRow]]:
    """Rows by receiver and code; raises TableOfCodesError for a broken pattern."""
    index: dict[tuple[str, str], list[ReceiverRow]] = {}
    for row in rows:
        try:
            pattern = re.compile(row.title)
        except re.error as error:
            raise broken(row.table, row.line, f"broken pattern: {error}") from error
        for code in covered_codes(row):
            verdict = verdict_of(row, "", Confidence.CODE if code else Confidence.TEXT)
            index.setdefault((row.namespace, code), []).append(ReceiverRow(pattern, verdict))
    return index


RECEIVER_ROWS = build_receiver_rows([row for row in ROWS if row.namespace in WITH_ROWS])


def receiver_verdict(receiver: str, reply: Reply, text: str) -> Verdict | None:
    """The verdict of the first row of this receiver whose code and wording both fit."""
    for code in (reply.enhanced, reply.basic, ""):
        if code or reply.enhanced or reply.basic:
            for pattern, verdict in RECEIVER_ROWS.get((receiver, code), ()):
                if pattern.search(text):
                    return verdict
    return None
