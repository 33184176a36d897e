"""Webhook URLs as configured: who posts there, for which tenant, and what tells the provider from strangers."""

import re
from typing import Annotated, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from app.raw_records import ACCOUNT_PATTERN, TENANT_PATTERN
from app.vocabulary import Provider

# They document no signature, so a secret as the last part of the URL has to tell them from strangers.
UNSIGNED = frozenset({Provider.WEBEX_INTERACT, Provider.TREBLE})

_URL_SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")
_MIN_RSA_BITS = 2048


def _rsa_public_key(pem: str) -> str:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("expected a public key in PEM format") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _MIN_RSA_BITS:
        raise ValueError(f"expected an RSA public key of at least {_MIN_RSA_BITS} bits")
    return pem


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise ValueError("expected a text that is not empty")
    return secret


Tenant = Annotated[str, Field(pattern=f"^{TENANT_PATTERN}$")]
Secret = Annotated[SecretStr, AfterValidator(_not_empty)]


class Group(BaseModel):
    """A part of the settings: frozen, without unknown keys, and silent about the values of a failed validation."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Endpoint(Group):
    """One webhook URL: who posts there, and for which tenant."""

    tenant: Tenant = Field(description="Tenant of everything that arrives here")
    provider: Provider = Field(description="Who posts here")
    secrets: tuple[Secret, ...] = Field(
        (), description="Several at once while they are changed. Teekrr: signing secrets. Webex Interact and treble:"
        " the last part of the URL, instead of the endpoint's name"
    )  # fmt: skip
    public_keys: tuple[Annotated[str, AfterValidator(_rsa_public_key)], ...] = Field(
        (), description="Prelude: RSA public keys in PEM format, several at once while they are changed"
    )
    account: str = Field(
        "", pattern=f"^({ACCOUNT_PATTERN})?$", description="Credit account; empty: <tenant>/<provider>"
    )
    verify: bool = Field(True, description="Whether strangers are kept out; false takes every request")

    @property
    def secret_in_url(self) -> bool:
        """Whether the URL ends with a secret instead of the endpoint's name."""
        return self.verify and self.provider in UNSIGNED

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        wanted, unused = ("public_keys", "secrets") if self.provider is Provider.PRELUDE else ("secrets", "public_keys")
        if getattr(self, unused):
            raise ValueError(f"{unused}: {self.provider} has no use for them; expected {wanted}")
        if not self.verify:
            return self
        if not getattr(self, wanted):
            raise ValueError(f"{wanted}: expected at least one; verify = false would take every request")
        if self.secret_in_url and not all(_URL_SECRET.fullmatch(each.get_secret_value()) for each in self.secrets):
            raise ValueError("secrets: expected 16 to 128 letters, digits, '_' or '-', since they stand in the URL")
        return self
