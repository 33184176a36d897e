"""Compressed batches are unpacked within a bound, whatever codec their producer has chosen."""

import gzip

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from app.faust_batches.wire import inflating
from app.faust_batches.wire.inflating import InflatedBatchError, inflated
from app.faust_batches.wire.lenient_records import LenientRecords

CODECS = [pytest.param(number, id=name) for number, name in enumerate(["none", "gzip", "snappy", "lz4", "zstd"])]


def batch(codec: int, value: bytes) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, 10_000_000)
    builder.append(0, 5, key=b"k", value=value, headers=[("h", b"1")])
    return bytes(builder.build())


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_read(codec: int) -> None:
    """A cluster's topics may be set to any of them, and so may a producer."""
    records = LenientRecords(batch(codec, b"v" * 100_000))
    one = records.next_batch()
    assert one.validate_crc()
    assert [(each.key, each.value, list(each.headers)) for each in one] == [(b"k", b"v" * 100_000, [("h", b"1")])]


@pytest.mark.parametrize("codec", [1, 3, 4], ids=["gzip", "lz4", "zstd"])
def test_what_grows_beyond_measure_is_not_unpacked(codec: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says where it lies, so that it can be told and passed over."""
    monkeypatch.setattr(inflating, "LARGEST_INFLATED", 50_000)
    records = LenientRecords(batch(codec, b"v" * 100_000))
    one = records.next_batch()
    with pytest.raises(InflatedBatchError) as caught:
        iter(one)
    assert (caught.value.base_offset, caught.value.next_offset) == (0, 1)


def test_members_of_a_gzip_stream_come_one_after_the_other() -> None:
    plain = batch(0, b"v")
    head, body = bytearray(plain[:61]), plain[61:]
    head[22] |= 1
    packed = bytes(head) + gzip.compress(body[:3]) + gzip.compress(body[3:])
    assert inflated(packed) == plain
