"""Secrets and public keys, several at once while they are changed, and how they are made from what is configured."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from app.errors import SettingsError, SignatureError
from app.verifying.encodings import any_base64
from app.verifying.requests import Request

Key = TypeVar("Key")

MIN_RSA_BITS = 2048

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Credential(Generic[Key]):
    """A secret or a public key by its name; raises SettingsError for a name that logs cannot hold, or no secret."""

    name: str
    """For logs and metrics; never the secret itself."""
    secret: Key = field(repr=False)
    not_after_s: float | None = None
    """The last moment it is good for, in seconds since 1970; None: for good."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SettingsError("credential: expected a name of 1 to 64 letters, digits, '_', '.' or '-'")
        if self.secret == b"":
            raise SettingsError(f"credential {self.name}: expected a secret that is not empty")


class Credentials(Generic[Key]):
    """The credentials of one verifier, at least one; raises SettingsError for none."""

    def __init__(self, credentials: Iterable[Credential[Key]], kind: str) -> None:
        self._all = tuple(credentials)
        self._kind = kind
        if not self._all:
            raise SettingsError(f"credentials: expected at least one of the {kind}")

    def match(self, request: Request, what: str, fits: Callable[[Key], bool]) -> str:
        """Return the name of the first credential that fits; raises SignatureError if none does.

        It asks all that are still good, whichever fits, so that the time it takes tells nothing about them.
        """
        good = [each for each in self._all if each.not_after_s is None or request.now_s <= each.not_after_s]
        names = [each.name for each in good if fits(each.secret)]
        if not names:
            raise SignatureError(f"{what} fits none of {len(good)} {self._kind}")
        return names[0]


def sha256_hex(secret: str) -> bytes:
    """Return Teekrr's key: not the secret itself but the lower-case hex text of its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest().encode()


def webhook_secret(secret: str) -> bytes:
    """Return the key in a secret of Standard Webhooks, base64 behind ``whsec_``; raises SettingsError."""
    try:
        return any_base64(secret.removeprefix("whsec_"))
    except ValueError:
        raise SettingsError("secret: expected whsec_ and base64") from None


def rsa_public_key(text: str) -> RSAPublicKey:
    """Load an RSA public key, PEM or base64 of DER; raises SettingsError, also below 2,048 bits."""
    key = _public_key(text)
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_RSA_BITS:
        raise SettingsError(f"public key: expected RSA of at least {MIN_RSA_BITS} bits")
    return key


def p256_public_key(text: str) -> EllipticCurvePublicKey:
    """Load a public key of the curve P-256, PEM or base64 of DER (SendGrid's form); raises SettingsError."""
    key = _public_key(text)
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise SettingsError("public key: expected one of the curve P-256")
    return key


def _public_key(text: str) -> object:
    try:
        if text.lstrip().startswith("-----BEGIN"):
            return load_pem_public_key(text.encode())
        return load_der_public_key(any_base64("".join(text.split())))
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError("public key: expected PEM, or base64 of DER") from None
