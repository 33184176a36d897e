"""Webex Interact's "Verify": it posts a secret and wants a 200 with that secret in the body.

How the secret is wrapped is not documented, so the whole body goes back: whatever it is wrapped in, it is in there.
A handshake is told from an event by what every event has and a secret has not: a structure. It is at most 1 KiB of one
word, one JSON string, or a JSON object of strings alone without `specversion`. An event that was cut off on its way is
none of these, so it is stored. Handshakes are not stored: they say nothing about a message, and hold a secret.
"""

import re

import orjson

_LONGEST_BYTES = 1024
_WORD = re.compile(rb"[\x21-\x7e]+")
# words do not start like this: it would be JSON, perhaps cut off
_JSON_STARTS = (b"{", b"[", b'"')


def is_handshake(body: bytes) -> bool:
    """Whether a body posted to a Webex Interact endpoint is a secret to be sent back."""
    body = body.strip()
    if not body or len(body) > _LONGEST_BYTES:
        return False
    if not body.startswith(_JSON_STARTS):
        return _WORD.fullmatch(body) is not None
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    if isinstance(document, str):
        return bool(document)
    return (
        isinstance(document, dict)
        and bool(document)
        and "specversion" not in document
        and all(isinstance(value, str) for value in document.values())
    )
