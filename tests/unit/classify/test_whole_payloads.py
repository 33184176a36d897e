"""Every row of every table and every wording of every rule, through a whole webhook of a provider that can carry it."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from app.classify import classify_code
from app.classify.codes import FAMILIES, ROWS
from app.classify.diagnostics import PHRASES
from app.classify.phrases import PHRASE_COLUMNS
from app.classify.sms import PHRASES as SMS_PHRASES
from app.classify.tables import csv_rows, parse_table, read_text
from app.vocabulary import Reason
from tests.unit.classify.payloads import Judged, judged, receiver_of
from tests.unit.classify.vectors import (
    Vector,
    email_wordings,
    meta,
    not_carried,
    receivers,
    ses,
    sms_codes,
    sms_wordings,
    smtp,
    treble,
)

CODES = (meta, ses, smtp, receivers, sms_codes, treble)
WORDINGS = (email_wordings, sms_wordings)
VECTORS = {make: list(make()) for make in (*CODES, *WORDINGS)}
CARRIED = frozenset(vector.row for vectors in VECTORS.values() for vector in vectors)
QUESTIONS = list(not_carried(CARRIED))
Make = Callable[[], Iterator[Vector]]


def _agree(expected: Judged, found: Judged) -> bool:
    """Of a row that says unknown only that is asked: whose class it has may come from elsewhere in the webhook."""
    return found == expected or (expected.reason is found.reason is Reason.UNKNOWN and not found.suppresses)


@pytest.mark.parametrize("make", CODES)
def test_a_webhook_with_a_documented_code_is_judged_as_the_row_says(make: Make) -> None:
    found = [(vector, judged(vector.provider, vector.body)) for vector in VECTORS[make]]
    assert [(vector, judgement) for vector, judgement in found if not _agree(vector.expected, judgement)] == []


def test_a_code_that_no_webhook_carries_is_judged_as_its_row_says() -> None:
    verdicts = [(question, classify_code(question.namespace, question.code)) for question in QUESTIONS]
    wrong = [
        (question, verdict)
        for question, verdict in verdicts
        if question.expected != (verdict.reason, verdict.attribution, verdict.permanence)
    ]
    assert wrong == []


@pytest.mark.parametrize("make", WORDINGS)
def test_every_phrase_decides_for_its_rule(make: Make) -> None:
    """Two wordings of one phrase may meet the phrase of an earlier rule; a phrase that never decides is dead."""
    decided = Counter((vector.row, judged(vector.provider, vector.body) == vector.expected) for vector in VECTORS[make])
    rows = {row for row, _ in decided}
    assert {row for row in rows if not decided[row, True]} == set()
    assert sum(decided[row, False] for row in rows) <= 0.02 * decided.total()


@pytest.mark.parametrize("make", WORDINGS)
def test_no_wording_suppresses_that_a_rule_wrote_down_for_something_else(make: Make) -> None:
    spared = [vector for vector in VECTORS[make] if not vector.expected.suppresses]
    assert len(spared) > 100
    assert [vector for vector in spared if judged(vector.provider, vector.body).suppresses] == []


def test_every_mark_of_a_receiver_is_recognised_in_a_bounce() -> None:
    marks = list(csv_rows("receivers", read_text("receivers"), ("mark", "receiver")))
    wrong = [fields for _, fields in marks if receiver_of(fields["mark"]) != fields["receiver"]]
    assert (wrong, len(marks) > 50) == ([], True)


def test_nothing_that_is_documented_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Every row of codes, families and phrases has a vector; the count goes to the terminal."""
    families = parse_table(FAMILIES, read_text(FAMILIES.table))
    phrases = {
        f"{source.table}:{line}"
        for source in (PHRASES, SMS_PHRASES)
        for line, _ in csv_rows(source.table, read_text(source.table), PHRASE_COLUMNS)
    }
    rows = {row.name for row in (*ROWS, *families)} | phrases
    assert rows == CARRIED | {question.row for question in QUESTIONS}
    carried = sum(map(len, VECTORS.values()))
    with capsys.disabled():
        print(  # noqa: T201 - the size of what is generated is a result of its own
            f"\n{carried} generated webhooks and {len(QUESTIONS)} bare codes for {len(rows)} rows"
        )
    assert carried >= 5_000
