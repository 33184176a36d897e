"""The sequence of what is announced: it grows with each record of a topic and key, and never repeats."""

import pytest

from app.domain.policy import parse_policy
from app.domain.recipients import expire, next_due
from app.domain.rows import decode_row
from app.outputs import Output
from tests.unit.domain.samples import DAY, HOUR, POLICY, T0, asked, confirmed, failed, gone
from tests.unit.domain.test_recipients import DRY, KEY, apply


def sequences(outputs: list[Output], topic: str = "suppression.changed") -> list[object]:
    return [output.value["sequence"] for output in outputs if output.topic == topic]


def test_each_announcement_is_one_more() -> None:
    """A reader that keeps the highest has the present state: failures, lifts, requests and their ends."""
    row = decode_row(None)
    records: list[Output] = []
    for step in range(6):
        at = T0 + step * 200 * DAY
        records += apply(row, gone(f"e{step}", at), now=at).outputs
        records += apply(row, asked(f"l{step}", at + DAY, "lift"), now=at + DAY).outputs
        records += apply(row, asked(f"q{step}", at + 2 * DAY, "suppress", until=at + 3 * DAY), now=at + 2 * DAY).outputs
        records += expire(row, KEY, POLICY, at + 3 * DAY).outputs
    assert sequences(records) == list(range(4, 28))
    assert len({output.value["event_id"] for output in records}) == 24
    assert row.channels["email"]["told"] == {"suppression": 27}


def test_ends_that_follow_each_other_without_an_event_are_told_apart() -> None:
    """Policies that become stricter prolong a suppression at its end, three times, and then it is over."""
    row = decode_row(None)
    records = [*apply(row, gone("e", T0), now=T0).outputs]
    for days in (100, 110, 120):
        policy = parse_policy(f'[[rule]]\npermanence = "PERMANENT"\nsuppress_days = {days}', "p.toml")
        records += expire(row, KEY, policy, next_due(row, policy) or 0).outputs
    records += expire(row, KEY, POLICY, T0 + 120 * DAY).outputs
    assert [output.value["state"] for output in records] == ["suppressed"] * 4 + ["allowed"]
    assert sequences(records) == [4, 5, 6, 7, 8]


def test_the_topics_of_one_channel_count_each_for_itself() -> None:
    """What failures would have done, and what people want, of a tenant in dry run."""
    row = decode_row(None)
    records = [*apply(row, gone("e", T0), T0, DRY).outputs]
    for step in range(3):
        at = T0 + step * HOUR
        records += apply(row, gone(f"o{step}", at, "recipient_opted_out"), at, DRY).outputs
        records += apply(row, confirmed(f"i{step}", at + 1, "opted_in"), at + 1, DRY).outputs
    assert sequences(records) == [6, 7, 8, 9, 10, 11]
    assert sequences(records, "suppression.trial") == [4]
    assert row.channels["email"]["told"] == {"suppression": 11, "trial": 4}


@pytest.mark.parametrize("events", [1, 7])
def test_a_row_that_has_counted_none_begins_above_what_it_can_have_told(events: int) -> None:
    """Before announcements were counted a row gave two for each event, and one more when a suppression ended."""
    row = decode_row(None)
    for number in range(events):
        apply(row, gone(f"e{number}", T0), now=T0)
    del row.channels["email"]["told"]
    highest = 2 * events + 1
    assert sequences([*expire(row, KEY, POLICY, T0 + 90 * DAY).outputs]) == [highest + 1]


def test_a_copy_and_a_failure_that_changes_nothing_take_no_number() -> None:
    row = decode_row(None)
    apply(row, gone("e", T0), now=T0)
    for event in (gone("e", T0), gone("f", T0 + HOUR), failed("g", T0)):
        assert apply(row, event, now=T0 + HOUR).outputs == ()
    assert row.channels["email"]["told"] == {"suppression": 4}
