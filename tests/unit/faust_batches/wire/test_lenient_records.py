"""Header names that are no UTF-8: a broker takes them, and every consumer of this process reads past them."""

from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from app.faust_batches.wire.lenient_records import LenientRecords


class Raw(str):
    """A header name that is written as other bytes."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Return what is no UTF-8."""
        del encoding, errors
        return b"\xff" + bytes(self, "ascii")


def batch(name: str, compression: int = 0) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, 0, 100_000)
    builder.append(0, 5, key=b"k", value=b"v" * 200, headers=[(name, b"1"), ("plain", b"2")])
    builder.append(1, 6, key=None, value=None, headers=[])
    return bytes(builder.build())


def read(data: bytes) -> list[Any]:
    records = LenientRecords(data)
    found: list[Any] = []
    while records.has_next():
        one = records.next_batch()
        assert one.validate_crc()
        found += [(each.offset, each.key, each.value, list(each.headers)) for each in one]
    return found


@pytest.mark.parametrize("compression", [0, 1], ids=["plain", "gzip"])
def test_the_bytes_of_such_a_name_are_written_out(compression: int) -> None:
    """And the batches around it are read as they are."""
    found = read(batch("fine") + batch(Raw("x"), compression) + batch("fine"))
    headers = [each[3] for each in found]
    fine = [("fine", b"1"), ("plain", b"2")]
    assert headers == [fine, [], [("\\xffx", b"1"), ("plain", b"2")], [], fine, []]
    assert [each[:3] for each in found[2:4]] == [(0, b"k", b"v" * 200), (1, None, None)]


def test_aiokafka_alone_raises() -> None:
    """When this fails, the module has become needless."""
    with pytest.raises(UnicodeDecodeError):
        list(MemoryRecords(batch(Raw("x"))).next_batch())
