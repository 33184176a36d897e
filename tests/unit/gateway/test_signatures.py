import base64
from dataclasses import replace
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.credentials import Credential
from app.endpoints import Endpoint
from app.errors import SignatureError
from app.gateway.signatures import verifier
from app.verifying import Request
from app.vocabulary import Provider

SECRET = "test-secret-1"
BODY = (
    b'{"event":"failed","timestamp":"2026-05-06T10:15:00.123Z","data":{"messageUuid":"6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7'
    b'a11","broadcastUuid":"0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e","channel":"whatsapp","msisdn":"60123456789","failedAt'
    b'":"2026-05-06T10:14:59.900Z","errorCode":"131026","errorMessage":"Message undeliverable"}}'
)
SIGNATURE = "2d06f51b095c489d5bab9ca38017aaa3df14dac10e79e2b61af9a5811ce8d560"
SIGNED_WITH_THE_PLAIN_SECRET = "95d55693f9e7ae8e513354922f73aaaea785088bdb50521d390f170fe8c2c572"


def request(headers: dict[str, str], body: bytes) -> Request:
    lowered = {name.lower(): value for name, value in headers.items()}
    return Request("POST", "https://example.com/v1/webhooks/x/y", lowered, body, 0.0)


def check(endpoint: Endpoint, headers: dict[str, str], body: bytes) -> str:
    return verifier(endpoint)(request(headers, body))


def teekrr(*secrets: str) -> Endpoint:
    return Endpoint(tenant="acme", provider=Provider.TEEKRR, secrets=tuple(map(Credential.of, secrets)))


def test_teekrr_signs_with_the_hex_digest_of_the_secret() -> None:
    assert len(BODY) == 316
    check(teekrr(SECRET), {"X-Teekrr-Signature": SIGNATURE}, BODY)


@pytest.mark.parametrize("secrets", [("retired one", SECRET), (SECRET, "next one")])
def test_any_of_several_secrets_will_do(secrets: tuple[str, ...]) -> None:
    check(teekrr(*secrets), {"X-Teekrr-Signature": SIGNATURE}, BODY)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Teekrr-Signature": ""},
        {"X-Teekrr-Signature": SIGNED_WITH_THE_PLAIN_SECRET},
        {"X-Teekrr-Signature": SIGNATURE[:-1]},
        {"X-Teekrr-Signature": SIGNATURE + "0"},
        {"X-Teekrr-Signature": "sha256=" + SIGNATURE},
        {"X-Teekrr-Signature": "é" * 64},
        {"X-Teekrr-Signature": "\udcff" * 64},
    ],
)
def test_a_missing_or_wrong_teekrr_signature_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(SignatureError, match="X-Teekrr-Signature"):
        check(teekrr(SECRET, "next one"), headers, BODY)


def test_a_changed_body_is_refused() -> None:
    with pytest.raises(SignatureError):
        check(teekrr(SECRET), {"X-Teekrr-Signature": SIGNATURE}, BODY + b" ")


@pytest.fixture(scope="module")
def keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)


def prelude(*keys: rsa.RSAPrivateKey) -> Endpoint:
    pems = (key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for key in keys)
    return Endpoint(tenant="acme", provider=Provider.PRELUDE, public_keys=tuple(map(Credential.of, pems)))


def signed(key: rsa.RSAPrivateKey, *, salt_length: int = 32) -> bytes:
    return key.sign(BODY, padding.PSS(padding.MGF1(SHA256()), salt_length), SHA256())


def test_prelude_signatures_pass_in_both_alphabets_padded_or_not(
    keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey],
) -> None:
    """The signature is chosen so that the alphabets differ; any of several keys will do."""
    verify = verifier(prelude(*keys))
    signature = next(raw for raw in iter(lambda: signed(keys[1]), b"") if {b"+", b"/"} & _letters(raw))
    standard, url_safe = base64.b64encode(signature).decode(), base64.urlsafe_b64encode(signature).decode()
    assert standard != url_safe
    assert standard.endswith("=")

    for text in (standard, standard.rstrip("="), url_safe, url_safe.rstrip("=")):
        verify(request({"X-Webhook-Signature": f"rsassa-pss-sha256={text}"}, BODY))


