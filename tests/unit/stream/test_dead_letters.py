from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.outputs import DeadLetter
from app.stream.dead_letters import LONGEST_KEY, MOST_BYTES, MOST_HEADER_BYTES, Place, kept_headers, letter_of

PLACE = Place("raw.teekrr", 3, 42, 1_700_000_000_000)
ERROR = DeadLetter("BadInputError", "value: expected something else")
OURS = [
    ("origin-topic", b"raw.teekrr"),
    ("origin-partition", b"3"),
    ("origin-offset", b"42"),
    ("origin-timestamp", b"1700000000000"),
    ("error-class", b"BadInputError"),
    ("error-text", b"value: expected something else"),
]
HEADERS = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8"), max_size=40),
        st.none() | st.binary(max_size=40) | st.integers(0, 40_000).map(bytes),
    ),
    max_size=100,
)


def size(headers: list[tuple[str, bytes]]) -> int:
    return sum(len(name.encode()) + len(value or b"") for name, value in headers)


def test_a_record_that_fits_stays_as_it_came() -> None:
    """Key, bytes and headers, a null among them, with where it stood and why it is here."""
    headers: list[Any] = [("tenant", b"acme"), ("x", None), ("tenant", b"")]
    assert letter_of(PLACE, b"k", b"v", headers, ERROR) == (b"k", b"v", [*headers, *OURS])
    assert letter_of(PLACE, None, None, [], ERROR) == (None, None, OURS)


def test_a_value_that_is_too_large_keeps_its_beginning() -> None:
    """Of the whole its length and digest are told: a value of megabytes may come compressed into a topic of 1 MiB."""
    value = b"v" * 3_000_000
    letter = letter_of(PLACE, b"k", value, [], ERROR)
    assert letter.value is not None
    assert (1_800_000 < len(letter.value) < MOST_BYTES, letter.value in value) == (True, True)
    assert letter.headers == [
        *OURS,
        ("origin-bytes", b"3000000"),
        ("origin-sha256", sha256(value).hexdigest().encode()),
    ]


def test_whatever_a_topic_of_the_broker_holds_uncompressed_stays_whole() -> None:
    value = b"v" * 1_048_588
    assert letter_of(PLACE, b"k" * LONGEST_KEY, value, [("h", b"h" * 30_000)], ERROR).value == value


def test_a_key_that_is_too_long_keeps_its_beginning() -> None:
    letter = letter_of(PLACE, b"k" * 20_000, b"v", [], ERROR)
    assert letter == (b"k" * LONGEST_KEY, b"v", [*OURS, ("origin-key-bytes", b"20000")])


def test_of_too_many_headers_those_that_fit_stay_in_order() -> None:
    """A large one makes no room for itself by pushing out those behind it."""
    headers = [("large", b"x" * MOST_HEADER_BYTES), *((f"h{number}", b"") for number in range(70))]
    letter = letter_of(PLACE, b"k", b"v", headers, ERROR)
    assert letter.headers == [*headers[1:65], *OURS, ("origin-headers", b"71")]


def test_headers_of_a_former_dead_letter_are_not_taken_for_ours() -> None:
    """Somebody may write them as well, to a record that was never cut."""
    headers = [("origin-bytes", b"5"), ("origin-topic", b"elsewhere"), ("a", b"b"), ("error-text", b"old")]
    assert letter_of(PLACE, None, b"v", headers, ERROR).headers == [("a", b"b"), *OURS]


def test_a_long_text_is_cut() -> None:
    headers = dict(letter_of(PLACE, None, b"", [], DeadLetter("E" * 5000, "é" * 5000)).headers)
    assert (headers["error-class"], headers["error-text"].decode()) == (b"E" * 1000, "é" * 1000)


@given(st.integers(0, 2_500_000), st.integers(0, 40_000), HEADERS)
def test_a_dead_letter_always_fits_its_topic(value: int, key: int, headers: list[tuple[str, bytes]]) -> None:
    letter = letter_of(PLACE, bytes(key), bytes(value), headers, ERROR)
    assert len(letter.key or b"") + len(letter.value or b"") + size(letter.headers) <= MOST_BYTES
    assert len(letter.headers) <= 64 + 10
    assert [each for each in letter.headers if each in OURS][-6:] == OURS


@given(HEADERS)
def test_headers_that_travel_on_are_few_and_small(headers: list[tuple[str, bytes]]) -> None:
    kept = kept_headers(headers)
    assert len(kept) <= 64
    assert size(kept) <= MOST_HEADER_BYTES
    assert kept == headers or len(headers) > 64 or size(headers) + 10 * len(headers) > MOST_HEADER_BYTES
