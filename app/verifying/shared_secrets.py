"""Signatures with a secret that both sides know: HMAC, and the schemes made of it."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Literal

from app.errors import SignatureError
from app.verifying.credentials import Credential, Credentials
from app.verifying.encodings import Encoding, encoded
from app.verifying.requests import Part, Place, Request, Verifier, in_header, parameters
from app.verifying.signed import fresh, joined, whole_body, whole_url

Algorithm = Literal["sha1", "sha256", "sha512"]

_MOST_SIGNATURES = 16


def hmac_signature(
    credentials: Iterable[Credential[bytes]],
    signature: Place,
    *,
    algorithm: Algorithm = "sha256",
    encoding: Encoding = "hex",
    signed: Sequence[Part | bytes] = (whole_body,),
) -> Verifier:
    """Verify one HMAC (RFC 2104) over the parts of a request that are signed."""
    secrets = Credentials(credentials, "secrets")

    def verify(request: Request) -> str:
        given = signature(request)
        if encoding == "base64url":
            given = given.rstrip(b"=")  # with padding or without
        data = joined(signed, request)
        return secrets.match(
            request,
            signature.name,
            lambda key: hmac.compare_digest(encoded(hmac.digest(key, data, algorithm), encoding), given),
        )

    return verify


def twilio(credentials: Iterable[Credential[bytes]], *, algorithm: Algorithm = "sha1") -> Verifier:
    """Verify a webhook of Twilio: HMAC over the URL and the sorted parameters of the form, names and values joined.

    A body that is no form is bound by its SHA-256 in the URL's parameter bodySHA256. Twilio dates nothing, so a request
    of any age passes. Source: https://www.twilio.com/docs/usage/security, "Validating requests".
    """
    return hmac_signature(
        credentials,
        in_header("X-Twilio-Signature"),
        algorithm=algorithm,
        encoding="base64",
        signed=(whole_url, _twilio_body),
    )


def _twilio_body(request: Request) -> bytes:
    query = request.url.partition("?")[2].partition("#")[0]
    given = dict(parameters(query, "the query")).get("bodySHA256")
    if given is not None:
        expected = hashlib.sha256(request.body).hexdigest().encode()
        if not hmac.compare_digest(expected, given.lower().encode("utf-8", "surrogatepass")):
            raise SignatureError("bodySHA256 is not the hash of what came")
        return b""
    form = parameters(request.body.decode("utf-8", "surrogateescape"), "the form")
    # a pair that came twice counts once, as in Twilio's own libraries
    return "".join(name + value for name, value in sorted(set(form))).encode("utf-8", "surrogateescape")


def standard_webhooks(
    credentials: Iterable[Credential[bytes]], *, tolerance_s: float | None = 300, headers: str = "webhook"
) -> Verifier:
    """Verify a webhook of Standard Webhooks by the keys that ``webhook_secret`` makes.

    ``headers`` is what the headers' names start with: ``webhook`` or, with Svix, ``svix``. Signatures of other versions
    than v1 count as none. Source: https://github.com/standard-webhooks/standard-webhooks, "Webhook signatures".
    """
    secrets = Credentials(credentials, "secrets")
    identity, moment, signature = (in_header(f"{headers}-{name}") for name in ("id", "timestamp", "signature"))
    signed: Sequence[Part | bytes] = (identity, b".", fresh(moment, tolerance_s), b".", whole_body)

    def verify(request: Request) -> str:
        given = [each for each in signature(request).split(b" ") if each.startswith(b"v1,")]
        if not 1 <= len(given) <= _MOST_SIGNATURES:
            raise SignatureError(f"{signature.name}: expected 1 to {_MOST_SIGNATURES} signatures that start with v1,")
        data = joined(signed, request)

        def fits(key: bytes) -> bool:
            expected = b"v1," + encoded(hmac.digest(key, data, "sha256"), "base64")
            return any([hmac.compare_digest(expected, each) for each in given])  # noqa: C419 - all of them, always

        return secrets.match(request, signature.name, fits)

    return verify
