"""Signatures with a private key that only the provider has."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from app.errors import SignatureError
from app.verifying.credentials import Credential, Credentials
from app.verifying.encodings import standard_base64
from app.verifying.requests import Part, Place, Request, Verifier
from app.verifying.signed import joined, whole_body

Key = TypeVar("Key")

Scheme = Callable[[Key, bytes, bytes], bool]
"""Tells whether a key, a signature and what is signed belong together."""

_SHA1 = SHA1()  # noqa: S303 - what Amazon SNS signs with unless it is told otherwise
_SHA256 = SHA256()
_PSS = PSS(MGF1(_SHA256), salt_length=32)
_PKCS1 = PKCS1v15()
_ECDSA = ECDSA(_SHA256)


def pss_sha256(key: RSAPublicKey, signature: bytes, data: bytes) -> bool:
    """Verify RSASSA-PSS with SHA-256 and a salt of 32 bytes (RFC 8017)."""
    return _holds(partial(key.verify, signature, data, _PSS, _SHA256))


def pkcs1_sha256(key: RSAPublicKey, signature: bytes, data: bytes) -> bool:
    """Verify RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017)."""
    return _holds(partial(key.verify, signature, data, _PKCS1, _SHA256))


def pkcs1_sha1(key: RSAPublicKey, signature: bytes, data: bytes) -> bool:
    """Verify RSASSA-PKCS1-v1_5 with SHA-1 (RFC 8017)."""
    return _holds(partial(key.verify, signature, data, _PKCS1, _SHA1))


def ecdsa_sha256(key: EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    """Verify ECDSA with SHA-256, the signature in DER (RFC 3279)."""
    return _holds(partial(key.verify, signature, data, _ECDSA))


def _holds(verify: Callable[[], None]) -> bool:
    try:
        verify()
    except InvalidSignature:
        return False
    return True


def key_signature(
    credentials: Iterable[Credential[Key]],
    scheme: Scheme[Key],
    signature: Place,
    *,
    decode: Callable[[str], bytes] = standard_base64,
    signed: Sequence[Part | bytes] = (whole_body,),
) -> Verifier:
    """Verify one signature over the parts of a request that are signed.

    ``decode`` makes bytes of its text or raises ValueError; the default takes one text for one signature only. Prelude
    writes either alphabet of base64, with padding or without: ``any_base64``.
    """
    keys = Credentials(credentials, "public keys")

    def verify(request: Request) -> str:
        text = signature.text(request)
        try:
            raw = decode(text)
        except ValueError:
            raise SignatureError(f"{signature.name}: expected base64") from None
        data = joined(signed, request)
        return keys.match(request, signature.name, lambda key: scheme(key, raw, data))

    return verify
