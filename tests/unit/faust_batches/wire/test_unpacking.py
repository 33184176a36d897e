"""What is taken out of an answer's bytes: committed records from a position on, whatever lies between them."""

from collections.abc import Sequence

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c

from app.faust_batches.wire.unpacking import Unpacking

_CONTROL = 0x20
_ATTRIBUTES_END = 23
_CRC_AT, _CHECKED_FROM = 17, 21
ABORT, COMMIT = b"\x00\x00\x00\x00", b"\x00\x00\x00\x01"


def batch(first: int, *values: bytes, producer: int = -1, marker: bytes = b"") -> bytes:
    """Return a batch as a broker stores it, of a producer's transaction if one is named; a marker ends one."""
    builder = _DefaultRecordBatchBuilderPy(2, 0, int(producer >= 0), producer, 0, 0, 1_000_000)
    for place, value in enumerate(values or [marker]):
        builder.append(place, 5, key=marker or b"k", value=value, headers=[("h", b"1")])
    stored = bytearray(builder.build())
    stored[0:8] = first.to_bytes(8, "big")
    if marker:
        stored[_ATTRIBUTES_END - 1] |= _CONTROL
        stored[_CRC_AT:_CHECKED_FROM] = calc_crc32c(memoryview(stored)[_CHECKED_FROM:]).to_bytes(4, "big")
    return bytes(stored)


def taken(data: bytes, position: int = 0, aborted: Sequence[tuple[int, int]] = ()) -> tuple[list[bytes], int]:
    unpacking = Unpacking(position)
    unpacking.read(data, aborted)
    return [record.value for record in unpacking.records], unpacking.next_offset


def test_records_come_with_all_that_they_hold() -> None:
    unpacking = Unpacking(0)
    unpacking.read(batch(7, b"a"), ())
    (record,) = unpacking.records
    found = (record.offset, record.timestamp, record.key, record.value, list(record.headers))
    assert (found, unpacking.next_offset) == ((7, 5, b"k", b"a", [("h", b"1")]), 8)


def test_what_lies_before_the_position_is_left_out() -> None:
    """A whole batch comes also when the position lies within it; one that is known already moves nothing."""
    data = batch(0, b"a", b"b") + batch(2, b"c", b"d")
    assert taken(data, 3) == ([b"d"], 4)
    assert taken(batch(0, b"a"), 9) == ([], 9)


def test_what_belongs_to_aborted_transactions_is_left_out() -> None:
    """Up to their end: the same producer's next one counts, and so does what others wrote between."""
    data = b"".join(
        [
            batch(0, b"mine", producer=1),
            batch(1, b"aborted", producer=2),
            batch(2, b"not in one"),
            batch(3, marker=ABORT, producer=2),
            batch(4, marker=COMMIT, producer=1),
            batch(5, b"committed", producer=2),
            batch(6, marker=COMMIT, producer=2),
        ]
    )
    assert taken(data, 0, [(2, 1)]) == ([b"mine", b"not in one", b"committed"], 7)


def test_two_aborted_transactions_of_one_producer_are_both_left_out() -> None:
    """In whatever order the broker names them."""
    data = b"".join(
        [
            batch(0, b"first", producer=2),
            batch(1, marker=ABORT, producer=2),
            batch(2, b"second", producer=2),
            batch(3, marker=ABORT, producer=2),
            batch(4, b"third", producer=2),
        ]
    )
    assert taken(data, 0, [(2, 2), (2, 0)]) == ([b"third"], 5)


def test_a_transaction_that_began_before_the_answer_is_left_out() -> None:
    """The broker names it with an offset that lies further back."""
    assert taken(batch(10, b"aborted", producer=2), 10, [(2, 4)]) == ([], 11)


def test_what_came_before_a_damaged_batch_is_there() -> None:
    damaged = bytearray(batch(1, b"b"))
    damaged[-2] ^= 1
    unpacking = Unpacking(0)
    with pytest.raises(CorruptRecordException):
        unpacking.read(batch(0, b"a") + bytes(damaged), ())
    assert ([record.value for record in unpacking.records], unpacking.next_offset) == ([b"a"], 1)
