from itertools import permutations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain.rows import Fact, decode_row, drop_days_before, encode_row, keep_fact
from tests.unit.domain.samples import DAY, HOUR, T0


def kept(facts: list[Fact]) -> list[Fact]:
    result: list[Fact] = []
    for fact in facts:
        keep_fact(result, fact)
    return result


def test_up_to_sixteen_facts_are_all_kept_in_order() -> None:
    """Within the bound nothing is lost and arrival leaves no trace."""
    facts: list[Fact] = [[T0 + i, f"e{i}", "expired"] for i in range(16)]
    assert kept(facts[::-1]) == facts


def test_beyond_sixteen_the_first_of_each_day_stays() -> None:
    """Of a day with forty facts the first and the sixteen newest are kept, so that a burst erases no beginning."""
    facts: list[Fact] = [[T0 + i * HOUR // 2, f"e{i:02}", "expired"] for i in range(40)]
    assert kept(facts) == [facts[0], *facts[24:]]


def test_no_more_than_sixteen_days_are_kept() -> None:
    """A fact a day for a year leaves the sixteen newest."""
    facts: list[Fact] = [[T0 + i * DAY, f"e{i}", "expired"] for i in range(365)]
    assert kept(facts) == facts[-16:]


def test_at_most_thirty_two_facts_are_kept() -> None:
    """Twenty facts a day for twenty days leave the sixteen newest and the first of sixteen days."""
    facts: list[Fact] = [[T0 + d * DAY + i * HOUR, f"e{d}.{i}", "expired"] for d in range(20) for i in range(20)]
    result = kept(facts)
    assert len(result) == 32
    assert result[0] == [T0 + 4 * DAY, "e4.0", "expired"]


moments = st.lists(st.integers(0, 20 * 24), max_size=80)


@given(moments, st.integers(0, 20 * 24), st.randoms(use_true_random=False))
def test_what_is_kept_depends_on_the_set_alone(hours: list[int], cut: int, random: Random) -> None:
    """Any order of facts, with the days before a moment dropped at the beginning or at the end, keeps the same."""
    facts: list[Fact] = [[T0 + hour * HOUR, f"{number:03}", "expired"] for number, hour in enumerate(hours)]
    at = T0 + cut * HOUR
    late = kept(facts)
    drop_days_before(late, at)
    random.shuffle(facts)
    early: list[Fact] = []
    for fact in facts:
        if fact[0] // DAY >= at // DAY:
            keep_fact(early, fact)
    assert late == early


def test_equal_rows_are_equal_bytes() -> None:
    """The order in which a row's parts came to be leaves no trace in its bytes."""
    encoded = set()
    for order in permutations(("sms", "whatsapp", "email")):
        row = decode_row(None)
        for name in order:
            row.channel(name)["last_success"] = T0
        encoded.add(encode_row(row))
    assert len(encoded) == 1
    assert encode_row(decode_row(next(iter(encoded)))) in encoded
