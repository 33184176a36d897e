"""How each provider's webhooks are told from strangers', composed of the toolbox."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from app.credentials import Credential as Configured
from app.credentials import named
from app.endpoints import Endpoint
from app.verifying import (
    Credential,
    Verifier,
    any_base64,
    basic,
    bearer,
    hmac_signature,
    in_header,
    key_signature,
    pss_sha256,
    rsa_public_key,
    sha256_hex,
)
from app.vocabulary import Provider

TEEKRR_HEADER = "X-Teekrr-Signature"
PRELUDE_HEADER = "X-Webhook-Signature"
PRELUDE_SCHEME = "rsassa-pss-sha256="

Key = TypeVar("Key")


def verifier(endpoint: Endpoint) -> Verifier:
    """Return the check of an endpoint's webhooks; any of its secrets or keys will do, so that they can be changed.

    With `verify` off it accepts everything, and where the URL holds the secret: whoever found the endpoint knew it.
    """
    if not endpoint.verify or endpoint.secret_in_url:
        return lambda _request: ""
    if endpoint.authorization != "url":
        return (basic if endpoint.authorization == "basic" else bearer)(_named(endpoint.secrets, str.encode))
    if endpoint.provider is Provider.TEEKRR:
        return hmac_signature(_named(endpoint.secrets, sha256_hex), in_header(TEEKRR_HEADER))
    return key_signature(
        _named(endpoint.public_keys, rsa_public_key),
        pss_sha256,
        in_header(PRELUDE_HEADER, PRELUDE_SCHEME),
        decode=any_base64,
    )


def _named(given: Iterable[Configured], key: Callable[[str], Key]) -> list[Credential[Key]]:
    return [Credential(name, key(text), until_s) for name, text, until_s in named(given)]
