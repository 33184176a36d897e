"""Binary values as text: what signatures are written in. Every function here raises ValueError for anything else."""

import base64
from typing import Literal

Encoding = Literal["hex", "base64", "base64url"]

_STANDARD_ALPHABET = str.maketrans("-_", "+/")


def encoded(raw: bytes, encoding: Encoding) -> bytes:
    """Return the text of a binary value: hex in lower case, base64 with its padding, base64url without."""
    if encoding == "hex":
        return raw.hex().encode()
    if encoding == "base64":
        return base64.b64encode(raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def any_base64(text: str) -> bytes:
    """Decode base64 of either alphabet, with or without padding."""
    digits = text.translate(_STANDARD_ALPHABET).rstrip("=")
    return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)


def standard_base64(text: str) -> bytes:
    """Decode base64 of the standard alphabet with its padding (RFC 4648, section 4)."""
    return _only(text, any_base64(text), "base64")


def url_base64(text: str) -> bytes:
    """Decode base64 of the alphabet for URLs without padding (RFC 7515, section 2)."""
    return _only(text, any_base64(text), "base64url")


def _only(text: str, raw: bytes, encoding: Encoding) -> bytes:
    # the last digit holds bits that mean nothing; a value has one text only, so that a changed text is another value
    if encoded(raw, encoding) != text.encode():
        raise ValueError(f"expected {encoding}")
    return raw
