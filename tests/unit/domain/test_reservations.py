from itertools import permutations

import pytest

from app.domain.accounts import decode_message
from app.domain.reservations import Tended, next_due
from app.events import CreditChanged
from app.identity import event_id
from app.outputs import Output
from tests.unit.domain.books import Books, Event, causes
from tests.unit.domain.samples import DAY, HOUR, MINUTE, POLICY, T0, command, entry

GRANT = command("g", "grant", 1000)
RESERVE = command("r", "reserve", 100)
SETTLE = entry("s", "settle", 90)
RELEASE = entry("l", "release")
KEEP = entry("k", "keep")
FORGOTTEN = T0 + MINUTE + 31 * DAY
"""When a message that was last heard of with its charge is forgotten."""


def test_an_open_reservation_is_reported_once() -> None:
    """After three days, once, without a new sequence."""
    books = Books()
    books.apply(GRANT)
    books.apply(RESERVE)
    due = T0 + 72 * HOUR
    assert next_due(decode_message(books.messages["m1"]), POLICY) == due
    assert books.tend(due - 1) == Tended(due=due)
    record: CreditChanged = {
        "event_id": event_id("credit.changed", "acme/teekrr", "reservation_stale", "", "m1"),
        "tenant": "acme",
        "account": "acme/teekrr",
        "currency": "MYR",
        "granted_micros": 1000,
        "available_micros": 900,
        "reserved_micros": 100,
        "spent_micros": 0,
        "sequence": 2,
        "cause": "reservation_stale",
        "message_id": "m1",
        "amount_micros": 100,
        "occurred_at": due,
    }
    assert books.tend(due) == Tended((Output("credit.changed", "acme/teekrr", record),))
    assert books.counts == {"stale": 1}
    assert next_due(decode_message(books.messages["m1"]), POLICY) is None
    assert books.tend(due + 99 * DAY) == Tended()


@pytest.mark.parametrize("report", [SETTLE, RELEASE, KEEP], ids=["billed", "failed", "bounced"])
def test_a_settled_reservation_does_not_show_that_it_was_stale(report: Event) -> None:
    """A replay may read the report before it looks: its rows must be the same."""
    once_stale, never = Books(), Books()
    for books in (once_stale, never):
        books.apply(GRANT)
        books.apply(RESERVE)
    once_stale.tend(T0 + 9 * DAY)
    assert once_stale.counts == {"stale": 1}
    for books in (once_stale, never):
        books.apply(report)
    assert once_stale.rows == never.rows


def test_a_charge_that_is_told_late_waits_for_its_reservation() -> None:
    """It happened 40 days before it is heard of, and before its reservation: forgotten as long after its receipt."""
    books = Books()
    books.apply(GRANT)
    books.apply(entry("s", "settle", 90, occurred_at=T0 - 40 * DAY))
    assert books.tend(FORGOTTEN - 1) == Tended(due=FORGOTTEN)
    assert causes(books, command("r", "reserve", 100, occurred_at=T0 + HOUR)) == ["reserved_after_billed"]
    assert books.money == (1000, 910, 0, 90)


def forgotten(*events: Event) -> Books:
    """Return the books after message m1 was finished and forgotten."""
    books = Books()
    for event in (GRANT, *(events or (RESERVE, SETTLE))):
        books.apply(event)
    assert books.tend(FORGOTTEN - 1) == Tended(due=FORGOTTEN)
    assert books.tend(FORGOTTEN) == Tended(forget=True)
    assert books.messages == {}
    return books


@pytest.mark.parametrize("later", [0, FORGOTTEN - T0, 200 * DAY], ids=["with the old receipt", "at once", "much later"])
@pytest.mark.parametrize("order", list(permutations((RESERVE, SETTLE, RELEASE, KEEP))))
def test_nothing_counts_again_after_a_message_was_forgotten(order: tuple[Event, ...], later: int) -> None:
    """Copies of the reservation and the reports, in any order, move no money and leave no reservation."""
    books = forgotten(RESERVE, RELEASE, KEEP, SETTLE)
    money = books.money
    told = [output.value["cause"] for event in order for output in books.apply(event, T0 + later).outputs]
    assert books.money == money
    assert "refused_too_old" in told
    assert len(told) == 4
    assert '"reserve"' not in books.messages["m1"].decode()


