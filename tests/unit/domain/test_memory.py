from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.memory import Memory, fingerprint
from app.domain.policy_document import MemoryLimits
from tests.unit.domain.samples import DAY, T0

LIMITS = MemoryLimits(days_at_least=14, ids_at_least=64, ids_at_most=65_536)
SMALL = MemoryLimits(days_at_least=2, ids_at_least=3, ids_at_most=5)


def filled(ids: list[tuple[str, int]], limits: MemoryLimits = LIMITS) -> Memory:
    memory = Memory({})
    for event, at in ids:
        memory.add(event, at, limits)
    return memory


def test_an_event_counts_once() -> None:
    """The first time is news, every other time is not, also after the row was stored and read again."""
    memory = Memory({})
    assert memory.add("a", T0, LIMITS)
    assert not memory.add("a", T0, LIMITS)
    assert not Memory(dict(memory.days)).add("a", T0 + DAY, LIMITS)
    assert memory.days == {"20000": fingerprint("a")}


def test_ids_of_fourteen_days_are_remembered() -> None:
    """An id that is fourteen days old is known among any number of newer ones; a day later it is forgotten."""
    newer = [(f"n{i}", T0 + 14 * DAY) for i in range(500)]
    memory = filled([("old", T0), *newer])
    assert not memory.add("old", T0, LIMITS)
    memory.add("next day", T0 + 15 * DAY, LIMITS)
    assert "20000" not in memory.days
    assert "20014" in memory.days


def test_the_newest_ids_are_remembered_however_old() -> None:
    """With 63 newer ids an old one is known for ever; the 64th makes it go."""
    memory = filled([("old", T0), *((f"n{i}", T0 + 300 * DAY) for i in range(63))])
    assert not memory.add("old", T0, LIMITS)
    memory.add("n63", T0 + 300 * DAY, LIMITS)
    assert memory.add("old", T0, LIMITS)


def test_the_upper_limit_holds() -> None:
    """Beyond the upper limit the ids of the oldest day go first."""
    memory = filled([("old", T0), *((f"n{i}", T0 + DAY) for i in range(5))], SMALL)
    assert memory.days == {"20001": "".join(sorted(fingerprint(f"n{i}") for i in range(5)))}


def test_any_order_leaves_the_same_memory() -> None:
    """All orders of seven ids, of which some are forgotten, leave the same bytes."""
    ids = [("a", T0), ("b", T0), ("c", T0 + 2 * DAY), ("d", T0 + 3 * DAY), ("e", T0 + 5 * DAY), ("f", T0 + 5 * DAY)]
    ids.append(("g", T0 + 6 * DAY))
    results = [filled(list(order), SMALL).days for order in permutations(ids)]
    assert all(result == results[0] for result in results)
    assert sorted(results[0]) == ["20005", "20006"]


@given(st.lists(st.integers(0, 30), max_size=60), st.randoms(use_true_random=False))
def test_any_order_of_many_ids_leaves_the_same_memory(days: list[int], random: Random) -> None:
    """Whatever the days and the order, what is kept depends on the ids alone."""
    ids = [(str(number), T0 + day * DAY) for number, day in enumerate(days)]
    mixed = list(ids)
    random.shuffle(mixed)
    assert filled(ids, SMALL).days == filled(mixed, SMALL).days


def on(*days: int) -> list[tuple[str, int]]:
    """Return an id for each of these days."""
    return [(f"id{number}", T0 + day * DAY) for number, day in enumerate(days)]


@pytest.mark.parametrize(
    ("ids", "left"),
    [
        (on(0, 2, 2, 2), {"20000": 1, "20002": 3}),
        (on(0, 3, 3, 3), {"20003": 3}),
        (on(0, 3, 3), {"20000": 1, "20003": 2}),
        (on(0, 1, 9, 9), {"20001": 1, "20009": 2}),
        (on(0, 0, 9, 9), {"20000": 2, "20009": 2}),
        (on(0, 0, 1, 2, 2), {"20000": 2, "20001": 1, "20002": 2}),
        (on(0, 0, 1, 1, 2, 2), {"20000": 1, "20001": 2, "20002": 2}),
        (on(0, 1, 2, 2, 2, 2, 2, 2), {"20002": 5}),
    ],
    ids=[
        "the last day that is remembered",
        "a day older than that",
        "older, but newer days hold one too few",
        "the day that makes up the number stays, the one before it goes",
        "a day stays or goes as a whole",
        "as many as there may be",
        "one too many",
        "more than there may be in one day",
    ],
)
def test_what_is_forgotten_at_the_limits_is_the_same_in_any_order(
    ids: list[tuple[str, int]], left: dict[str, int]
) -> None:
    """Two days, three ids and at most five: on either side of each limit, and with an id again that was forgotten."""
    results = [filled([*order, *order[:2]], SMALL).days for order in permutations(ids)]
    assert {day: len(words) // 10 for day, words in results[0].items()} == left
    assert all(result == results[0] for result in results)


def test_beyond_the_upper_limit_the_smallest_of_a_day_go() -> None:
    """So that which of them stay does not depend on which came first."""
    ids = [("a", T0), ("b", T0), ("c", T0), ("d", T0 + DAY), ("e", T0 + DAY), ("f", T0 + DAY)]
    largest = "".join(sorted(map(fingerprint, "abc"))[1:])
    assert {filled(list(order), SMALL).days["20000"] for order in permutations(ids)} == {largest}


def test_a_memory_tells_what_it_holds() -> None:
    """Asking leaves it as it is."""
    memory = filled(on(0, 9, 9, 9), SMALL)
    days = dict(memory.days)
    assert [memory.holds(f"id{number}") for number in range(5)] == [False, True, True, True, False]
    assert memory.days == days


def test_a_fingerprint_has_ten_characters_for_ids_of_any_length() -> None:
    """People choose the ids of requests: they may be long, short, or not ASCII."""
    assert {len(fingerprint(text)) for text in ("", "ä", "x" * 1000)} == {10}
    assert fingerprint("a") != fingerprint("b")
