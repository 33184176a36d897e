from itertools import permutations
from typing import cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.accounts import (
    Account,
    Message,
    decode_account,
    decode_message,
    encode_account,
    encode_message,
    message_key,
)
from app.domain.credits import Booked, apply_command, apply_entry
from app.domain.reservations import Tended, next_due, tend
from app.events import CreditChanged, CreditEntry, CreditRequested
from app.identity import event_id
from app.outputs import Output
from tests.unit.domain.samples import DAY, HOUR, MINUTE, POLICY, T0, command, entry

KEY = message_key("acme/teekrr", "m1")
Event = CreditEntry | CreditRequested


class Books:
    """The rows of one account, stored and read again around every event."""

    def __init__(self) -> None:
        self.account: bytes | None = None
        self.messages: dict[str, bytes] = {}

    def apply(self, event: Event) -> Booked:
        """Apply an event as its agent would, and hold the invariant against the row."""
        account = decode_account(self.account, event["tenant"])
        message = decode_message(self.messages.get(event["message_id"]))
        if "requested_by" in event:
            request = cast("CreditRequested", event)
            booked = apply_command(account, message, request, POLICY, received_at=event["occurred_at"])
        else:
            booked = apply_entry(account, message, event, POLICY)
        if booked.changed:
            self.account = encode_account(account)
            if message:
                self.messages[event["message_id"]] = encode_message(message)
        assert account.is_sound
        return booked

    def tend(self, now: int, message_id: str = "m1") -> Tended:
        """Let time do its work on a message."""
        account = decode_account(self.account, "acme")
        message = decode_message(self.messages[message_id])
        tended = tend(account, message, message_key("acme/teekrr", message_id), POLICY, now)
        self.account = encode_account(account)
        self.messages[message_id] = encode_message(message)
        if tended.forget:
            del self.messages[message_id]
        return tended

    @property
    def money(self) -> tuple[int, int, int, int]:
        """Granted, available, reserved, spent."""
        tree = decode_account(self.account, "").tree
        return tree["granted"], tree["available"], tree["reserved"], tree["spent"]

    @property
    def counts(self) -> dict[str, int]:
        """What the account counts."""
        return decode_account(self.account, "").tree.get("counts", {})


def causes(books: Books, *events: Event) -> list[str]:
    """Apply events; return what each announcement says has happened."""
    return [str(output.value["cause"]) for event in events for output in books.apply(event).outputs]


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


_KINDS = st.sampled_from(["settle", "release", "keep", "reserve", "grant", "adjust"])


@st.composite
def any_event(draw: st.DrawFn) -> Event:
    """Return a command or report about one of three messages, with one of few ids."""
    kind, message = draw(_KINDS), draw(st.sampled_from(["m1", "m2", "m3"]))
    number = draw(st.integers(0, 3))
    at = T0 + number * HOUR
    amount = number * 10 + 5
    name = f"{kind}{message}{number}"
    if kind in {"settle", "release", "keep"}:
        return entry(name, kind, amount if number % 2 else None, message_id=message, occurred_at=at)
    if kind == "reserve":
        return command(name, kind, amount, message_id=message, occurred_at=at)
    return command(name, kind, amount if kind == "grant" else 7 - amount, occurred_at=at)


@settings(max_examples=150, deadline=None)
@given(st.lists(any_event(), max_size=40), st.data())
def test_the_invariant_holds_and_order_does_not_matter(events: list[Event], data: st.DataObject) -> None:
    """Random commands and reports with repeats: sound after each, and the same rows in any order."""
    books, others = Books(), Books()
    for event in events:
        books.apply(event)
    for event in data.draw(st.permutations(events)):
        others.apply(event)
    assert (books.account, books.messages) == (others.account, others.messages)


def test_an_open_reservation_is_reported_once() -> None:
    """After three days, once, without a new sequence; when it is settled after all it is not stale any more."""
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
    assert books.tend(due + DAY) == Tended()
    assert causes(books, SETTLE) == ["settled"]
    assert (books.money, books.counts) == ((1000, 910, 0, 90), {})


def forgotten() -> Books:
    """Return the books after message m1 was settled and, thirty days later, forgotten."""
    books = Books()
    for event in (GRANT, RESERVE, SETTLE):
        books.apply(event)
    due = T0 + MINUTE + 30 * DAY
    assert books.tend(due - 1) == Tended(due=due)
    assert books.tend(due) == Tended(due=due + DAY), "the account has seen nothing so new yet"
    books.apply(command("g2", "grant", 1, occurred_at=due))
    assert books.tend(due) == Tended(forget=True)
    assert books.messages == {}
    return books


@pytest.mark.parametrize("order", list(permutations((RESERVE, SETTLE, RELEASE))))
def test_nothing_counts_again_after_a_message_was_forgotten(order: tuple[Event, ...]) -> None:
    """Repeats of the reservation and the reports, in any order, move no money."""
    books = forgotten()
    money = books.money
    told = causes(books, *order)
    assert books.money == money
    assert "refused_too_old" in told
    assert len(told) == 3


def test_a_new_reservation_is_taken_after_others_were_forgotten() -> None:
    """Only what is as old as the forgotten is refused."""
    books = forgotten()
    new = command("r9", "reserve", 10, message_id="m9", occurred_at=T0 + 2 * MINUTE)
    assert causes(books, new) == ["reserved"]


def test_a_message_that_was_never_reserved_is_forgotten_as_well() -> None:
    """Reports without a reservation leave no rows for ever."""
    books = Books()
    books.apply(SETTLE)
    books.apply(command("g", "grant", 5, occurred_at=T0 + 60 * DAY))
    assert books.tend(T0 + 60 * DAY) == Tended(forget=True)


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