def _letters(raw: bytes) -> set[bytes]:
    return {bytes([letter]) for letter in base64.b64encode(raw)}


def test_a_flipped_bit_of_body_or_signature_is_refused(keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]) -> None:
    verify = verifier(prelude(keys[0]))
    signature = signed(keys[0])
    flipped = signature[:100] + bytes([signature[100] ^ 1]) + signature[101:]

    with pytest.raises(SignatureError, match="fits none of 1"):
        verify(request({"X-Webhook-Signature": _scheme(signature)}, BODY[:-1] + b"]"))
    with pytest.raises(SignatureError, match="fits none of 1"):
        verify(request({"X-Webhook-Signature": _scheme(flipped)}, BODY))


def test_another_key_and_another_salt_length_are_refused(keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]) -> None:
    verify = verifier(prelude(keys[0]))

    for signature in (signed(keys[1]), signed(keys[0], salt_length=20)):
        with pytest.raises(SignatureError, match="fits none of 1"):
            verify(request({"X-Webhook-Signature": _scheme(signature)}, BODY))


def _scheme(signature: bytes) -> str:
    return "rsassa-pss-sha256=" + base64.urlsafe_b64encode(signature).decode()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "is missing"),
        ({"X-Webhook-Signature": ""}, "expected it to start with"),
        ({"X-Webhook-Signature": "sha256=AAAA"}, "expected it to start with"),
        ({"X-Webhook-Signature": "rsassa-pss-sha256=A"}, "expected base64"),
        ({"X-Webhook-Signature": "rsassa-pss-sha256=AA AA"}, "expected base64"),
        ({"X-Webhook-Signature": "rsassa-pss-sha256=é"}, "expected base64"),
        ({"X-Webhook-Signature": "rsassa-pss-sha256="}, "fits none"),
    ],
)
def test_a_header_that_is_no_prelude_signature_is_refused(
    headers: dict[str, str], expected: str, keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]
) -> None:
    with pytest.raises(SignatureError, match=expected):
        check(prelude(keys[0]), headers, BODY)


@pytest.mark.parametrize("provider", Provider)
def test_without_verification_every_request_passes(provider: Provider) -> None:
    check(Endpoint(tenant="acme", provider=provider, verify=False), {}, b"")


def test_the_credential_that_fitted_is_named() -> None:
    named = Credential.model_validate({"value": SECRET, "name": "2026-11"})
    endpoint = Endpoint(tenant="acme", provider=Provider.TEEKRR, secrets=(Credential.of("another one"), named))
    assert check(endpoint, {"X-Teekrr-Signature": SIGNATURE}, BODY) == "2026-11"
    assert check(teekrr("another one", SECRET), {"X-Teekrr-Signature": SIGNATURE}, BODY) == "2"


def test_a_secret_past_its_end_fits_no_more() -> None:
    ended = Credential.model_validate({"value": SECRET, "until": "1970-01-01T00:00:10Z"})
    verify = verifier(Endpoint(tenant="acme", provider=Provider.TEEKRR, secrets=(ended,)))
    last = replace(request({"X-Teekrr-Signature": SIGNATURE}, BODY), now_s=10.0)
    assert verify(last) == "1"
    with pytest.raises(SignatureError, match="fits none of 0"):
        verify(replace(last, now_s=10.1))


@pytest.mark.parametrize(
    ("authorization", "given"), [("basic", "Basic dXNlcjpwYXNzd29yZA=="), ("bearer", "Bearer user:password")]
)
def test_a_provider_that_signs_nothing_may_log_in(authorization: Literal["basic", "bearer"], given: str) -> None:
    login = (Credential.of("user:password"),)
    endpoint = Endpoint(tenant="acme", provider=Provider.TREBLE, secrets=login, authorization=authorization)
    assert check(endpoint, {"Authorization": given}, BODY) == "1"
    for wrong in ({}, {"Authorization": given + "x"}, {"Authorization": "Bearer"}):
        with pytest.raises(SignatureError):
            check(endpoint, wrong, BODY)
