"""Bodies that come compressed, unpacked within bounds."""

import zlib

from app.errors import BadInputError

CODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Of ``Content-Encoding``; anything else gets a 415."""

_MOST_RATIO = 100
_SMALL_BYTES = 65_536
"""So much may come of any body: a few repeated words are packed well."""
_GZIP, _ZLIB, _RAW = 31, 15, -15
"""What zlib calls ``wbits``."""


def decoded(body: bytes, coding: str, most_bytes: int) -> bytes:
    """Return a body without its coding, one of `CODINGS`.

    Raises BadInputError where it is damaged, beyond ``most_bytes``, or packed more than a hundredfold.
    """
    if coding in {"", "identity"}:
        return body
    bound = min(most_bytes, max(_SMALL_BYTES, _MOST_RATIO * len(body)))
    if coding != "deflate":
        return _unpacked(body, _GZIP, bound)
    try:
        return _unpacked(body, _ZLIB, bound)
    except zlib.error:
        # half of those who say deflate leave the frame of zlib out
        return _unpacked(body, _RAW, bound)


def _unpacked(body: bytes, window: int, bound: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=window)
    try:
        found = unpacker.decompress(body, bound + 1)
    except zlib.error:
        if window == _ZLIB:
            raise
        raise BadInputError("body: not packed as its Content-Encoding says") from None
    if len(found) > bound:
        # without the number: who packs bodies could make as many texts as he likes, each a line of the log
        raise BadInputError("body: too much once it is unpacked")
    if not unpacker.eof or unpacker.unused_data:
        raise BadInputError("body: packed bytes that end too early, or go on behind their end")
    return found
