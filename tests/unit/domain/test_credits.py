from itertools import permutations
from typing import Any

import orjson
import pytest

from app.domain.accounts import Account, Message, decode_account, encode_account
from app.domain.credits import Booked, apply_command, apply_entry
from app.events import CreditChanged, CreditEntry, CreditRequested
from app.identity import event_id
from app.outputs import Output
from tests.unit.domain.books import Books, Event, causes
from tests.unit.domain.samples import DAY, HOUR, POLICY, T0, command, entry

GRANT = command("g", "grant", 1000)
RESERVE = command("r", "reserve", 100)
SETTLE = entry("s", "settle", 90)
RELEASE = entry("l", "release")
KEEP = entry("k", "keep")


def test_a_reservation_is_announced_with_the_whole_account() -> None:
    """The whole announcement and both rows after a grant and a reservation."""
    books = Books()
    books.apply(GRANT)
    record: CreditChanged = {
        "event_id": event_id("credit.changed", "acme/teekrr", "reserved", "r", "m1"),
        "tenant": "acme",
        "account": "acme/teekrr",
        "currency": "MYR",
        "granted_micros": 1000,
        "available_micros": 900,
        "reserved_micros": 100,
        "spent_micros": 0,
        "sequence": 2,
        "cause": "reserved",
        "message_id": "m1",
        "amount_micros": 100,
        "occurred_at": T0,
    }
    assert books.apply(RESERVE) == Booked((Output("credit.changed", "acme/teekrr", record),))
    account = decode_account(books.account, "")
    assert account.tree == {
        "tenant": "acme",
        "currency": "MYR",
        "granted": 1000,
        "available": 900,
        "reserved": 100,
        "spent": 0,
        "events": 2,
        "newest": T0,
        "memory": account.memory.days,
    }
    message = orjson.loads(books.messages["m1"])
    assert message == {"reserve": [T0, "r", 100, "MYR"], "seen": message["seen"], "newest": T0}


