"""Which endpoint a URL means."""

import hmac
from collections.abc import Mapping
from typing import NamedTuple

from app.endpoints import Endpoint
from app.gateway.signatures import Verify, verifier


class Entrance(NamedTuple):
    """An endpoint, ready to be used."""

    name: str
    """As configured; never a secret, so that it may stand in logs, metrics and records."""
    endpoint: Endpoint
    verify: Verify


class Entrances:
    """All endpoints, found by the two parts of a webhook's URL.

    The last part is the endpoint's name if the provider signs; else it is one of the endpoint's secrets, since nothing
    else tells the provider from strangers, and the name finds nothing.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._by_name: dict[tuple[str, str], Entrance] = {}
        self._by_secret: list[tuple[str, bytes, Entrance]] = []
        for name, endpoint in endpoints.items():
            entrance = Entrance(name, endpoint, verifier(endpoint))
            if endpoint.secret_in_url:
                for secret in endpoint.secrets:
                    self._by_secret.append((endpoint.provider, secret.get_secret_value().encode(), entrance))
            else:
                self._by_name[endpoint.provider, name] = entrance

    def find(self, provider: str, last_part: str) -> Entrance | None:
        """Return the endpoint of this provider that the URL means, if there is one."""
        given = last_part.encode("utf-8", "replace")
        found = self._by_name.get((provider, last_part))
        for owner, secret, entrance in self._by_secret:  # to the end: the time tells nothing about the secrets
            if owner == provider and hmac.compare_digest(secret, given):
                found = entrance
        return found
