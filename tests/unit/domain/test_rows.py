from itertools import permutations
from random import Random

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.domain.memory import fingerprint
from app.domain.rows import Fact, cut, decode_row, drop_days_before, encode_row, keep_fact, kept_id, newer
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


def test_the_same_fact_is_kept_once() -> None:
    """Two reports of one failure at one moment say the same, below the bound and at it."""
    twice: Fact = [T0, "e", "expired"]
    assert kept([twice, twice]) == [twice]
    later: list[Fact] = [[T0 + 1 + i, f"e{i:02}", "expired"] for i in range(15)]
    assert kept([twice, *later, twice]) == [twice, *later]


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


def test_a_text_is_cut_by_what_it_takes_in_json() -> None:
    """Characters that are written as two, four or six bytes count as that; nothing is cut that fits."""
    assert cut("a" * 9, 9) == "a" * 9
    assert cut("a" * 10, 9) == "a" * 9
    assert cut('"' * 9, 9) == '"' * 4
    assert cut("é" * 9, 9) == "é" * 4
    assert cut("\x01" * 9, 9) == "\x01"
    assert cut("\U0001f600" * 9, 9) == "\U0001f600" * 2
    assert cut("", 9) == ""


@given(st.text(max_size=320), st.integers(1, 200))
def test_what_is_cut_fits_and_is_a_beginning(text: str, longest: int) -> None:
    result = cut(text, longest)
    assert text.startswith(result)
    assert len(orjson.dumps(result)) - 2 <= longest
    assert result == text or len(orjson.dumps(text[: len(result) + 6])) - 2 > longest


def test_an_id_is_kept_whole_if_there_is_room() -> None:
    """The product's own, UUIDs, SHA-256 in hex; of a longer one the beginning and a fingerprint."""
    for whole in ("", "r1", "3f" * 16, "3f" * 32, "~", "é" * 32):
        assert kept_id(whole) == whole
    longer = "3f" * 32 + "0"
    assert kept_id(longer) == f"{longer[:53]}~{fingerprint(longer)}"


def test_no_id_passes_for_another_that_was_cut() -> None:
    """One that is written like the kept form of a longer id is itself kept in another form."""
    longer = "request-of-somebody-" * 6
    imitation = kept_id(longer)
    assert len(imitation) == 64
    assert kept_id(imitation) not in {imitation, kept_id(longer + "x")}


_IDS = st.lists(st.text("ab~\x01é", max_size=128) | st.integers(0, 99).map(f"{'x' * 100}{{}}".format), unique=True)


@given(_IDS)
def test_different_ids_stay_different_and_short(ids: list[str]) -> None:
    kept_ids = [kept_id(each) for each in ids]
    assert len(set(kept_ids)) == len(ids)
    assert all(len(orjson.dumps(each)) - 2 <= 64 for each in kept_ids)


def test_no_end_comes_after_every_end() -> None:
    """The later of two facts does not depend on which was known first."""
    request: Fact = [T0, "q", "cancelled", "bob"]
    ends = [-1, 0, T0, 2**63 - 1, None]
    for place, end in enumerate(ends):
        for later in ends[place:]:
            first, second = [*request, end], [*request, later]
            assert newer(first, second) == newer(second, first) == second
    assert newer([T0 + 1, "a", None], [T0, "b", None]) == [T0 + 1, "a", None]
    assert newer([T0], None) == [T0]
