"""JSON Web Tokens (RFC 7519) that come with webhooks; which algorithm they are of is ours to say, not theirs."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.errors import SignatureError
from app.verifying.credentials import Credential, Credentials
from app.verifying.encodings import encoded, url_base64
from app.verifying.public_keys import pkcs1_sha256
from app.verifying.requests import Part, Place, Request, Verifier, json_object
from app.verifying.signed import check_age

_PARTS = 3

_Match = Callable[[Request, bytes, str], str]
"""Takes a request, what is signed and the signature's text; returns the name of the credential that fits."""


class Claims(NamedTuple):
    """What is asked of a token's claims."""

    tolerance_s: float | None
    """How far ``exp`` may be over, ``nbf`` ahead and ``iat`` away, in seconds; None: time does not count."""
    hashes: Mapping[str, Part] = MappingProxyType({})
    """Claims that hold the hex SHA-256 of a part of the request; one may be missing where that part is empty."""
    equal: Mapping[str, str] = MappingProxyType({})
    """Claims that hold exactly this text, such as the issuer."""


def hs256_token(credentials: Iterable[Credential[bytes]], token: Place, claims: Claims) -> Verifier:
    """Verify a token of the algorithm HS256, HMAC with SHA-256."""
    secrets = Credentials(credentials, "secrets")

    def match(request: Request, signed: bytes, signature: str) -> str:
        given = signature.encode("utf-8", "surrogatepass")
        return secrets.match(
            request,
            token.name,
            lambda key: hmac.compare_digest(encoded(hmac.digest(key, signed, "sha256"), "base64url"), given),
        )

    return _verifier("HS256", token, claims, match)


def rs256_token(credentials: Iterable[Credential[RSAPublicKey]], token: Place, claims: Claims) -> Verifier:
    """Verify a token of the algorithm RS256, RSASSA-PKCS1-v1_5 with SHA-256."""
    keys = Credentials(credentials, "public keys")

    def match(request: Request, signed: bytes, signature: str) -> str:
        raw = _decoded(signature, token.name)
        return keys.match(request, token.name, lambda key: pkcs1_sha256(key, raw, signed))

    return _verifier("RS256", token, claims, match)


def _verifier(algorithm: str, token: Place, claims: Claims, match: _Match) -> Verifier:
    def verify(request: Request) -> str:
        parts = token.text(request).split(".", _PARTS)
        if len(parts) != _PARTS:
            raise SignatureError(f"{token.name}: expected a token of {_PARTS} parts")
        head, payload, signature = parts
        header = json_object(_decoded(head, token.name), token.name)
        if header.get("alg") != algorithm:
            raise SignatureError(f"{token.name}: expected the algorithm {algorithm}")
        if "crit" in header:  # extensions that must be understood (RFC 7515, section 4.1.11)
            raise SignatureError(f"{token.name}: expected no critical extensions")
        name = match(request, f"{head}.{payload}".encode("utf-8", "surrogatepass"), signature)
        _check(json_object(_decoded(payload, token.name), token.name), claims, request)
        return name

    return verify


def _decoded(text: str, name: str) -> bytes:
    try:
        return url_base64(text)
    except ValueError:
        raise SignatureError(f"{name}: expected base64url without padding") from None


def _check(given: Mapping[str, object], claims: Claims, request: Request) -> None:
    for name, expected in claims.equal.items():
        if given.get(name) != expected:
            raise SignatureError(f"claim {name}: expected another text")
    for name, part in claims.hashes.items():
        _check_hash(name, given.get(name), part(request))
    if claims.tolerance_s is not None:
        _check_times(given, request, claims.tolerance_s)


def _check_hash(name: str, given: object, part: bytes) -> None:
    if given is None and not part:
        return
    expected = hashlib.sha256(part).hexdigest().encode()
    if not isinstance(given, str) or not hmac.compare_digest(expected, given.encode("utf-8", "surrogatepass")):
        raise SignatureError(f"claim {name} is not the hash of what came")


def _check_times(given: Mapping[str, object], request: Request, tolerance_s: float) -> None:
    until, since, issued = (_seconds(name, given.get(name)) for name in ("exp", "nbf", "iat"))
    if until is None and issued is None:
        raise SignatureError("claims: expected exp or iat")
    if until is not None and request.now_s > until + tolerance_s:
        raise SignatureError("claim exp is over")
    if since is not None and request.now_s < since - tolerance_s:
        raise SignatureError("claim nbf lies in the future")
    if issued is not None:
        check_age("claim iat", issued, request, tolerance_s)


def _seconds(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignatureError(f"claim {name}: expected seconds since 1970")
    return float(value)
