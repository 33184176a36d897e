"""Signatures of webhooks, over the body's raw bytes, as each provider defines them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.endpoints import Endpoint
from app.errors import SignatureError
from app.vocabulary import Provider

TEEKRR_HEADER = "X-Teekrr-Signature"
PRELUDE_HEADER = "X-Webhook-Signature"
PRELUDE_SCHEME = "rsassa-pss-sha256="

_PSS = PSS(MGF1(SHA256()), salt_length=32)
_SHA256 = SHA256()
_STANDARD_ALPHABET = str.maketrans("-_", "+/")

Verify = Callable[[Mapping[str, str], bytes], None]
"""Takes a request's headers and raw body; raises SignatureError unless the provider sent them."""


def verifier(endpoint: Endpoint) -> Verify:
    """Return the check of an endpoint's signatures; any of its secrets or keys will do, so that they can be changed.

    For a provider without signatures, and with `verify` off, it accepts everything.
    """
    if endpoint.verify and endpoint.provider is Provider.TEEKRR:
        return _teekrr(secret.get_secret_value() for secret in endpoint.secrets)
    if endpoint.verify and endpoint.provider is Provider.PRELUDE:
        return _prelude(endpoint.public_keys)
    return lambda _headers, _body: None


def teekrr_signature(secret: str, body: bytes) -> str:
    """Return what Teekrr puts into X-Teekrr-Signature."""
    return _hexdigest(_teekrr_key(secret), body)


def _teekrr_key(secret: str) -> bytes:
    # not the secret itself: the lower-case hex text of its SHA-256
    return hashlib.sha256(secret.encode()).hexdigest().encode()


def _hexdigest(key: bytes, body: bytes) -> str:
    return hmac.digest(key, body, "sha256").hex()


def _teekrr(secrets: Iterable[str]) -> Verify:
    keys = [_teekrr_key(secret) for secret in secrets]

    def verify(headers: Mapping[str, str], body: bytes) -> None:
        given = _header(headers, TEEKRR_HEADER).encode("ascii", "replace")
        if not any(hmac.compare_digest(_hexdigest(key, body).encode(), given) for key in keys):
            raise SignatureError(f"{TEEKRR_HEADER} fits none of {len(keys)} secrets")

    return verify


def _prelude(pems: Iterable[str]) -> Verify:
    keys = [key for key in (load_pem_public_key(pem.encode()) for pem in pems) if isinstance(key, RSAPublicKey)]

    def verify(headers: Mapping[str, str], body: bytes) -> None:
        signature = _prelude_signature(_header(headers, PRELUDE_HEADER))
        if not any(_is_signed(key, signature, body) for key in keys):
            raise SignatureError(f"{PRELUDE_HEADER} fits none of {len(keys)} public keys")

    return verify


def _prelude_signature(text: str) -> bytes:
    if not text.startswith(PRELUDE_SCHEME):
        raise SignatureError(f"{PRELUDE_HEADER}: expected it to start with {PRELUDE_SCHEME}")
    # both alphabets and missing padding are in use
    digits = text.removeprefix(PRELUDE_SCHEME).translate(_STANDARD_ALPHABET).rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError(f"{PRELUDE_HEADER}: expected base64 after {PRELUDE_SCHEME}") from None


def _is_signed(key: RSAPublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(signature, body, _PSS, _SHA256)
    except InvalidSignature:
        return False
    return True


def _header(headers: Mapping[str, str], name: str) -> str:
    text = headers.get(name)
    if text is None:
        raise SignatureError(f"{name} is missing")
    return text