@pytest.mark.parametrize(
    ("events", "told", "money", "counts"),
    [
        ([SETTLE], ["settled"], (1000, 910, 0, 90), {}),
        ([entry("s", "settle")], ["settled"], (1000, 900, 0, 100), {}),
        ([entry("s", "settle", 130)], ["settled"], (1000, 870, 0, 130), {}),
        ([RELEASE], ["released"], (1000, 1000, 0, 0), {}),
        ([KEEP], ["kept"], (1000, 900, 0, 100), {}),
        ([SETTLE, KEEP], ["settled", "kept"], (1000, 910, 0, 90), {}),
        ([KEEP, SETTLE], ["kept", "settled"], (1000, 910, 0, 90), {}),
        ([SETTLE, RELEASE], ["settled", "failed_after_billed"], (1000, 910, 0, 90), {"contradicted": 1}),
        ([RELEASE, SETTLE], ["released", "billed_after_failed"], (1000, 910, 0, 90), {"contradicted": 1}),
        ([KEEP, RELEASE], ["kept", "failed_after_bounced"], (1000, 900, 0, 100), {"contradicted": 1}),
        ([RELEASE, KEEP], ["released", "bounced_after_failed"], (1000, 900, 0, 100), {"contradicted": 1}),
        ([RELEASE, entry("l2", "release")], ["released", "failed_again"], (1000, 1000, 0, 0), {"repeated": 1}),
        ([KEEP, entry("k2", "keep")], ["kept", "bounced_again"], (1000, 900, 0, 100), {"repeated": 1}),
        (
            [SETTLE, entry("s2", "settle", 80, occurred_at=T0 + HOUR)],
            ["settled", "billed_again"],
            (1000, 910, 0, 90),
            {"repeated": 1},
        ),
        (
            [SETTLE, entry("s2", "settle", 80, occurred_at=T0)],
            ["settled", "billed_again"],
            (1000, 920, 0, 80),
            {"repeated": 1},
        ),
        (
            [command("r2", "reserve", 200, occurred_at=T0 + 1)],
            ["reserved_again"],
            (1000, 900, 100, 0),
            {"repeated": 1},
        ),
        (
            [entry("s", "settle", 90, currency="EUR")],
            ["refused_currency"],
            (1000, 900, 100, 0),
            {"foreign_currency": 1},
        ),
        (
            [entry("s", "settle", 90, currency="EUR"), entry("s2", "settle", 95, currency="MYR")],
            ["refused_currency", "settled"],
            (1000, 905, 0, 95),
            {"foreign_currency": 1, "repeated": 1},
        ),
        ([entry("s", "settle", -5)], ["refused_amount"], (1000, 900, 100, 0), {"refused": 1}),
        ([entry("s", "settle", 5, message_id="")], ["refused_message"], (1000, 900, 100, 0), {"refused": 1}),
        ([entry("s", "settle", 5, tenant="evil")], ["refused_tenant"], (1000, 900, 100, 0), {"refused": 1}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) and isinstance(value[0], str) else "",
)
def test_what_reports_do_to_a_reservation(
    events: list[CreditEntry], told: list[str], money: tuple[int, ...], counts: dict[str, int]
) -> None:
    """Each report after a reservation of 100 out of 1,000: what is told, the money, what is counted."""
    books = Books()
    books.apply(GRANT)
    books.apply(RESERVE)
    assert (causes(books, *events), books.money, books.counts) == (told, money, counts)


@pytest.mark.parametrize(
    ("event", "told", "then", "money"),
    [
        (SETTLE, "billed_without_reservation", "reserved_after_billed", (1000, 910, 0, 90)),
        (RELEASE, "failed_without_reservation", "reserved_after_failed", (1000, 1000, 0, 0)),
        (KEEP, "bounced_without_reservation", "reserved_after_bounced", (1000, 900, 0, 100)),
    ],
)
def test_a_report_before_its_reservation(
    event: CreditEntry, told: str, then: str, money: tuple[int, int, int, int]
) -> None:
    """Without a reservation no report moves money; the reservation that follows ends where the usual order ends."""
    books = Books()
    books.apply(GRANT)
    assert causes(books, event) == [told]
    assert (books.money, books.counts) == ((1000, 1000, 0, 0), {"unreserved": 1})
    assert causes(books, RESERVE) == [then]
    assert (books.money, books.counts) == (money, {})


def test_a_command_or_report_counts_once() -> None:
    """Repeats of a grant, a reservation and a report, each after all the others, leave the rows as they are."""
    books = Books()
    events = (GRANT, command("a", "adjust", -50), RESERVE, SETTLE)
    assert causes(books, *events) == ["granted", "adjusted", "reserved", "settled"]
    rows = (books.account, dict(books.messages))
    assert [books.apply(event) for event in events] == [Booked(changed=False, duplicate=True)] * 4
    assert (books.account, books.messages) == rows
    assert books.money == (950, 860, 0, 90)


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (command("x", "grant", 5, currency="EUR"), "refused_currency"),
        (command("x", "grant", 5, currency=""), "refused_currency"),
        (command("x", "reserve", 5, currency="EUR", message_id="m2"), "refused_currency"),
        (command("x", "grant", -5), "refused_amount"),
        (command("x", "reserve", -5, message_id="m2"), "refused_amount"),
        (command("x", "reserve", 5, message_id=""), "refused_message"),
        (command("x", "adjust", 5, tenant="evil"), "refused_tenant"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_command_that_makes_no_sense_is_refused_and_told(event: CreditRequested, cause: str) -> None:
    """It moves nothing, says why, and is refused once."""
    books = Books()
    books.apply(GRANT)
    assert causes(books, event) == [cause]
    assert (books.money, books.counts) == ((1000, 1000, 0, 0), {"refused": 1})
    assert books.apply(event).duplicate


def test_more_may_be_reserved_than_was_granted() -> None:
    """A reservation that comes before its grant holds; what is available goes below zero meanwhile."""
    books = Books()
    assert causes(books, RESERVE) == ["reserved"]
    assert books.money == (0, -100, 100, 0)
    books.apply(GRANT)
    assert books.money == (1000, 900, 100, 0)


def test_a_broken_account_is_frozen_and_told_once() -> None:
    """Nothing is applied to it; its messages' rows stay; a repaired row goes on."""
    books = Books()
    books.apply(GRANT)
    account = decode_account(books.account, "")
    account.tree["available"] += 1
    message: Message = {}
    first = apply_command(account, message, RESERVE, POLICY, received_at=T0)
    assert [output.value["cause"] for output in first.outputs] == ["invariant_broken"]
    assert (first.frozen, first.changed) == (True, True)
    again = decode_account(encode_account(account), "")
    assert apply_entry(again, message, SETTLE, POLICY) == Booked(changed=False, frozen=True)
    assert message == {}
    again.tree["available"] -= 1
    assert apply_command(again, message, RESERVE, POLICY, received_at=T0).outputs[0].value["cause"] == "reserved"
    assert "frozen" not in again.tree


def test_a_copy_that_comes_later_only_makes_its_rows_newer() -> None:
    """Copies of a report and of commands, each with a receipt of its own: nothing told, no money, nothing else."""
    books = Books()
    for event in (GRANT, RESERVE, SETTLE):
        books.apply(event)
    account, message = orjson.loads(books.account or b""), orjson.loads(books.messages["m1"])
    later = T0 + 29 * DAY
    assert books.apply(entry("s", "settle", 90, received_at=later)) == Booked(duplicate=True)
    assert books.apply(RESERVE, later + 1) == Booked(duplicate=True)
    assert books.apply(GRANT, later + 2) == Booked(duplicate=True)
    assert orjson.loads(books.account or b"") == account | {"newest": later + 2}
    assert orjson.loads(books.messages["m1"]) == message | {"newest": later + 1}
    assert books.apply(entry("s", "settle", 90, received_at=later)) == Booked(changed=False, duplicate=True)


@pytest.mark.parametrize("copies", list(permutations([(T0 + HOUR, 80), (T0 + 1, 90), (T0 + 1, None)])))
def test_of_copies_that_differ_the_earliest_counts_whatever_the_order(copies: list[tuple[int, int | None]]) -> None:
    """Teekrr's ids leave time and amount out: one charge told with several amounts; each that moves money is told."""
    books = Books()
    books.apply(GRANT)
    books.apply(RESERVE)
    reports = [entry("s", "settle", amount, occurred_at=at) for at, amount in copies]
    told = [change for report in reports for change in books.apply(report).outputs]
    assert books.money == (1000, 900, 0, 100)
    assert orjson.loads(books.messages["m1"])["settle"] == {"": [T0 + 1, "s", None]}
    assert [change.value["sequence"] for change in told] == [3, 4, 5][: len(told)]
    assert told[-1].value["spent_micros"] == 100
    assert books.counts == {}


@pytest.mark.parametrize(
    "order", list(permutations(({"amount": None}, {"amount": 90, "currency": "MYR"}, {"amount": 5})))
)
def test_of_copies_at_one_moment_the_whole_reservation_counts(order: tuple[dict[str, Any], ...]) -> None:
    """One charge, once without an amount, once without a currency."""
    books = Books()
    books.apply(GRANT)
    books.apply(RESERVE)
    for fields in order:
        books.apply(entry("s", "settle", **fields))
    assert books.money == (1000, 900, 0, 100)


def test_the_reservation_counts_after_any_number_of_reports() -> None:
    """Which reports are remembered does not depend on their order either."""
    failures = [entry(f"l{number}", "release", occurred_at=T0 + number) for number in range(40)]
    orders: list[list[Event]] = [[*failures, RESERVE, SETTLE], [SETTLE, RESERVE, *failures[::-1]]]
    results = set()
    for events in orders:
        books = Books()
        books.apply(GRANT)
        causes(books, *events)
        assert books.money == (1000, 910, 0, 90)
        assert books.apply(RESERVE).duplicate
        results.add(books.messages["m1"])
    assert len(results) == 1


@pytest.mark.parametrize(
    ("occurred_at", "cause"),
    [
        (T0 - 30 * DAY, "refused_too_old"),
        (T0 - 30 * DAY + 1, "taken"),
        (T0 + HOUR, "taken"),
        (T0 + 400 * DAY, "taken"),
        (T0 - 365 * DAY, "refused_too_old"),
        (T0 - 365 * DAY - 1, "taken"),
    ],
    ids=["thirty days", "almost", "ahead", "unbelievably far ahead", "a year", "unbelievably old"],
)
def test_a_reservation_is_too_old_by_its_own_date_and_receipt(occurred_at: int, cause: str) -> None:
    """Whatever else is known of its message or account; one whose clock is not believed is as new as its receipt."""
    reservation = command("r", "reserve", 100, occurred_at=occurred_at)
    for before in ([], [RESERVE], [SETTLE], [RELEASE, KEEP]):
        books = Books()
        books.apply(GRANT)
        causes(books, *[command("r0", "reserve", 50) if event is RESERVE else event for event in before])
        told = [str(output.value["cause"]) for output in books.apply(reservation, T0).outputs]
        assert (told == ["refused_too_old"]) == (cause == "refused_too_old")


def test_a_copy_is_known_before_it_is_too_old() -> None:
    """While the message's row is there a re-send is no news, however late."""
    books = Books()
    books.apply(GRANT)
    books.apply(RESERVE)
    assert books.apply(RESERVE, T0 + 50 * DAY) == Booked(duplicate=True)
    assert (books.money, books.counts) == ((1000, 900, 100, 0), {})


def test_a_refused_record_and_a_grant_are_remembered_from_their_receipt() -> None:
    """Both are of last year, and an account with hundreds of newer ids would have dropped that day at once."""
    books = Books()
    for number in range(300):
        books.apply(command(f"a{number}", "adjust", 1))
    late = command("g", "grant", 1000, occurred_at=T0 - 300 * DAY)
    old = command("r", "reserve", 100, occurred_at=T0 - 300 * DAY)
    for event in (late, old):
        books.apply(event, T0)
        assert books.apply(event, T0 + DAY).duplicate
    assert (books.money, books.counts) == ((1300, 1300, 0, 0), {"refused": 1})


@pytest.mark.parametrize(
    "events",
    [
        [RESERVE, SETTLE, RELEASE, KEEP, SETTLE],
        [RESERVE, command("r2", "reserve", 70, occurred_at=T0 - 1), RELEASE, KEEP, GRANT],
        [RESERVE, RESERVE, RELEASE, entry("l2", "release"), command("a", "adjust", -10)],
        [RESERVE, SETTLE, entry("s2", "settle", 95), entry("s3", "settle", None, currency="EUR"), RELEASE],
        [RESERVE, entry("s1", "settle", 5, currency="EUR"), entry("s2", "settle", 6), KEEP, RELEASE],
    ],
    ids=["billed", "reserved twice", "failed twice", "billed in two currencies", "foreign"],
)
def test_any_order_ends_in_the_same_rows(events: list[Event]) -> None:
    """All orders of commands and reports of one message: the same money, counts and bytes."""
    results = set()
    for order in permutations([*events, GRANT]):
        books = Books()
        for event in order:
            books.apply(event)
        results.add((books.account, books.messages["m1"]))
    assert len(results) == 1


def test_a_row_of_a_message_is_small() -> None:
    """A hundred different reports of one message leave less than 1 kB."""
    books = Books()
    books.apply(RESERVE)
    for number in range(100):
        books.apply(entry(f"s{number}", "settle", number, currency=f"C{number}"))
    assert len(books.messages["m1"]) < 1000


def test_the_rows_of_an_account_are_decoded_in_place() -> None:
    """An account nobody has used belongs to the tenant of its first record."""
    account = decode_account(None, "acme")
    assert isinstance(account, Account)
    assert account.tree["tenant"] == "acme"
    assert account.is_sound


MOST = 10**18
FULL = [command(f"g{number}", "grant", 10**15) for number in range(1000)]
"""As much as an account takes, in amounts as large as they come."""


def full() -> Books:
    books = Books()
    for each in FULL:
        books.apply(each)
    assert books.money == (MOST, MOST, 0, 0)
    return books


def test_a_grant_beyond_what_sums_may_be_is_refused_and_told() -> None:
    """64 bits hold nine times as much: the row and its records stay whole numbers of that size."""
    books = full()
    assert causes(books, command("x", "grant", 1), command("a", "adjust", 1)) == ["refused_too_much"] * 2
    assert (books.money, books.counts) == ((MOST, MOST, 0, 0), {"refused": 2})
    assert causes(books, command("b", "adjust", -5), command("y", "grant", 5)) == ["adjusted", "granted"]
    # a command that was refused is known: its copy is not taken later
    assert causes(books, command("b2", "adjust", -5), command("x", "grant", 1)) == ["adjusted"]


def test_what_is_spent_and_reserved_has_the_same_bound() -> None:
    """A report that would bring a sum beyond it moves nothing and leaves its message as it was."""
    books = Books()
    for number in range(1000):
        books.apply(command(f"r{number}", "reserve", 10**15, message_id=f"m{number}"))
    assert books.money == (0, -MOST, MOST, 0)
    assert causes(books, command("r", "reserve", 1, message_id="x")) == ["refused_too_much"]
    assert "x" not in books.messages
    books.apply(command("a", "adjust", -1, occurred_at=T0 + 1))
    assert books.money == (0, -MOST, MOST, 0)
    books.apply(entry("l0", "release", message_id="m0"))
    books.apply(command("r", "reserve", 1, message_id="x"))
    before = books.messages["x"]
    assert causes(books, entry("s", "settle", 10**15, message_id="x")) == ["settled"]
    assert causes(books, command("z", "reserve", 1, message_id="z")) == ["refused_too_much"]
    assert books.messages["x"] != before


def test_a_charge_that_is_too_much_leaves_its_message_as_it_was() -> None:
    books = Books()
    for number in range(1000):
        books.apply(command(f"r{number}", "reserve", 10**15 - (number == 0), message_id=f"m{number}"))
    before = dict(books.messages)
    books.apply(command("r", "reserve", 1, message_id="x"))
    charge = entry("s", "settle", 2, message_id="x")
    row = books.messages["x"]
    assert causes(books, charge) == ["refused_too_much"]
    assert (books.messages, books.money) == ({**before, "x": row}, (0, -MOST, MOST, 0))
    assert books.apply(charge).duplicate
    # what gives money back is always taken
    assert causes(books, entry("l", "release", message_id="m1"), charge) == ["released", "settled"]


def test_sums_never_leave_their_bound() -> None:
    """In both directions, whatever is asked for."""
    books = Books()
    for number in range(1002):
        books.apply(command(f"a{number}", "adjust", -(10**15)))
    assert books.money == (-MOST, -MOST, 0, 0)
    assert causes(books, command("r", "reserve", 1)) == ["refused_too_much"]
