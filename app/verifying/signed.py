"""Parts of what providers sign, and how old it may be."""

import hashlib
from collections.abc import Sequence
from typing import Literal

from app.errors import SignatureError
from app.verifying.requests import Part, Place, Request

_LONGEST_NUMBER = 17
_PER_SECOND = {"s": 1, "ms": 1000}


def whole_body(request: Request) -> bytes:
    """Return the body."""
    return request.body


def whole_url(request: Request) -> bytes:
    """Return the public URL with its query."""
    return request.url.encode("utf-8", "surrogatepass")


def body_sha256(request: Request) -> bytes:
    """Return the body's SHA-256, 32 bytes; Bird signs it instead of the body."""
    return hashlib.sha256(request.body).digest()


def fresh(place: Place, tolerance_s: float | None, *, unit: Literal["s", "ms"] = "s") -> Part:
    """Return a part of what is signed that says when that was, in whole seconds or milliseconds since 1970.

    It raises SignatureError for what is more than ``tolerance_s`` seconds old or ahead; None: however old it is. It is
    a part, and no check of its own, because an unsigned date is worth nothing.
    """

    def part(request: Request) -> bytes:
        text = place.text(request)
        if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
            raise SignatureError(f"{place.name}: expected 1 to {_LONGEST_NUMBER} digits")
        check_age(place.name, int(text) / _PER_SECOND[unit], request, tolerance_s)
        return text.encode()

    return part


def check_age(name: str, moment_s: float, request: Request, tolerance_s: float | None) -> None:
    """Raise SignatureError unless a moment, in seconds since 1970, is as close to now as the tolerance asks."""
    if tolerance_s is None:
        return
    if moment_s < request.now_s - tolerance_s:
        raise SignatureError(f"{name} is too old")
    if moment_s > request.now_s + tolerance_s:
        raise SignatureError(f"{name} lies in the future")


def joined(parts: Sequence[Part | bytes], request: Request) -> bytes:
    """Return what is signed: the parts one after the other, bytes as they are."""
    return b"".join([part if isinstance(part, bytes) else part(request) for part in parts])
