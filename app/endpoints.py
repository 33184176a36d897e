"""Webhook URLs as configured: who posts there, for which tenant, and what tells the provider from strangers."""

import re
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AfterValidator, Field, model_validator

from app.credentials import Credential, Group
from app.raw_records import ACCOUNT_PATTERN, TENANT_PATTERN
from app.vocabulary import Provider

# They document no signature, so a secret as the last part of the URL, or a login, has to tell them from strangers.
UNSIGNED = frozenset({Provider.WEBEX_INTERACT, Provider.TREBLE})

_URL_SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")
_MIN_RSA_BITS = 2048


def _rsa_public_key(given: Credential) -> Credential:
    try:
        key = load_pem_public_key(given.text.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("expected a public key in PEM format") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _MIN_RSA_BITS:
        raise ValueError(f"expected an RSA public key of at least {_MIN_RSA_BITS} bits")
    return given


Tenant = Annotated[str, Field(pattern=f"^{TENANT_PATTERN}$")]
PublicKey = Annotated[Credential, AfterValidator(_rsa_public_key)]


class Endpoint(Group):
    """One webhook URL: who posts there, and for which tenant."""

    tenant: Tenant = Field(description="Tenant of everything that arrives here")
    provider: Provider = Field(description="Who posts here")
    secrets: tuple[Credential, ...] = Field(
        (), description="Several at once while they are changed; each a text, or a table {value | file | env, name,"
        " until}. Teekrr: signing secrets. Webex Interact and treble: see authorization"
    )  # fmt: skip
    public_keys: tuple[PublicKey, ...] = Field(
        (), description="Prelude: RSA public keys in PEM format, several at once, as secrets are given"
    )
    authorization: Literal["url", "basic", "bearer"] = Field(
        "url",
        description="Of providers that sign nothing: secrets are the last part of the URL in place of the endpoint's"
        " name, or user:password, or bearer tokens",
    )
    account: str = Field(
        "", pattern=f"^({ACCOUNT_PATTERN})?$", description="Credit account; empty: <tenant>/<provider>"
    )
    provider_accounts: tuple[str, ...] = Field(
        (), description="The provider's own ids of accounts that may post here, where its body names one; empty: any"
    )
    timestamp_tolerance_s: float = Field(
        0, ge=0, description="Largest difference between the body's own time and ours; 0: not looked at, for providers"
        " send old webhooks again"
    )  # fmt: skip
    allow_from: tuple[IPv4Network | IPv6Network, ...] = Field(
        (), description="Networks that may post here, such as 192.0.2.0/24; empty: any"
    )
    rate_per_s: float = Field(
        0, ge=0, description="Most requests a second and process, in the long run; 0: any; beyond it a 429"
    )
    rate_burst: int = Field(100, ge=1, description="Most requests at once, with rate_per_s")
    verify: bool = Field(True, description="Whether strangers are kept out; false takes every request")

    @property
    def secret_in_url(self) -> bool:
        """Whether the URL ends with a secret instead of the endpoint's name."""
        return self.verify and self.provider in UNSIGNED and self.authorization == "url"

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        wanted, unused = ("public_keys", "secrets") if self.provider is Provider.PRELUDE else ("secrets", "public_keys")
        if getattr(self, unused):
            raise ValueError(f"{unused}: {self.provider} has no use for them; expected {wanted}")
        if self.authorization != "url" and self.provider not in UNSIGNED:
            raise ValueError(f"authorization: {self.provider} signs its webhooks; expected nothing")
        if not self.verify:
            return self
        if not getattr(self, wanted):
            raise ValueError(f"{wanted}: expected at least one; verify = false would take every request")
        if self.secret_in_url and not all(_URL_SECRET.fullmatch(each.text) for each in self.secrets):
            raise ValueError("secrets: expected 16 to 128 letters, digits, '_' or '-', since they stand in the URL")
        if self.authorization == "basic" and not all(":" in each.text for each in self.secrets):
            raise ValueError("secrets: expected user:password")
        return self