@pytest.mark.parametrize("later", [0, FORGOTTEN - T0, 89 * DAY], ids=["with the old receipt", "at once", "much later"])
@pytest.mark.parametrize(
    "occurred_at",
    [
        T0 + HOUR,
        T0 + MINUTE + HOUR,
        T0 + HOUR + 1,
        T0 + 14 * HOUR,
        T0 + 3 * DAY,
        T0 + 20 * DAY,
        T0 + 400 * DAY,
        0,
    ],
    ids=["ahead", "of a later copy", "too far", "hours", "days", "weeks", "a year ahead", "1970"],
)
def test_a_reservation_of_any_clock_does_not_count_again(occurred_at: int, later: int) -> None:
    """Believed or not when it came first, believed or not when it comes again."""
    reservation = command("r", "reserve", 100, occurred_at=occurred_at)
    books = Books()
    books.apply(GRANT)
    books.apply(reservation, T0)
    books.apply(SETTLE)
    assert books.tend(FORGOTTEN) == Tended(forget=True)
    assert books.money == (1000, 910, 0, 90)
    for copy in range(2):
        books.apply(reservation, T0 + later + copy * DAY)
        assert books.messages == {}
    assert books.money == (1000, 910, 0, 90)


@pytest.mark.parametrize("later", [0, FORGOTTEN - T0], ids=["with the old receipt", "at once"])
def test_a_second_reservation_of_a_forgotten_message_does_not_count_again(later: int) -> None:
    """The row holds the earliest alone; the other one was made up to an hour after the newest receipt."""
    second = command("r2", "reserve", 70, occurred_at=T0 + MINUTE + HOUR)
    books = forgotten(RESERVE, SETTLE)
    again = Books()
    again.account, again.messages = books.account, dict(books.messages)
    told = [output.value["cause"] for output in again.apply(second, T0 + MINUTE + later).outputs]
    assert told == ["refused_too_old"]
    assert again.money == books.money


def test_grants_and_adjustments_do_not_count_again() -> None:
    """For ninety days after their receipt, whatever was forgotten meanwhile."""
    adjustment = command("a", "adjust", -50)
    books = forgotten(RESERVE, adjustment, SETTLE)
    money = books.money
    for later in (0, 31 * DAY, 90 * DAY):
        for event in (GRANT, adjustment):
            assert books.apply(event, T0 + later).duplicate
    assert books.money == money


def test_a_new_reservation_is_taken_after_others_were_forgotten() -> None:
    """It may be almost thirty days old, and come a little out of order."""
    books = forgotten()
    for number, late in enumerate((0, HOUR, 22 * HOUR)):
        received_at = FORGOTTEN - late
        reservation = command(
            f"n{number}", "reserve", 10, message_id=f"n{number}", occurred_at=received_at - 30 * DAY + 1
        )
        told = [output.value["cause"] for output in books.apply(reservation, received_at).outputs]
        assert told == ["reserved"]


def test_a_copy_keeps_its_message_from_being_forgotten() -> None:
    """As long as something is heard of it, it is remembered for thirty days and one more."""
    books = Books()
    for event in (GRANT, RESERVE, SETTLE, entry("s", "settle", 90, received_at=T0 + 20 * DAY)):
        books.apply(event)
    assert books.tend(FORGOTTEN) == Tended(due=T0 + 51 * DAY)
    assert books.tend(T0 + 51 * DAY) == Tended(forget=True)


def test_a_message_that_was_never_reserved_is_forgotten_without_a_trace() -> None:
    """Reports without a reservation leave no rows for ever, and refuse no reservation."""
    books = Books()
    books.apply(GRANT)
    books.apply(SETTLE)
    account = books.account
    assert books.tend(FORGOTTEN) == Tended(forget=True)
    assert books.account == account
