import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import OversizeError
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.transaction import BROKER_LIMITS, Outgoing, Row, SizeLimits, Transaction, size_of
from app.faust_batches.wire.encoding import record_batches


def rows(**stored: int | None) -> MemoryRows:
    """Rows with their due times."""
    found = MemoryRows()
    found.apply({key.encode(): Row(b"old", due) for key, due in stored.items()}, 1)
    return found


def test_a_transaction_reads_its_own_writes_before_the_committed_rows() -> None:
    committed = rows(a=None, b=None)
    transaction = Transaction(0, {"t": committed}, now=1)
    transaction.put("t", b"a", b"new")
    transaction.put("t", b"c", None)
    assert [transaction.get("t", key) for key in (b"a", b"b", b"c", b"d")] == [b"new", b"old", None, None]
    assert committed.get(b"a") == b"old"


def test_a_transaction_is_empty_until_something_is_written() -> None:
    assert Transaction(0, {"t": MemoryRows()}, now=1).empty
    written = Transaction(0, {"t": MemoryRows()}, now=1)
    written.put("t", b"a", None)
    assert not written.empty
    sent = Transaction(0, {}, now=1)
    sent.send("topic", b"k", b"v")
    assert not sent.empty


def test_what_is_due_follows_its_own_writes() -> None:
    """A row that was moved is due at its new moment, one that was deleted never."""
    transaction = Transaction(0, {"t": rows(moved=5, gone=5, stays=5, later=50)}, now=1)
    transaction.put("t", b"moved", b"new", 99)
    transaction.put("t", b"gone", None)
    transaction.put("t", b"new", b"new", 7)
    assert sorted(transaction.due("t", 10, 9)) == [b"new", b"stays"]
    assert sorted(transaction.due("t", 99, 9)) == [b"later", b"moved", b"new", b"stays"]
    assert len(transaction.due("t", 99, 2)) == 2


def test_a_savepoint_sees_what_it_lies_upon_and_leaves_it_alone_until_absorbed() -> None:
    transaction = Transaction(0, {"t": rows(a=5)}, now=1)
    transaction.put("t", b"b", b"1", 6)
    dropped = transaction.savepoint(2)
    dropped.put("t", b"b", b"2")
    dropped.send("topic", b"k", b"dropped")
    kept = transaction.savepoint(3)
    assert (kept.get("t", b"a"), kept.get("t", b"b"), sorted(kept.due("t", 9, 9))) == (b"old", b"1", [b"a", b"b"])
    kept.put("t", b"a", None)
    kept.send("topic", b"k", b"kept")
    transaction.absorb(kept)
    assert transaction.rows == {"t": {b"b": Row(b"1", 6), b"a": None}}
    assert transaction.outputs == {("topic", None): [Outgoing(b"k", b"kept", [], None)]}


def test_what_is_too_large_is_refused_where_it_is_made() -> None:
    """By the topic's own limit, or that of all others; nothing of it is kept."""
    transaction = Transaction(0, {"t": MemoryRows()}, 1, SizeLimits({"large": 2000}, 300, 1000))
    transaction.send("large", b"k", b"x" * 1500)
    with pytest.raises(OversizeError, match="record for small: 1629 bytes, at most 1000 fit into the topic"):
        transaction.send("small", b"k", b"x" * 1500)
    with pytest.raises(OversizeError, match="row of t: 329 bytes, at most 300 fit into its changelog"):
        transaction.put("t", b"k", b"x" * 200)
    assert list(transaction.outputs) == [("large", None)]
    assert transaction.rows == {"t": {}}


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    st.none() | st.binary(max_size=300),
    st.none() | st.binary(max_size=300),
    st.lists(st.tuples(_TEXT, st.binary(max_size=40)), max_size=20),
)
def test_a_record_never_takes_more_than_its_size_says(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    """Batch included: what passes the limit fits into a batch of that many bytes."""
    record = Outgoing(key, value, headers, 2**62)
    (encoded,) = record_batches([record])
    assert encoded.size <= size_of(record)


def test_brokers_take_what_the_limits_let_through() -> None:
    assert max(BROKER_LIMITS.rows, BROKER_LIMITS.others) < 1_048_588


@pytest.mark.parametrize(("key", "due"), [(b"", None), (b"\0k", None), (b"k", -1), (b"k", 2**63)])
def test_a_row_that_no_changelog_would_give_back_is_refused_where_it_is_made(key: bytes, due: int | None) -> None:
    """So that the record behind it is put aside, and no commit fails."""
    transaction = Transaction(0, {"t": MemoryRows()}, 1)
    with pytest.raises(ValueError, match="cannot be stored"):
        transaction.put("t", key, b"v", due)
