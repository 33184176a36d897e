"""Unpacks compressed record batches within a bound: a megabyte on the wire may be a gigabyte of zeros."""

import zlib

import cramjam

LARGEST_INFLATED = 64 * 1024 * 1024
"""Bytes of a record batch when unpacked; brokers take a megabyte as it travels."""
_HEADER_BYTES = 61
_ATTRIBUTES_AT = 21
_CODEC = 0x07
_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4
_FIRST_GUESS = 16
_GZIP_WINDOW = 31


class InflatedBatchError(Exception):
    """A record batch grows beyond all measure when unpacked."""

    base_offset = next_offset = -1
    """Where it begins, and what comes after it."""


def inflated(batch: bytes) -> bytes:
    """Return a record batch without its compression, or as it is; its checksum no longer fits.

    Raises InflatedBatchError. Snappy is left to aiokafka: it cannot grow more than twentyfold.
    """
    codec = batch[_ATTRIBUTES_AT + 1] & _CODEC
    if codec not in {_GZIP, _LZ4, _ZSTD}:
        return batch
    packed = batch[_HEADER_BYTES:]
    unpacked = (
        _gunzipped(packed) if codec == _GZIP else _expanded(packed, cramjam.lz4 if codec == _LZ4 else cramjam.zstd)
    )
    head = bytearray(batch[:_HEADER_BYTES])
    head[_ATTRIBUTES_AT + 1] &= ~_CODEC
    return bytes(head) + unpacked


def _gunzipped(packed: bytes) -> bytes:
    unpacked = b""
    while packed:
        # there may be several members, one after the other
        member = zlib.decompressobj(_GZIP_WINDOW)
        unpacked += member.decompress(packed, LARGEST_INFLATED + 1 - len(unpacked))
        if len(unpacked) > LARGEST_INFLATED:
            raise InflatedBatchError("gzip")
        packed = member.unused_data
    return unpacked


def _expanded(packed: bytes, codec: object) -> bytes:
    """Unpack into a buffer that grows until everything fits."""
    size = _FIRST_GUESS * max(len(packed), 1024)
    while True:
        buffer = bytearray(min(size, LARGEST_INFLATED))
        try:
            return bytes(buffer[: codec.decompress_into(packed, buffer)])  # type: ignore[attr-defined] # no types are published
        except cramjam.DecompressionError:
            if size >= LARGEST_INFLATED:
                raise InflatedBatchError("lz4 or zstd") from None
            size *= 4
