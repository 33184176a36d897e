"""A toolbox of webhook verifiers, from which a provider's own module composes what its provider does.

A verifier takes a request and returns the name of the credential that fits, or raises SignatureError. It knows no clock
and no network: the moment comes with the request, and certificates from a function that is handed in.
"""

from app.verifying.credentials import (
    Credential,
    p256_public_key,
    rsa_public_key,
    sha256_hex,
    webhook_secret,
)
from app.verifying.encodings import any_base64, standard_base64, url_base64
from app.verifying.plain import all_of, any_of, basic, bearer, static
from app.verifying.public_keys import (
    ecdsa_sha256,
    key_signature,
    pkcs1_sha1,
    pkcs1_sha256,
    pss_sha256,
)
from app.verifying.requests import (
    Part,
    Place,
    Request,
    Verifier,
    in_authorization,
    in_header,
    in_json,
)
from app.verifying.shared_secrets import hmac_signature, standard_webhooks, twilio
from app.verifying.signed import body_sha256, fresh, whole_body, whole_url
from app.verifying.sns import AMAZON_HOSTS, Fetch, sns
from app.verifying.tokens import Claims, hs256_token, rs256_token

__all__ = [
    "AMAZON_HOSTS",
    "Claims",
    "Credential",
    "Fetch",
    "Part",
    "Place",
    "Request",
    "Verifier",
    "all_of",
    "any_base64",
    "any_of",
    "basic",
    "bearer",
    "body_sha256",
    "ecdsa_sha256",
    "fresh",
    "hmac_signature",
    "hs256_token",
    "in_authorization",
    "in_header",
    "in_json",
    "key_signature",
    "p256_public_key",
    "pkcs1_sha1",
    "pkcs1_sha256",
    "pss_sha256",
    "rs256_token",
    "rsa_public_key",
    "sha256_hex",
    "sns",
    "standard_base64",
    "standard_webhooks",
    "static",
    "twilio",
    "url_base64",
    "webhook_secret",
    "whole_body",
    "whole_url",
]
