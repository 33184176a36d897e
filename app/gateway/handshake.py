"""Webex Interact's "Verify": it posts a secret and wants a 200 with that secret in the body.

How the secret is wrapped is not documented, so the whole body goes back: whatever it is wrapped in, it is in there.
Only what is certainly a handshake is not stored as well, since it holds a secret and says nothing about a message: one
word of letters and digits, as itself, as a JSON string, or as the only member of a JSON object. What merely might be
one, a small body without structure, is sent back *and* stored: an event that was taken for a handshake would be lost.
"""

import re
from enum import Enum, auto

from app.raw_records import parsed

_LONGEST_BYTES = 1024
_WORD = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")
_PLAIN = re.compile(rb"[\x21-\x7e]+")
# words do not start like this: it would be JSON, perhaps cut off
_JSON_STARTS = (b"{", b"[", b'"')


class Handshake(Enum):
    """Whether a body is a secret to be sent back."""

    NONE = auto()
    POSSIBLE = auto()
    CERTAIN = auto()


def handshake(body: bytes) -> Handshake:
    """Tell whether a body posted to a Webex Interact endpoint is a secret to be sent back."""
    body = body.strip()
    if not body or len(body) > _LONGEST_BYTES:
        return Handshake.NONE
    if body.startswith(_JSON_STARTS):
        return _in_json(parsed(body))
    if _PLAIN.fullmatch(body) is None:
        return Handshake.NONE
    # a form or XML has no blanks either
    return Handshake.CERTAIN if _is_word(body.decode("ascii")) and b"=" not in body[:-2] else Handshake.POSSIBLE


def _in_json(document: object) -> Handshake:
    if isinstance(document, str) and document:
        return Handshake.CERTAIN if _is_word(document) else Handshake.POSSIBLE
    if not isinstance(document, dict) or not document or "specversion" in document:
        return Handshake.NONE
    if not all(isinstance(value, str) for value in document.values()):
        return Handshake.NONE
    (first, *others) = document.values()
    return Handshake.CERTAIN if not others and _is_word(first) else Handshake.POSSIBLE


def _is_word(text: object) -> bool:
    return isinstance(text, str) and _WORD.fullmatch(text) is not None
