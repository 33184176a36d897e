from itertools import permutations
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.introductions import (
    RETENTION_S,
    Expired,
    Joined,
    Row,
    decode,
    encode,
    expire,
    introduce,
    next_due,
    park_or_complete,
)
from app.errors import BadInputError
from app.outputs import Introduction, Output

SECOND = 1_000_000
NOW = 1_780_000_000 * SECOND
WAIT_S = 3600
DUE = NOW + WAIT_S * SECOND
FORGET = NOW + RETENTION_S * SECOND
CREATED = Introduction("tx_1", "+33612345678", "phone", "+33 6 12 34 56 78", NOW)
RECIPIENT = {"recipient": "+33612345678", "recipient_kind": "phone", "recipient_given": "+33 6 12 34 56 78"}
NOBODY = {"recipient": "", "recipient_kind": "none", "recipient_given": ""}


def waiting(topic: str, event_id: str) -> Output:
    value = {"event_id": event_id, "tenant": "acme", **NOBODY, "message_id": "tx_1", "occurred_at": NOW}
    return Output(topic, "acme/~prelude/tx_1", value)


def complete(output: Output) -> Output:
    return Output(output.topic, "acme/+33612345678", {**output.value, **RECIPIENT})


FAILED = waiting("delivery.failed", "f")
DELIVERED = waiting("delivery.confirmed", "d")
SUBMITTED = waiting("delivery.confirmed", "s")


def parked(output: Output, due: int = DUE) -> dict[str, Any]:
    return {"topic": output.topic, "key": output.key, "value": output.value, "due": due}


def row_of(row: Row | None, **changes: Any) -> Row:  # noqa: ANN401 - fields of a row
    before = row or {"recipient": None, "parked": {}, "unaddressed": [], "forget_at": FORGET}
    return cast("Row", {**before, **changes})


def step(row: Row | None, event: Introduction | Output, now: int = NOW) -> Joined:
    if isinstance(event, Introduction):
        return introduce(row, event, now)
    return park_or_complete(row, [event], now, WAIT_S)


def run(*events: Introduction | Output) -> tuple[Row | None, list[Output]]:
    """Feed events one by one, each row through its bytes, as a store does."""
    row: Row | None = None
    released: list[Output] = []
    for event in events:
        joined = step(row, event)
        row = decode(encode(joined.row))
        released += joined.released
    return row, released


def test_event_after_its_introduction_goes_out_at_once() -> None:
    introduced = introduce(None, CREATED, NOW)
    assert introduced == Joined(row_of(None, recipient=RECIPIENT))
    assert park_or_complete(introduced.row, [FAILED], NOW, WAIT_S) == (introduced.row, (complete(FAILED),))


def test_event_before_its_introduction_is_parked_and_then_released() -> None:
    early = park_or_complete(None, [FAILED], NOW, WAIT_S)
    assert early == Joined(row_of(None, parked={"delivery.failed/f": parked(FAILED)}))
    assert introduce(early.row, CREATED, NOW) == (row_of(None, recipient=RECIPIENT), (complete(FAILED),))


