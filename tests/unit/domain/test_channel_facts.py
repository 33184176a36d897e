from itertools import permutations

import pytest

from app.domain.recipients import next_due
from app.domain.rows import decode_row
from tests.unit.domain.samples import DAY, NOW, POLICY, T0, asked, confirmed, failed, gone
from tests.unit.domain.test_recipients import apply
from tests.unit.domain.test_recipients_in_any_order import without_told

LONG = "3f" * 40
"""Ids that begin with these eighty characters are alike as far as a row has room for them."""


def test_words_that_are_not_in_the_vocabulary_are_counted_as_one() -> None:
    """Anybody can make them up; what was said last is shown all the same, as far as there is room."""
    row = decode_row(None)
    for number in range(1000):
        apply(row, gone(f"e{number}", T0 + number, f"novel_{number}", attribution="SENDER"))
    apply(row, gone("f", T0, attribution="SENDER"))
    apply(row, gone("g", T0 + 1000, "x" * 320, attribution="NOBODY"))
    assert row.channels["email"] == {
        "failed": {"SENDER": {"invalid_recipient": 1, "other": 1000}, "other": {"other": 1}},
        "last_failure": [T0 + 1000, "x" * 32],
    }


def test_a_word_that_is_to_come_suppresses_like_any_other() -> None:
    """A newer worker may know reasons that this one does not: the axes decide, and the word is passed on."""
    row = decode_row(None)
    (output,) = apply(row, gone("e", T0, "mailbox_haunted")).outputs
    assert (output.value["state"], output.value["reason"]) == ("suppressed", "mailbox_haunted")


def test_of_requests_that_are_alike_the_one_without_end_counts() -> None:
    """One moment, one person, one reason; ids that begin alike; one ends and one does not."""
    rows = set()
    for ids in (("a", "b"), ("b", "a")):
        until = (T0 + 99 * DAY, None)
        requests = [asked(LONG + each, T0, "suppress", until=end) for each, end in zip(ids, until, strict=True)]
        for order in permutations(requests):
            row = decode_row(None)
            for request in order:
                apply(row, request)
            rows.add((ids, without_told(row)))
    assert len(rows) == 2


def test_a_request_that_was_forgotten_and_comes_again_with_another_end_is_compared() -> None:
    """Its id is the same to the last letter, so all but the end is: no end is later than any."""
    for ends in ((None, T0 + 99 * DAY), (T0 + 99 * DAY, None)):
        row = decode_row(None)
        for until in ends:
            row.memory.days.clear()
            apply(row, asked("q", T0, "suppress", until=until))
        assert row.channels["email"]["request"] == [T0, "q", "cancelled", "bob", None]
        assert next_due(row, POLICY) is None


def test_the_end_that_is_furthest_away_is_not_beyond_no_end() -> None:
    """An opt-out outweighs a request until the last moment that a record can name."""
    row = decode_row(None)
    apply(row, gone("o", T0, "recipient_opted_out"))
    assert apply(row, asked("q", T0, "suppress", until=2**63 - 1)).outputs == ()
    assert row.channels["email"]["suppression"]["cause"] == "opt_out"


def test_failures_whose_ids_begin_alike_are_as_many_as_they_are() -> None:
    """Five ids that differ after the eightieth character are five failures, and five pieces of evidence."""
    row = decode_row(None)
    told = [apply(row, failed(f"{LONG}{day}", T0 + day * DAY), NOW - 10 * DAY).outputs for day in range(5)]
    assert [len(each) for each in told] == [0, 0, 0, 0, 1]
    evidence = row.channels["email"]["suppression"]["evidence"]
    assert len(set(evidence)) == 5
    assert {each[:54] for each in evidence} == {LONG[:53] + "~"}


@pytest.mark.parametrize("kind", ["opted_in", "lift"])
def test_two_that_come_at_one_moment_with_ids_that_begin_alike_are_in_one_order(kind: str) -> None:
    rows = set()
    for names in ("ab", "ba"):
        row = decode_row(None)
        for name in names:
            apply(row, confirmed(LONG + name, T0, kind) if kind == "opted_in" else asked(LONG + name, T0, kind))
        rows.add(without_told(row))
    assert len(rows) == 1
