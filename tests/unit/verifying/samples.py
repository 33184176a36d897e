"""Requests, credentials and keys that the tests of verifiers share, and one request of every kind that passes."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder, Name, NameAttribute, random_serial_number
from cryptography.x509.oid import NameOID

from app import verifying
from app.verifying import Claims, Credential, Request, Verifier

Key = TypeVar("Key")

NOW_S = 1_700_000_000.0
URL = "https://hooks.example.com/v1/webhooks/any/acme?foo=1"
BODY = b'{"event":"failed"}'
SECRET = b"a secret of sufficient length, 32"
TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
SHA_1 = SHA1()  # noqa: S303 - what Amazon SNS signs with unless it is told otherwise
CERTIFICATE_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"


def request(
    headers: Mapping[str, str] | None = None, body: bytes = BODY, *, url: str = URL, now_s: float = NOW_S
) -> Request:
    """Return a request with these headers, their names in any case."""
    return Request("POST", url, {name.lower(): value for name, value in (headers or {}).items()}, body, now_s)


def only(secret: Key, name: str = "current", not_after_s: float | None = None) -> list[Credential[Key]]:
    """Return one credential."""
    return [Credential(name, secret, not_after_s)]


@cache
def rsa_key(number: int = 0) -> rsa.RSAPrivateKey:
    """Return a key, another one for another number."""
    del number
    return rsa.generate_private_key(65537, 2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a key of the curve P-256."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def certificate() -> bytes:
    """Return a certificate of ``rsa_key()``, good from 2020 to 2030."""
    return made_certificate(rsa_key())


def made_certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Return a certificate of a key in PEM format."""
    name = Name([NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = CertificateBuilder(name, name, key.public_key(), random_serial_number())
    dated = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2030, 1, 1, tzinfo=UTC))
    return dated.sign(key, SHA256()).public_bytes(Encoding.PEM)


def pss(data: bytes, *, salt_length: int = 32) -> bytes:
    """Return a signature by ``rsa_key()``."""
    return rsa_key().sign(data, padding.PSS(padding.MGF1(SHA256()), salt_length), SHA256())


def pkcs1(data: bytes, hash_: SHA1 | SHA256) -> bytes:
    """Return a signature by ``rsa_key()``."""
    return rsa_key().sign(data, padding.PKCS1v15(), hash_)


def url_text(raw: bytes) -> str:
    """Return base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def token(claims: object, *, header: object = None, secret: bytes = SECRET) -> str:
    """Return a token of the algorithm HS256, whatever its header says."""
    shown = {"alg": "HS256", "typ": "JWT"} if header is None else header
    signed = ".".join(url_text(json.dumps(each).encode()) for each in (shown, claims))
    return f"{signed}.{url_text(hmac.digest(secret, signed.encode(), 'sha256'))}"


def message(**changed: object) -> dict[str, object]:
    """Return a message of SNS, signed after the changes; a field that is None is left out."""
    document: dict[str, object] = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": '{"eventType":"Bounce"}',
        "Timestamp": "2023-11-14T22:13:20.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
    }
    document = {name: value for name, value in (document | changed).items() if value is not None}
    confirms = str(document.get("Type")).endswith("Confirmation")
    extra = ["SubscribeURL", "Token"] if confirms else ["Subject"]
    names = sorted(["Message", "MessageId", "Timestamp", "TopicArn", "Type", *extra])
    text = "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
    signature = pkcs1(text.encode(), SHA_1 if document.get("SignatureVersion") == "1" else SHA256())
    return {"Signature": base64.b64encode(signature).decode()} | document


def as_body(document: object) -> bytes:
    """Return compact JSON."""
    return json.dumps(document, separators=(",", ":")).encode()


class Sample(NamedTuple):
    """A verifier and a request that passes."""

    verify: Verifier
    request: Request
    bound: tuple[str, ...] = ()
    """Headers, and ``url``, of which every bit counts; of the body it always does."""


def _hmac(signed: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(SECRET, signed, algorithm)


@cache
def samples() -> dict[str, Sample]:
    """Return one sample of every kind of verifier that binds the body."""
    v, moment = verifying, str(int(NOW_S))
    dated = v.fresh(v.in_header("X-Timestamp"), 300)
    claims = Claims(300, {"payload_hash": v.whole_body, "url_hash": v.whole_url}, {"iss": "Vonage"})
    given = {
        "iss": "Vonage",
        "iat": NOW_S,
        "exp": NOW_S + 60,
        "nbf": NOW_S,
        "payload_hash": hashlib.sha256(BODY).hexdigest(),
        "url_hash": hashlib.sha256(URL.encode()).hexdigest(),
    }
    rs256 = ".".join([url_text(b'{"alg":"RS256"}'), url_text(as_body(given))])
    rs256 = f"{rs256}.{url_text(pkcs1(rs256.encode(), SHA256()))}"
    name, place = "x-signature", v.in_header("X-Signature")
    ec_signature = ec_key().sign(moment.encode() + BODY, ec.ECDSA(SHA256()))
    return {
        "hmac": Sample(
            v.hmac_signature(only(SECRET), v.in_header("X-Signature", "sha256="), signed=(dated, b".", v.whole_body)),
            request({name: "sha256=" + _hmac(moment.encode() + b"." + BODY).hex(), "X-Timestamp": moment}),
            (name, "x-timestamp"),
        ),
        "base64url": Sample(
            v.hmac_signature(only(SECRET), place, algorithm="sha512", encoding="base64url"),
            request({name: url_text(_hmac(BODY, "sha512"))}),
            (name,),
        ),
        "twilio": Sample(
            v.twilio(only(SECRET)),
            request(
                {"X-Twilio-Signature": base64.b64encode(_hmac(URL.encode() + b"AbCd", "sha1")).decode()}, b"A=b&C=d"
            ),
            ("x-twilio-signature", "url"),
        ),
        "standard webhooks": Sample(
            v.standard_webhooks(only(SECRET)),
            request(
                {
                    "webhook-id": "msg_1",
                    "webhook-timestamp": moment,
                    "webhook-signature": "v1,"
                    + base64.b64encode(_hmac(b"msg_1." + moment.encode() + b"." + BODY)).decode(),
                }
            ),
            ("webhook-id", "webhook-timestamp", "webhook-signature"),
        ),
        "hs256": Sample(
            v.hs256_token(only(SECRET), v.in_header("X-Token"), claims),
            request({"X-Token": token(given)}),
            ("x-token", "url"),
        ),
        "rs256": Sample(
            v.rs256_token(only(rsa_key().public_key()), v.in_header("X-Token"), claims),
            request({"X-Token": rs256}),
            ("x-token", "url"),
        ),
        "ecdsa": Sample(
            v.key_signature(only(ec_key().public_key()), v.ecdsa_sha256, place, signed=(dated, v.whole_body)),
            request({name: base64.b64encode(ec_signature).decode(), "X-Timestamp": moment}),
            (name, "x-timestamp"),
        ),
        "pss": Sample(
            v.key_signature(
                only(rsa_key().public_key()), v.pss_sha256, v.in_header("X-Signature", "pss="), decode=v.any_base64
            ),
            request({name: "pss=" + url_text(pss(BODY))}),
        ),
        "pkcs1": Sample(
            v.key_signature(only(rsa_key().public_key()), v.pkcs1_sha256, place, decode=v.url_base64),
            request({name: url_text(pkcs1(BODY, SHA256()))}),
            (name,),
        ),
        "sns": Sample(
            v.sns(only(TOPIC.encode()), {CERTIFICATE_URL: certificate()}.get, tolerance_s=300),
            request(body=as_body(message())),
        ),
    }