@pytest.mark.parametrize("order", list(permutations([CREATED, FAILED, DELIVERED, SUBMITTED])))
def test_every_order_releases_the_same_outputs_and_ends_in_the_same_bytes(
    order: tuple[Introduction | Output, ...],
) -> None:
    row, released = run(*order)
    assert row == row_of(None, recipient=RECIPIENT)
    expected = [complete(FAILED), complete(DELIVERED), complete(SUBMITTED)]
    assert sorted(released, key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize(
    "order", sorted(set(permutations([FAILED.topic, FAILED.topic, DELIVERED.topic, "created", "created"])))
)
def test_repeated_events_park_once(order: tuple[str, ...]) -> None:
    """After the introduction a repeat passes: the row of the recipient knows its event id."""
    events = {FAILED.topic: FAILED, DELIVERED.topic: DELIVERED}
    _, released = run(*(events.get(name, CREATED) for name in order))
    first_created = order.index("created")
    parked_once = len(set(order[:first_created]))
    afterwards = len([name for name in order[first_created:] if name != "created"])
    assert len(released) == parked_once + afterwards


def test_first_arrival_of_a_parked_event_keeps_its_time() -> None:
    first = park_or_complete(None, [FAILED], NOW, WAIT_S)
    again = park_or_complete(first.row, [FAILED], NOW + 60 * SECOND, WAIT_S)
    assert again.row == row_of(first.row, forget_at=FORGET + 60 * SECOND)


def test_second_introduction_changes_nothing() -> None:
    row = introduce(None, CREATED, NOW).row
    other = CREATED._replace(recipient="+33600000000")
    assert introduce(row, other, NOW) == (row, ())


def test_failure_whose_introduction_never_comes_goes_out_without_a_recipient() -> None:
    row = park_or_complete(None, [FAILED, DELIVERED], NOW, WAIT_S).row
    assert next_due(row) == DUE
    assert expire(row, DUE - 1) == (row, ())
    left = row_of(None, unaddressed=["delivery.confirmed/d", "delivery.failed/f"])
    assert expire(row, DUE) == (left, (DELIVERED, FAILED))


def test_only_what_waited_long_enough_goes_out() -> None:
    row = park_or_complete(None, [FAILED], NOW, WAIT_S).row
    row = park_or_complete(row, [DELIVERED], NOW + 5 * SECOND, WAIT_S).row
    left = row_of(
        row,
        parked={"delivery.confirmed/d": parked(DELIVERED, DUE + 5 * SECOND)},
        unaddressed=["delivery.failed/f"],
    )
    expired = expire(row, DUE)
    assert expired == Expired(left, (FAILED,))
    assert expired.row is not None
    assert next_due(expired.row) == DUE + 5 * SECOND


def test_what_went_out_without_a_recipient_does_not_go_out_again() -> None:
    row = expire(park_or_complete(None, [FAILED], NOW, WAIT_S).row, DUE).row
    again = park_or_complete(row, [FAILED], DUE, WAIT_S)
    assert (again.row["parked"], again.released) == ({}, ())
    introduced = introduce(again.row, CREATED, DUE)
    assert introduced.released == ()
    assert park_or_complete(introduced.row, [FAILED, DELIVERED], DUE, WAIT_S).released == (complete(DELIVERED),)


def test_row_is_forgotten_after_its_retention() -> None:
    row = introduce(None, CREATED, NOW).row
    assert next_due(row) == FORGET
    assert expire(row, FORGET - 1) == Expired(row)
    assert expire(row, FORGET) == Expired(None)


def test_nothing_is_lost_when_the_wait_is_longer_than_the_retention() -> None:
    row = park_or_complete(None, [FAILED], NOW, wait_s=10, retention_s=5).row
    assert next_due(row) == NOW + 5 * SECOND
    assert expire(row, NOW + 5 * SECOND) == (None, (FAILED,))


def test_retention_counts_from_the_last_event() -> None:
    row = introduce(None, CREATED, NOW).row
    later = park_or_complete(row, [FAILED], NOW + 9 * SECOND, WAIT_S).row
    earlier = park_or_complete(later, [DELIVERED], NOW, WAIT_S).row
    assert [later["forget_at"], earlier["forget_at"]] == [FORGET + 9 * SECOND] * 2


def test_equal_rows_are_equal_bytes() -> None:
    one = park_or_complete(None, [FAILED, DELIVERED], NOW, WAIT_S).row
    other = park_or_complete(None, [DELIVERED, FAILED], NOW, WAIT_S).row
    assert encode(one) == encode(other)
    assert orjson.loads(encode(one)) == one


Events = st.lists(
    st.tuples(st.sampled_from([CREATED, FAILED, DELIVERED, SUBMITTED, "expire"]), st.integers(0, 2 * WAIT_S)),
    max_size=10,
)


@given(Events)
def test_no_event_is_lost_and_none_goes_out_twice_without_a_recipient(events: list[tuple[Any, int]]) -> None:
    """Whatever the order and the pauses, every event that came goes out, and rows handed in are never changed."""
    row: Row | None = None
    now = NOW
    came: set[str] = set()
    released: list[Output] = []
    for event, pause in events:
        now += pause * SECOND
        before = encode(row) if row else b""
        if event == "expire":
            after: Joined | Expired = expire(row, now) if row else Expired(None)
        else:
            after = step(row, event, now)
            came |= set() if isinstance(event, Introduction) else {event.value["event_id"]}
        assert (encode(row) if row else b"") == before
        row = after.row
        released += after.released
    if row:
        released += expire(row, next_due(row) + RETENTION_S * SECOND).released
    assert {output.value["event_id"] for output in released} == came
    unaddressed = [output.value["event_id"] for output in released if not output.value["recipient"]]
    assert len(unaddressed) == len(set(unaddressed))
    assert not {output.value["event_id"] for output in released if output.value["recipient"]} & set(unaddressed)


def events(count: int, size: int = 0) -> list[Output]:
    found = [waiting("delivery.failed", f"{number:032x}") for number in range(count)]
    return [Output(each.topic, each.key, {**each.value, "correlation_id": "x" * size}) for each in found]


@pytest.mark.parametrize("order", [events(64), events(64)[::-1]])
def test_the_last_event_that_waits_is_the_64th(order: list[Output]) -> None:
    """Up to there any order makes the same row; one more is refused, and one that waits already is not one more."""
    row, _ = run(*order)
    assert row == run(*events(64))[0]
    with pytest.raises(BadInputError) as refused:
        park_or_complete(row, [waiting("delivery.failed", "one more")], NOW, WAIT_S)
    assert str(refused.value) == (
        "message: 64 events without a recipient, expected no more of one message in a row of at most 200000 bytes"
    )
    assert park_or_complete(row, [order[3]], NOW, WAIT_S).row == row


def test_what_went_out_without_a_recipient_counts_as_well() -> None:
    """Its ids are remembered, and would grow with every wait that ends."""
    row, _ = run(*events(64))
    assert row is not None
    left = expire(row, DUE).row
    assert left is not None
    assert len(left["unaddressed"]) == 64
    with pytest.raises(BadInputError, match=r"^message: 64 events"):
        park_or_complete(left, [waiting("delivery.failed", "one more")], DUE, WAIT_S)
    introduced = introduce(left, CREATED, DUE).row
    assert len(park_or_complete(introduced, [waiting("delivery.failed", "one more")], DUE, WAIT_S).released) == 1


def test_a_row_of_large_events_stays_below_200_kb() -> None:
    """Fewer of them wait; a message whose row is full gets its recipient all the same."""
    row: Row | None = None
    refused = 0
    for each in events(64, size=5000):
        try:
            row = park_or_complete(row, [each], NOW, WAIT_S).row
        except BadInputError:
            refused += 1
    assert row is not None
    assert 190_000 < len(encode(row)) <= 200_000
    assert len(introduce(row, CREATED, NOW).released) == 64 - refused
