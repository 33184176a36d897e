"""Which endpoint a URL means, and how its webhooks are told from strangers'."""

import hmac
import math
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from app.credentials import Credential as Configured
from app.credentials import named
from app.endpoints import UNSIGNED, Endpoint
from app.errors import SignatureError
from app.gateway.rates import Bucket
from app.gateway.signatures import verifier
from app.raw_records import at, lasting_headers, received_at
from app.vocabulary import Provider

_NOBODYS_KEY = """\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArEgM0455fP8CNOcrLYF8
vpA7Nw9wnvOtf/1Vh7dUyjb0iH+IeS0QEbjaEAETy1EIX4YylVR+Sv5CSvu11OFW
vSPp9dtB5JiedQepzYAk9ne3EFtTMfL9tL4rEHdEpdn7KV4CwYr+uYIVch4w5rjc
om5/hu9XvEbKtsWSe7vpeHi9hQzdRB2QybMJiq2FofWv00hs8uZA5ZSw9Gjqy9rj
4UZmnqPCDEO6s3/LljV8MhdiEiN7sSnpRR1DGGAkNvsADWDOtR0GQJn6bkwGBPC2
nEtPigJYbCfJ5uTIAHumt3r8t52noMCjdnyjzPkHG4cvU1YeCZDSjuYaw3NEL+nc
TQIDAQAB
-----END PUBLIC KEY-----
"""
"""A key whose private half was never kept: who calls an endpoint that is none waits as long as for a real one."""

_MOMENTS: dict[Provider, tuple[str, ...]] = {
    Provider.TEEKRR: ("timestamp",),
    Provider.WEBEX_INTERACT: ("time",),
    Provider.PRELUDE: ("created_at",),
}
"""Where a body says when it was made."""
_ACCOUNTS: dict[Provider, tuple[str, ...]] = {Provider.PRELUDE: ("payload", "customer_uuid")}
"""Where it names the provider's account."""


class Entrance:
    """An endpoint, ready to be used."""

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name = name
        """As configured; never a secret, so that it may stand in logs, metrics and records. Empty: it is none."""
        self.endpoint = endpoint
        self._lasting = lasting_headers(
            endpoint.tenant, f"gateway/{name}", verified=endpoint.verify, account=endpoint.account
        )
        self.verify = verifier(endpoint)
        self._bucket = Bucket(endpoint.rate_per_s, endpoint.rate_burst) if endpoint.rate_per_s else None

    def headers(self, received_at_us: int) -> list[tuple[str, bytes]]:
        """Return the headers of its raw records."""
        return [received_at(received_at_us), *self._lasting]

    def wait_s(self, now: float) -> float:
        """Return how long the next request has to wait, in seconds; ``now`` by any clock."""
        return 0.0 if self._bucket is None else self._bucket.take(now)

    def check_document(self, document: object, now_us: int) -> None:
        """Raise SignatureError for a body that was made too long ago, or that is another account's."""
        provider, accounts = self.endpoint.provider, self.endpoint.provider_accounts
        if accounts and provider in _ACCOUNTS and at(document, _ACCOUNTS[provider]) not in (None, *accounts):
            raise SignatureError(f"{'.'.join(_ACCOUNTS[provider])} is another account")
        tolerance_s = self.endpoint.timestamp_tolerance_s
        if tolerance_s and provider in _MOMENTS:
            name = ".".join(_MOMENTS[provider])
            made_at_s = _seconds(at(document, _MOMENTS[provider]))
            if made_at_s is None:
                raise SignatureError(f"{name} is no moment")
            if abs(now_us / 1e6 - made_at_s) > tolerance_s:
                raise SignatureError(f"{name} is too far from now")


class Found(NamedTuple):
    """What a URL means."""

    entrance: Entrance
    credential: str = ""
    """Name of the secret in the URL."""


class _InUrl(NamedTuple):
    provider: str
    secret: bytes
    until_s: float
    found: Found


class Entrances:
    """All endpoints, found by the two parts of a webhook's URL.

    The last part is the endpoint's name if the provider signs or logs in; else it is one of the endpoint's secrets, and
    the name finds nothing. What finds nothing gets an entrance that lets nobody in, and takes as long to say so.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._by_name: dict[tuple[str, str], Found] = {}
        self._by_secret: list[_InUrl] = []
        for name, endpoint in endpoints.items():
            entrance = Entrance(name, endpoint)
            if endpoint.secret_in_url:
                for secret_name, text, until_s in named(endpoint.secrets):
                    last_s = math.inf if until_s is None else until_s
                    found = Found(entrance, secret_name)
                    self._by_secret.append(_InUrl(endpoint.provider, text.encode(), last_s, found))
            else:
                self._by_name[endpoint.provider, name] = Found(entrance)
        self._nobody = {str(provider): Found(Entrance("", _nobody(provider))) for provider in Provider}

    def find(self, provider: str, last_part: str, now_s: float) -> Found:
        """Return the endpoint of this provider that the URL means, or one that lets nobody in."""
        given = last_part.encode("utf-8", "replace")
        found = self._by_name.get((provider, last_part))
        for each in self._by_secret:  # to the end: the time tells nothing about the secrets
            if each.provider == provider and hmac.compare_digest(each.secret, given) and now_s <= each.until_s:
                found = each.found
        return found or self.nobody(provider)

    def nobody(self, provider: str) -> Found:
        """Return an entrance that lets nobody in."""
        return self._nobody.get(provider) or self._nobody[Provider.TEEKRR]


def _nobody(provider: Provider) -> Endpoint:
    if provider is Provider.PRELUDE:
        return Endpoint(tenant="nobody", provider=provider, public_keys=(Configured.of(_NOBODYS_KEY),))
    unguessable = Configured.of(secrets.token_urlsafe(32))
    # a URL that holds no secret is refused as a missing login is
    authorization = "bearer" if provider in UNSIGNED else "url"
    return Endpoint(tenant="nobody", provider=provider, secrets=(unguessable,), authorization=authorization)


def _seconds(value: object) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None
