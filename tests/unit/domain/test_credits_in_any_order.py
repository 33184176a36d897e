"""Commands and reports in any order, with messages forgotten anywhere between them."""

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.domain.books import Books, Event
from tests.unit.domain.samples import DAY, HOUR, MINUTE, T0, command, entry

END = T0 + 1000 * DAY
"""When everything that is finished is forgotten."""
DISORDER = 22 * HOUR
"""How far beyond a record that is still to come the others may have been read."""


class Received(NamedTuple):
    """Something that is read."""

    event: Event
    at: int
    """When it was received."""


def commanded(name: str, kind: str, amount: int, at: int, age: int = 0, message: str = "m1") -> Received:
    """Return a command that is so old when it is received."""
    message = message if kind == "reserve" else ""
    return Received(command(name, kind, amount, message_id=message, occurred_at=at - age), at)


def reported(name: str, kind: str, at: int, age: int = 0, amount: int | None = None, message: str = "m1") -> Received:
    """Return a report that is so old when it is received."""
    return Received(entry(name, kind, amount, message_id=message, occurred_at=at - age, received_at=at), at)


def read(order: Sequence[Received]) -> Books:
    """Apply everything in this order; time goes on in between as far as what is still to come allows."""
    books = Books()
    for place, (event, at) in enumerate(order):
        books.apply(event, at)
        books.tend_all(min((each.at + DISORDER for each in order[place + 1 :]), default=END))
    return books


GRANT = commanded("g", "grant", 1000, T0)
RESERVE = commanded("r", "reserve", 100, T0 + 40 * DAY)
OLDER = [commanded("r0", "reserve", 60, T0, message="m0"), reported("s0", "settle", T0 + HOUR, message="m0")]
"""A message that is finished and forgotten long before the other one."""


@pytest.mark.parametrize(
    ("events", "money"),
    [
        ([GRANT, *OLDER, RESERVE, reported("s", "settle", T0 + 40 * DAY - 1, 35 * DAY, 90)], (1000, 850, 0, 150)),
        ([GRANT, *OLDER, RESERVE, reported("s", "settle", T0 + 69 * DAY, 31 * DAY)], (1000, 840, 0, 160)),
        (
            [
                GRANT,
                *OLDER,
                RESERVE,
                commanded("r2", "reserve", 70, T0 + 45 * DAY, 29 * DAY),
                reported("l", "release", T0 + 10 * DAY + 20 * DAY, 40 * DAY),
                reported("s", "settle", T0 + 59 * DAY, -5 * DAY, 65),
            ],
            (1000, 875, 0, 65 + 60),
        ),
        (
            [
                GRANT,
                *OLDER,
                commanded("r", "reserve", 100, T0 + 40 * DAY, 30 * DAY),
                reported("k", "keep", T0 + 41 * DAY),
                commanded("n", "reserve", 10, T0 + 40 * DAY, 30 * DAY - 1, message="m2"),
            ],
            (1000, 930, 10, 60),
        ),
        (
            [
                GRANT,
                commanded("r", "reserve", 100, T0, -3 * DAY),
                commanded("r2", "reserve", 80, T0 + 2 * DAY, -MINUTE),
                reported("l", "release", T0 + 29 * DAY),
                reported("k", "keep", T0 + 20 * DAY, 60 * DAY),
                reported("s", "settle", T0 + 4 * DAY, 500 * DAY, 70),
            ],
            (1000, 930, 0, 70),
        ),
    ],
    ids=[
        "charged late, before its reservation",
        "charged at the end of the window",
        "reserved twice",
        "too old, and almost",
        "clocks nobody believes",
    ],
)
def test_all_orders_end_with_the_same_money_and_rows(events: list[Received], money: tuple[int, ...]) -> None:
    """Wherever in them messages are reported as stale or forgotten."""
    results = set()
    for order in permutations(events):
        books = read(order)
        assert books.money == money
        results.add(books.rows)
    assert len(results) == 1


def test_a_tick_between_any_two_of_them_does_not_matter() -> None:
    """In the order of their receipts, with and without time going on after each."""
    events = [GRANT, *OLDER, reported("s", "settle", T0 + 39 * DAY, 35 * DAY), RESERVE]
    ends = set()
    for ticks in range(2 ** len(events)):
        books = Books()
        for place, (event, at) in enumerate(events):
            books.apply(event, at)
            if ticks >> place & 1:
                books.tend_all(at)
        books.tend_all(END)
        ends.add(books.rows)
    assert len(ends) == 1


@st.composite
def any_record(draw: st.DrawFn) -> Received:
    """Return a command or report about one of three messages, each of which is heard of for thirty days."""
    kind = draw(st.sampled_from(["settle", "release", "keep", "reserve", "reserve", "grant", "adjust"]))
    message = draw(st.integers(0, 2))
    number = draw(st.integers(0, 3))
    # the same id brings the same record: what follows is drawn from its name alone
    name = f"{kind}{message}{number}"
    choose = sum(map(ord, name))
    begin = T0 + message * 45 * DAY
    at = begin + (choose * 7 % 30) * DAY
    age = (0, MINUTE, 29 * DAY, 30 * DAY, 35 * DAY, -HOUR, -2 * HOUR, -3 * DAY, 400 * DAY)[choose % 9]
    amount = number * 10 + 5
    if kind in {"settle", "release", "keep"}:
        return reported(name, kind, at, age, amount if number % 2 else None, message=f"m{message}")
    return commanded(name, kind, amount if kind != "adjust" else 7 - amount, at, age, message=f"m{message}")


@settings(max_examples=200, deadline=None)
@given(st.lists(any_record(), max_size=30), st.data())
def test_random_records_in_any_order_end_in_the_same_rows(records: list[Received], data: st.DataObject) -> None:
    """With exact copies among them; the invariant holds after each."""
    assert read(records).rows == read(data.draw(st.permutations(records))).rows


@settings(max_examples=200, deadline=None)
@given(st.lists(any_record(), max_size=12, unique_by=lambda each: each.event["event_id"]), st.data())
def test_copies_received_later_change_no_money(records: list[Received], data: st.DataObject) -> None:
    """Copies come at any time up to months later, in the order of their receipts; what they repeat may be forgotten."""
    in_order = sorted(records, key=lambda each: each.at)
    copied = data.draw(st.lists(st.tuples(st.sampled_from(records), st.integers(0, 80 * DAY)))) if records else []
    copies = [_received(event, at + later) for (event, at), later in copied]
    with_copies = sorted([*records, *copies], key=lambda each: each.at)
    assert read(with_copies).money == read(in_order).money


def _received(event: Event, at: int) -> Received:
    if "requested_by" in event:
        return Received(event, at)
    copy = event.copy()
    copy["received_at"] = at
    return Received(copy, at)
