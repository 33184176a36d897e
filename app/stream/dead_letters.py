"""What a dead letter holds of a record: all of it, unless it is larger than ``dead.letter`` takes."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from app.outputs import DeadLetter

MOST_BYTES = 1_900_000
"""Of a dead letter in all; the topic takes 2 MiB, and a value that came compressed may be larger by far."""
LONGEST_KEY = 16_384
MOST_HEADERS = 64
MOST_HEADER_BYTES = 32_768
LONGEST_TEXT = 1_000

_PER_HEADER = 10
"""Bytes around a header, at most."""
_PER_RECORD = 300
"""Around a record, and the two headers that tell of a cut value."""

_OURS = frozenset(
    {
        *("origin-topic", "origin-partition", "origin-offset", "origin-timestamp", "error-class", "error-text"),
        *("origin-bytes", "origin-sha256", "origin-key-bytes", "origin-headers"),
    }
)

Header = tuple[str, bytes]


class Letter(NamedTuple):
    """The record for ``dead.letter``."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]


class Place(NamedTuple):
    """Where the record stood."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """Its Kafka timestamp, whatever its producer has put there."""


def letter_of(
    place: Place, key: bytes | None, value: bytes | None, headers: Sequence[Header], error: DeadLetter
) -> Letter:
    """Return the record's key, value and headers, with where they stood and why they are here.

    What had to be cut is told: ``origin-bytes`` and ``origin-sha256`` of a whole value of which the first bytes are
    kept, ``origin-key-bytes`` likewise of a key, ``origin-headers`` for how many headers there were.
    """
    # headers of these names came with a record that was a dead letter before, and would be taken for ours
    foreign = [each for each in headers if each[0] not in _OURS]
    kept = kept_headers(foreign)
    ours = [
        ("origin-topic", place.topic.encode()),
        ("origin-partition", b"%d" % place.partition),
        ("origin-offset", b"%d" % place.offset),
        ("origin-timestamp", b"%d" % place.timestamp_ms),
        ("error-class", error.error[:LONGEST_TEXT].encode()),
        ("error-text", error.text[:LONGEST_TEXT].encode(errors="replace")),
    ]
    if len(kept) < len(foreign):
        ours.append(("origin-headers", b"%d" % len(foreign)))
    if key is not None and len(key) > LONGEST_KEY:
        ours.append(("origin-key-bytes", b"%d" % len(key)))
        key = key[:LONGEST_KEY]
    room = MOST_BYTES - len(key or b"") - _size([*kept, *ours]) - _PER_RECORD
    if value is not None and len(value) > room:
        ours += [("origin-bytes", b"%d" % len(value)), ("origin-sha256", sha256(value).hexdigest().encode())]
        value = value[:room]
    return Letter(key, value, [*kept, *ours])


def kept_headers(headers: Iterable[Header]) -> list[Header]:
    """Return the headers that may travel on with a record, in their order; a header's value may be null."""
    kept: list[Header] = []
    room = MOST_HEADER_BYTES
    for header in headers:
        size = _size([header])
        if size <= room and len(kept) < MOST_HEADERS:
            kept.append(header)
            room -= size
    return kept


def _size(headers: Iterable[Header]) -> int:
    return sum(len(name.encode()) + len(value or b"") + _PER_HEADER for name, value in headers)
