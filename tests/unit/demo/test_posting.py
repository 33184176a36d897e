"""Signatures of the load, which is written from the providers' documents, against the gateway's own reading of them."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.credentials import Credential
from app.demo.book import Webhook
from app.demo.posting import signature_headers
from app.demo.processes import Secrets, new_secrets
from app.endpoints import Endpoint
from app.errors import SignatureError
from app.gateway.signatures import verifier
from app.verifying import Request
from app.vocabulary import Provider

BODY = b'{"event":"failed"}'


@pytest.fixture(scope="module")
def secrets() -> Secrets:
    return new_secrets()


def endpoint(provider: Provider, secrets: Secrets) -> Endpoint:
    if provider is Provider.PRELUDE:
        pem = secrets.prelude.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return Endpoint(tenant="acme", provider=provider, public_keys=(Credential.of(pem),))
    return Endpoint(tenant="acme", provider=provider, secrets=(Credential.of(secrets.teekrr),))


@pytest.mark.parametrize("provider", [Provider.TEEKRR, Provider.PRELUDE])
def test_the_gateway_takes_the_signature_and_refuses_another_body(provider: Provider, secrets: Secrets) -> None:
    verify = verifier(endpoint(provider, secrets))
    headers = signature_headers(Webhook("acme", provider, BODY), secrets)

    request = Request("POST", "", {name.lower(): value for name, value in headers.items()}, BODY, 0.0)

    verify(request)
    with pytest.raises(SignatureError):
        verify(replace(request, body=BODY + b" "))


@pytest.mark.parametrize("provider", [Provider.WEBEX_INTERACT, Provider.TREBLE])
def test_providers_that_document_no_signature_send_none(provider: Provider, secrets: Secrets) -> None:
    assert signature_headers(Webhook("acme", provider, BODY), secrets) == {}
