"""Messages of Amazon SNS: signed by Amazon for whoever owns the topic, so the topic has to be ours as well.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from app.errors import SignatureError
from app.verifying.credentials import MIN_RSA_BITS, Credential, Credentials
from app.verifying.encodings import standard_base64
from app.verifying.public_keys import pkcs1_sha1, pkcs1_sha256
from app.verifying.requests import LONGEST_TEXT, Request, Verifier, json_object
from app.verifying.signed import check_age

AMAZON_HOSTS = r"sns\.[a-z0-9-]{1,32}\.amazonaws\.com(?:\.cn)?"
"""A pattern of the hosts that certificates are taken from."""

Fetch = Callable[[str], bytes | None]
"""Returns what is at a URL, or None if that cannot be had."""

_CERTIFICATE_PATH = r"/SimpleNotificationService-[A-Za-z0-9-]{1,128}\.pem"
_MOST_CERTIFICATES = 16
_LONGEST_CERTIFICATE = 65_536
_LONGEST_MOMENT = 32

_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_SCHEMES = {"1": pkcs1_sha1, "2": pkcs1_sha256}


class _Certificate(NamedTuple):
    key: RSAPublicKey
    from_s: float
    until_s: float


def sns(
    topics: Iterable[Credential[bytes]], fetch: Fetch, *, tolerance_s: float | None, hosts: str = AMAZON_HOSTS
) -> Verifier:
    """Verify a message of one of these topics, credentials whose secret is the topic's ARN.

    ``fetch`` gets URLs of certificates at these hosts, and none before the topic and the date are right; the last 16
    certificates are kept, failures are not. Their chain is not followed: that they come from such a host by https is
    what they are trusted for. SNS keeps the date when it sends a message again, so the tolerance covers its retries
    too.
    """
    known = Credentials(topics, "topics")
    is_certificate = re.compile(f"https://(?:{hosts}){_CERTIFICATE_PATH}").fullmatch

    @lru_cache(maxsize=_MOST_CERTIFICATES)
    def certificate(url: str) -> _Certificate:
        return _certificate(fetch(url))

    def verify(request: Request) -> str:
        message = json_object(request.body, "the body")
        data = canonical(message)
        scheme = _SCHEMES.get(_text(message, "SignatureVersion"))
        if scheme is None:
            raise SignatureError("SignatureVersion: expected 1 or 2")
        signature = _signature(message)
        url = _text(message, "SigningCertURL")
        if len(url) > LONGEST_TEXT or not is_certificate(url):
            raise SignatureError("SigningCertURL: expected the URL of a certificate of Amazon SNS")
        arn = _text(message, "TopicArn").encode()
        name = known.match(request, "TopicArn", lambda topic: hmac.compare_digest(topic, arn))
        _check_moment(_text(message, "Timestamp"), request, tolerance_s)
        found = certificate(url)
        if not found.from_s <= request.now_s <= found.until_s:
            raise SignatureError("the certificate is not valid now")
        if not scheme(found.key, signature, data):
            raise SignatureError("Signature does not fit the certificate")
        return name

    return verify


def canonical(message: Mapping[str, object]) -> bytes:
    """Return what SNS signs of a message: names and values in this order, each on a line; raises SignatureError."""
    names = _SIGNED.get(_text(message, "Type"))
    if names is None:
        raise SignatureError(f"Type: expected one of {', '.join(_SIGNED)}")
    present = (name for name in names if name != "Subject" or message.get(name) is not None)
    return "".join(f"{name}\n{_text(message, name)}\n" for name in present).encode()


def _text(message: Mapping[str, object], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise SignatureError(f"{name}: expected a text")
    return value


def _signature(message: Mapping[str, object]) -> bytes:
    text = _text(message, "Signature")
    try:
        if len(text) <= LONGEST_TEXT:
            return standard_base64(text)
    except ValueError:
        pass
    raise SignatureError(f"Signature: expected base64 of at most {LONGEST_TEXT} characters")


def _check_moment(text: str, request: Request, tolerance_s: float | None) -> None:
    if tolerance_s is None:
        return
    try:
        moment = datetime.fromisoformat(text if len(text) <= _LONGEST_MOMENT else "")
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise SignatureError("Timestamp: expected a date and time with its offset")
    check_age("Timestamp", moment.timestamp(), request, tolerance_s)


def _certificate(pem: bytes | None) -> _Certificate:
    if pem is None:
        raise SignatureError("the certificate cannot be had")
    try:
        found = load_pem_x509_certificate(pem if len(pem) <= _LONGEST_CERTIFICATE else b"")
        key = found.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < MIN_RSA_BITS:
        raise SignatureError(f"the certificate: expected PEM with an RSA key of at least {MIN_RSA_BITS} bits")
    return _Certificate(key, found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp())
