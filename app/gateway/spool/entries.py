"""Entries of the spool as bytes.

    head   layout u8, length of the body u32, CRC-32 of the body u32, CRC-32 of the nine bytes before u32
    body   spooled_at_us i64, whether there is a key u8, then fields, each behind its length u32:
           topic, key, value, and the name and the value of each header

All numbers are big-endian. The head has a checksum of its own, so that an entry that was not written to its end can be
told from a damaged one: its head is sound and says that more should follow.
"""

import struct
from enum import Enum, auto
from itertools import chain
from typing import BinaryIO, NamedTuple
from zlib import crc32

_LAYOUT = 1
_HEAD = struct.Struct(">BII")
_CHECKSUM = struct.Struct(">I")
_HEAD_BYTES = _HEAD.size + _CHECKSUM.size
_START = struct.Struct(">q?")
_LENGTH = struct.Struct(">I")


class Entry(NamedTuple):
    """A record on its way to Kafka."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]
    spooled_at_us: int
    """Microseconds since 1970."""


class Unreadable(Enum):
    """Why there is no entry to read."""

    TORN = auto()
    """It was not written to its end, so it was never acknowledged, and nothing follows."""
    DAMAGED = auto()
    """Its bytes are not those that were written, or of a layout that is not known here."""


def encode(entry: Entry) -> bytes:
    """Return the bytes of an entry."""
    names_and_values = chain.from_iterable((name.encode(), value) for name, value in entry.headers)
    parts = [_START.pack(entry.spooled_at_us, entry.key is not None)]
    for field in (entry.topic.encode(), entry.key or b"", entry.value, *names_and_values):
        parts += _LENGTH.pack(len(field)), field
    body = b"".join(parts)
    head = _HEAD.pack(_LAYOUT, len(body), crc32(body))
    return b"".join((head, _CHECKSUM.pack(crc32(head)), body))


def read_entry(file: BinaryIO, room: int) -> tuple[Entry, int] | Unreadable:
    """Read the next entry out of at most ``room`` bytes; with it comes its length in bytes.

    No content makes it raise an error; OSError of the file passes through.
    """
    start = file.read(min(room, _HEAD_BYTES))
    if len(start) < _HEAD_BYTES:
        return Unreadable.TORN
    head, (checksum,) = start[: _HEAD.size], _CHECKSUM.unpack_from(start, _HEAD.size)
    layout, length, checksum_of_body = _HEAD.unpack(head)
    if crc32(head) != checksum or layout != _LAYOUT:
        return Unreadable.DAMAGED
    if length > room - _HEAD_BYTES:
        return Unreadable.TORN
    body = file.read(length)
    if crc32(body) != checksum_of_body:
        return Unreadable.DAMAGED
    try:
        return _decode(body), _HEAD_BYTES + length
    except (ValueError, struct.error):
        # damage that the checksum happens to fit
        return Unreadable.DAMAGED


def _decode(body: bytes) -> Entry:
    spooled_at_us, has_key = _START.unpack_from(body)
    fields: list[bytes] = []
    at = _START.size
    while at < len(body):
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size + length
        fields.append(body[at - length : at])
    if at != len(body):
        raise ValueError("a field is longer than the entry")
    topic, key, value, *pairs = fields
    headers = [(name.decode(), content) for name, content in zip(pairs[::2], pairs[1::2], strict=True)]
    return Entry(topic.decode(), key if has_key else None, value, headers, spooled_at_us)
