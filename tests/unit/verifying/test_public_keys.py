import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from app.errors import SignatureError
from app.verifying import (
    Credential,
    any_base64,
    ecdsa_sha256,
    fresh,
    in_header,
    key_signature,
    p256_public_key,
    pkcs1_sha1,
    pkcs1_sha256,
    pss_sha256,
    whole_body,
)
from tests.unit.verifying.samples import BODY, SHA_1, ec_key, only, pkcs1, pss, request, rsa_key

HEADER = "X-Webhook-Signature"
PRELUDE = in_header(HEADER, "rsassa-pss-sha256=")

SENDGRID_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6"
    "wEA3F+g=="
)
SENDGRID_HEADERS = {
    "X-Twilio-Email-Event-Webhook-Signature": "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+l"
    "uQAbPIqHh89M15TluLtEZtM=",
    "X-Twilio-Email-Event-Webhook-Timestamp": "1600112502",
}
SENDGRID_BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYb'
    b'F9OSFN0T0doUTRrb2ZTbV9BLTA","sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9'
    b'.0","smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)


def test_sendgrid_passes_its_own_example() -> None:
    """Of sendgrid/sendgrid-python, test/unit/test_eventwebhook.py."""
    signature, moment = map(in_header, SENDGRID_HEADERS)
    verify = key_signature(
        only(p256_public_key(SENDGRID_KEY)), ecdsa_sha256, signature, signed=(fresh(moment, 300), whole_body)
    )

    assert verify(request(SENDGRID_HEADERS, SENDGRID_BODY, now_s=1600112600)) == "current"
    with pytest.raises(SignatureError, match=r"Timestamp is too old$"):
        verify(request(SENDGRID_HEADERS, SENDGRID_BODY, now_s=1600112803))
    with pytest.raises(SignatureError, match=r"Signature fits none of 1 public keys$"):
        verify(request(SENDGRID_HEADERS, SENDGRID_BODY.strip(), now_s=1600112600))


def prelude(*keys: RSAPublicKey) -> Callable[[str], str]:
    credentials = [Credential(f"key-{number}", key) for number, key in enumerate(keys)]
    verify = key_signature(credentials, pss_sha256, PRELUDE, decode=any_base64)
    return lambda text: verify(request({HEADER: text}))


def test_prelude_signatures_pass_in_both_alphabets_padded_or_not() -> None:
    """The signature is chosen so that the alphabets differ; any of several keys will do."""
    verify = prelude(rsa_key(1).public_key(), rsa_key().public_key())
    standard = next(text for text in iter(lambda: base64.b64encode(pss(BODY)).decode(), "") if {"+", "/"} <= {*text})
    url_safe = standard.replace("+", "-").replace("/", "_")
    assert standard.endswith("=")

    for text in (standard, standard.rstrip("="), url_safe, url_safe.rstrip("=")):
        assert verify(f"rsassa-pss-sha256={text}") == "key-1"


@given(st.integers(0, 2047))
def test_a_flipped_bit_of_a_signature_is_refused(bit: int) -> None:
    signature = (int.from_bytes(pss(BODY), "big") ^ (1 << bit)).to_bytes(256, "big")
    with pytest.raises(SignatureError, match=r"^X-Webhook-Signature fits none of 1 public keys$"):
        prelude(rsa_key().public_key())(f"rsassa-pss-sha256={base64.b64encode(signature).decode()}")


def test_another_key_and_another_salt_length_are_refused() -> None:
    for key, signature in ((rsa_key(1), pss(BODY)), (rsa_key(), pss(BODY, salt_length=20))):
        with pytest.raises(SignatureError, match="fits none of 1 public keys"):
            prelude(key.public_key())("rsassa-pss-sha256=" + base64.b64encode(signature).decode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "X-Webhook-Signature: expected it to start with rsassa-pss-sha256="),
        ("sha256=AAAA", "X-Webhook-Signature: expected it to start with rsassa-pss-sha256="),
        ("rsassa-pss-sha256=A", "X-Webhook-Signature: expected base64"),
        ("rsassa-pss-sha256=AA AA", "X-Webhook-Signature: expected base64"),
        ("rsassa-pss-sha256=é", "X-Webhook-Signature: expected base64"),
        ("rsassa-pss-sha256=", "X-Webhook-Signature fits none of 1 public keys"),
    ],
)
def test_a_header_that_is_no_prelude_signature_is_refused(text: str, expected: str) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        prelude(rsa_key().public_key())(text)


def test_a_scheme_takes_its_own_signatures_only() -> None:
    key = rsa_key().public_key()
    signatures = {pss_sha256: pss(BODY), pkcs1_sha256: pkcs1(BODY, SHA256()), pkcs1_sha1: pkcs1(BODY, SHA_1)}

    for scheme in signatures:
        for of_scheme, signature in signatures.items():
            assert scheme(key, signature, BODY) is (scheme is of_scheme)
            assert not scheme(key, signature, BODY + b" ")


@given(st.binary(max_size=80))
def test_bytes_that_are_no_signature_fit_no_key(signature: bytes) -> None:
    key: EllipticCurvePublicKey = ec_key().public_key()
    assert not ecdsa_sha256(key, signature, BODY)
    for scheme in (pss_sha256, pkcs1_sha256, pkcs1_sha1):
        assert not scheme(rsa_key().public_key(), signature, BODY)
