import io
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from app.gateway.spool.entries import Entry, Unreadable, encode, read_entry
from tests.unit.gateway.spool.small_entries import entry

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
ENTRIES = st.builds(
    Entry,
    topic=TEXTS,
    key=st.none() | st.binary(max_size=20),
    value=st.binary(max_size=300),
    headers=st.lists(st.tuples(TEXTS, st.binary(max_size=20)), max_size=4),
    spooled_at_us=st.integers(0, 2**63 - 1),
)


@given(ENTRIES, st.binary(max_size=40))
def test_what_is_read_is_what_was_written_whatever_follows(written: Entry, rest: bytes) -> None:
    data = encode(written)
    assert read_entry(io.BytesIO(data + rest), len(data) + len(rest)) == (written, len(data))


@given(ENTRIES)
def test_an_entry_that_ends_too_early_is_torn(written: Entry) -> None:
    data = encode(written)
    for length in range(len(data)):
        assert read_entry(io.BytesIO(data[:length]), length) is Unreadable.TORN


def test_a_changed_bit_anywhere_is_damage() -> None:
    """No length that is wrong is believed: an entry that seems torn would pass for one never acknowledged."""
    data = encode(entry(1))
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            assert read_entry(io.BytesIO(changed), len(changed)) is Unreadable.DAMAGED


@given(st.binary(min_size=1, max_size=200))
def test_no_content_makes_reading_raise(data: bytes) -> None:
    assert isinstance(read_entry(io.BytesIO(data), len(data)), Unreadable)


@given(st.binary(max_size=60))
def test_a_body_that_the_checksums_fit_by_chance_raises_nothing(body: bytes) -> None:
    head = b"\x01" + len(body).to_bytes(4, "big") + crc32(body).to_bytes(4, "big")
    data = head + crc32(head).to_bytes(4, "big") + body
    read_entry(io.BytesIO(data), len(data))
