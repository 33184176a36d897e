"""Secrets that are sent as they are, and verifiers made of verifiers."""

import base64
import hmac
from collections.abc import Callable, Iterable

from app.errors import SettingsError, SignatureError
from app.verifying.credentials import Credential, Credentials
from app.verifying.requests import Place, Request, Verifier, in_authorization


def static(credentials: Iterable[Credential[bytes]], place: Place) -> Verifier:
    """Verify a secret that stands in a request, such as in a header that the provider lets its customers choose."""
    return _same(credentials, place, lambda secret: secret)


def bearer(credentials: Iterable[Credential[bytes]]) -> Verifier:
    """Verify the token of ``Authorization: Bearer`` (RFC 6750), nothing but a secret here."""
    return _same(credentials, in_authorization("Bearer"), lambda secret: secret)


def basic(credentials: Iterable[Credential[bytes]]) -> Verifier:
    """Verify ``Authorization: Basic`` (RFC 7617); a secret is ``user:password`` in UTF-8."""
    return _same(credentials, in_authorization("Basic"), base64.b64encode)


def _same(credentials: Iterable[Credential[bytes]], place: Place, sent: Callable[[bytes], bytes]) -> Verifier:
    secrets = Credentials(credentials, "secrets")

    def verify(request: Request) -> str:
        given = place(request)
        return secrets.match(request, place.name, lambda secret: hmac.compare_digest(sent(secret), given))

    return verify


def any_of(*verifiers: Verifier) -> Verifier:
    """Take a request that one of these takes, by the first name; else the error says what all of them said."""
    _some(verifiers)

    def verify(request: Request) -> str:
        said = []
        for each in verifiers:
            try:
                return each(request)
            except SignatureError as error:
                said.append(str(error))
        raise SignatureError("; ".join(said))

    return verify


def all_of(*verifiers: Verifier) -> Verifier:
    """Take a request that all of these take, by their names with ``+`` between them."""
    _some(verifiers)
    return lambda request: "+".join([each(request) for each in verifiers])


def _some(verifiers: tuple[Verifier, ...]) -> None:
    if not verifiers:
        raise SettingsError("verifiers: expected at least one; none would take every request")
