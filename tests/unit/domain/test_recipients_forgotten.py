"""People of whom there is nothing but good news are forgotten; whoever else a row is about is not."""

from itertools import permutations

import pytest

from app.domain.policy import parse_policy
from app.domain.recipients import Applied, expire, next_due
from app.domain.rows import Row, decode_row, encode_row
from tests.unit.domain.samples import DAY, HOUR, POLICY, T0, asked, confirmed, failed, gone
from tests.unit.domain.test_recipients import DRY, KEY, Event, apply
from tests.unit.domain.test_recipients_in_any_order import without_told

OVER = T0 + 46 * DAY
"""The end of the 45th whole day after the day of T0."""


def row_of(*events: Event) -> Row:
    row = decode_row(None)
    for event in events:
        apply(row, event, T0)
    return decode_row(encode_row(row))


def test_good_news_is_forgotten_after_forty_five_whole_days() -> None:
    """Not a moment before; nothing is announced, for nothing ever was."""
    row = row_of(confirmed("d", T0), confirmed("r", T0 + 23 * HOUR, "read"))
    assert next_due(row, POLICY) == OVER
    assert expire(row, KEY, POLICY, OVER - 1) == Applied(changed=False)
    assert expire(row, KEY, POLICY, OVER) == Applied(changed=False, forget=True)


def test_what_a_row_of_good_news_costs() -> None:
    """A delivery: 0.14 kB. Each further one of the day: 10 bytes."""
    one = encode_row(row_of(confirmed("d", T0)))
    assert one == (
        b'{"channels":{"email":{"confirmed":{"delivered":1},"last_success":1728000000000000}},'
        b'"events":1,"heard":20000,"memory":{"20000":"%b"}}' % row_of(confirmed("d", T0)).memory.days["20000"].encode()
    )
    assert len(one) == 141
    more = row_of(*(confirmed(f"d{number}", T0) for number in range(9)))
    assert len(encode_row(more)) == 141 + 8 * 10


def test_the_receipt_counts_and_not_the_date() -> None:
    """An old report that came late is remembered as long as any; so are both orders of the two."""
    old = confirmed("old", T0 - 200 * DAY, received_at=T0 + DAY)
    new = confirmed("new", T0)
    rows = [row_of(*order) for order in permutations((old, new))]
    assert {next_due(row, POLICY) for row in rows} == {OVER + DAY}
    assert len({encode_row(row) for row in rows}) == 1


def test_a_copy_does_not_prolong() -> None:
    """The first receipt of an event counts, however often it is repeated."""
    row = row_of(confirmed("d", T0), confirmed("d", T0, received_at=T0 + 13 * DAY))
    assert next_due(row, POLICY) == OVER


@pytest.mark.parametrize(
    "event",
    [
        gone("e", T0),
        failed("e", T0),
        gone("e", T0, "sender_reputation", attribution="SENDER"),
        gone("e", T0, "recipient_opted_out"),
        gone("e", T0, received_at=T0 + 300 * DAY),
        confirmed("e", T0, "opted_in"),
        asked("e", T0, "suppress", until=T0 + DAY),
        asked("e", T0, "lift"),
        asked("e", T0, "lift", requested_by=""),
        gone("e", T0, channel="sms"),
    ],
    ids=lambda event: f"{event.get('reason')}-{event.get('action', event.get('kind'))}",
)
def test_whatever_else_is_known_keeps_a_row_for_good(event: Event) -> None:
    """Before good news and after it, on the same channel and on another, also when its suppression is over."""
    rows = set()
    for order in permutations((confirmed("d", T0), event, confirmed("r", T0 + HOUR, "read"))):
        row = row_of(*order)
        while (due := next_due(row, POLICY)) is not None:
            assert not expire(row, KEY, POLICY, due).forget
        assert not expire(row, KEY, POLICY, T0 + 3000 * DAY).forget
        assert "heard" not in row.tree
        rows.add(without_told(row))
    assert len(rows) == 1


def test_a_trial_keeps_a_row_for_good() -> None:
    row = decode_row(None)
    apply(row, gone("e", T0), T0, DRY)
    apply(row, confirmed("d", T0), T0, DRY)
    expire(row, KEY, DRY, T0 + 90 * DAY)
    assert next_due(row, DRY) is None


def test_what_is_left_of_an_unknown_channel_is_forgotten_as_good_news_is() -> None:
    """It is only there so that copies count once."""
    events: list[Event] = [gone("e", T0, channel="fax"), confirmed("d", T0)]
    events.append(asked("q", T0 + DAY, "suppress", channel="fax"))
    rows = [row_of(*order) for order in permutations(events)]
    assert len({encode_row(row) for row in rows}) == 1
    assert next_due(rows[0], POLICY) == OVER + DAY


def test_a_policy_that_has_changed_moves_the_moment() -> None:
    """Under one that remembers longer there is nothing to do yet, under one that forgets sooner there is."""
    row = row_of(confirmed("d", T0))
    longer = parse_policy("[memory]\ngood_news_days = 90", "p.toml")
    shorter = parse_policy("[memory]\ngood_news_days = 31", "p.toml")
    assert expire(row, KEY, longer, OVER) == Applied(changed=False)
    assert next_due(row, longer) == T0 + 91 * DAY
    assert expire(row, KEY, shorter, T0 + 32 * DAY).forget


def test_a_row_that_noted_no_receipt_goes_by_its_newest_event() -> None:
    """It was written by an earlier version."""
    row = row_of(confirmed("d", T0), confirmed("r", T0 + 3 * DAY, "read"))
    del row.tree["heard"]
    assert next_due(row, POLICY) == OVER + 3 * DAY
    apply(row, confirmed("n", T0 + 5 * DAY))
    assert next_due(row, POLICY) == OVER + 5 * DAY


def test_a_row_nobody_has_written_has_nothing_due() -> None:
    row = decode_row(None)
    assert next_due(row, POLICY) is None
    assert expire(row, KEY, POLICY, T0) == Applied(changed=False)


def test_whom_a_failure_suppresses_does_not_depend_on_good_news_that_was_forgotten() -> None:
    """A failure that is received after it, and is not late, is newer than every delivery that went with the row."""
    known = row_of(confirmed("d", T0))
    known_too = decode_row(None)
    for day in range(16, 21):
        event = failed(f"t{day}", T0 + day * DAY, received_at=OVER)
        apply(known, event, OVER)
        apply(known_too, event, OVER)
    assert known.channels["email"]["transient"] == known_too.channels["email"]["transient"]
    assert known.channels["email"].get("suppression") == known_too.channels["email"].get("suppression")
