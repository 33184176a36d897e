import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from app.errors import SignatureError
from app.verifying import (
    Credential,
    Request,
    body_sha256,
    fresh,
    hmac_signature,
    in_header,
    in_json,
    sha256_hex,
    standard_webhooks,
    twilio,
    webhook_secret,
)
from tests.unit.verifying.samples import BODY, NOW_S, SECRET, only, request

TEEKRR_BODY = (
    b'{"event":"failed","timestamp":"2026-05-06T10:15:00.123Z","data":{"messageUuid":"6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7'
    b'a11","broadcastUuid":"0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e","channel":"whatsapp","msisdn":"60123456789","failedAt'
    b'":"2026-05-06T10:14:59.900Z","errorCode":"131026","errorMessage":"Message undeliverable"}}'
)
TEEKRR_SIGNATURE = "2d06f51b095c489d5bab9ca38017aaa3df14dac10e79e2b61af9a5811ce8d560"


def test_teekrr_is_hmac_with_the_hex_digest_of_the_secret() -> None:
    verify = hmac_signature(only(sha256_hex("test-secret-1")), in_header("X-Teekrr-Signature"))

    assert verify(request({"X-Teekrr-Signature": TEEKRR_SIGNATURE}, TEEKRR_BODY)) == "current"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "X-Teekrr-Signature is missing"),
        *[
            ({"X-Teekrr-Signature": text}, "X-Teekrr-Signature fits none of 1 secrets")
            for text in (
                "",
                TEEKRR_SIGNATURE[:-1],
                TEEKRR_SIGNATURE + "0",
                TEEKRR_SIGNATURE.upper(),
                "sha256=" + TEEKRR_SIGNATURE,
                "é" * 64,
                "\udcff" * 64,
            )
        ],
    ],
)
def test_a_missing_or_wrong_teekrr_signature_is_refused(headers: dict[str, str], expected: str) -> None:
    verify = hmac_signature(only(sha256_hex("test-secret-1")), in_header("X-Teekrr-Signature"))
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        verify(request(headers, TEEKRR_BODY))


def test_meta_signs_the_body_with_a_prefix() -> None:
    """Computed for this project with the app secret as it is."""
    verify = hmac_signature(only(b"app-secret-1"), in_header("X-Hub-Signature-256", "sha256="))
    signature = "sha256=0ca28c0f1996234eb6829e59ad3c11a18161f6eb043943d601e420c312432cdf"
    body = b'{"object":"whatsapp_business_account","entry":[]}'

    assert verify(request({"X-Hub-Signature-256": signature}, body)) == "current"


def test_mailgun_signs_date_and_token_inside_the_body() -> None:
    moment = in_json("signature", "timestamp")
    verify = hmac_signature(
        only(b"key-1"), in_json("signature", "signature"), signed=(fresh(moment, 300), in_json("signature", "token"))
    )
    signature = hmac.new(b"key-1", b"1700000000abc", "sha256").hexdigest()
    body = f'{{"signature":{{"timestamp":"1700000000","token":"abc","signature":"{signature}"}}}}'

    assert verify(request(body=body.encode())) == "current"
    with pytest.raises(SignatureError, match=r"^signature\.signature fits none of 1 secrets$"):
        verify(request(body=body.replace("abc", "abd", 1).encode()))
    with pytest.raises(SignatureError, match=r"^signature\.timestamp is too old$"):
        verify(request(body=body.encode(), now_s=NOW_S + 301))


MESSAGEBIRD_URL = (
    "https://example.com/?recipient=31612345678&reference=FOO&statusDatetime=2019-01-11T09%3A17%3A11%2B00%3A00"
    "&id=eef0ab57a9e049be946f3821568c2b2e&status=delivered&mccmnc=20408&ported=1"
)


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        (b"", "KVBdcVdz2lYMwcBLZCRITgxUfA/WkwSi+T3Wxl2HL6w="),
        (b'{"foo":"bar"}', "2bl+38H4oHVg03pC3bk2LvCB0IHFgfC4cL5HPQ0LdmI="),
    ],
)
def test_messagebird_signs_parts_that_a_provider_adds_itself(body: bytes, signature: str) -> None:
    """As in messagebird/python-rest-api, tests/test_signed_request.py: date, sorted query and the body's hash."""

    def sorted_query(asked: Request) -> bytes:
        return urlencode(sorted(parse_qsl(urlsplit(asked.url).query))).encode()

    moment = fresh(in_header("MessageBird-Request-Timestamp"), 10)
    verify = hmac_signature(
        only(b"PlLrKaqvZNRR5zAjm42ZT6q1SQxgbbGd"),
        in_header("MessageBird-Signature"),
        encoding="base64",
        signed=(moment, b"\n", sorted_query, b"\n", body_sha256),
    )
    headers = {"MessageBird-Signature": signature, "MessageBird-Request-Timestamp": "1547198231"}

    assert verify(request(headers, body, url=MESSAGEBIRD_URL, now_s=1547198235)) == "current"
    with pytest.raises(SignatureError, match="fits none"):
        verify(request(headers, body, url=MESSAGEBIRD_URL.replace("FOO", "BAR"), now_s=1547198235))


def test_base64url_comes_with_padding_or_without() -> None:
    verify = hmac_signature(only(SECRET), in_header("X-Sig"), algorithm="sha1", encoding="base64url")
    text = base64.urlsafe_b64encode(hmac.digest(SECRET, BODY, "sha1")).decode()
    assert text.endswith("=")

    assert verify(request({"X-Sig": text})) == verify(request({"X-Sig": text.rstrip("=")})) == "current"


TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = b"To=%2B18005551212&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309"
TWILIO_JSON = b'{"property": "value", "boolean": true}'
TWILIO_JSON_URL = f"{TWILIO_URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


@pytest.mark.parametrize(
    ("url", "body", "signature"),
    [
        (TWILIO_URL, TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (TWILIO_URL, b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        (TWILIO_JSON_URL, TWILIO_JSON, "a9nBmqA0ju/hNViExpshrM61xv4="),
    ],
)
def test_twilio_passes_its_own_examples(url: str, body: bytes, signature: str) -> None:
    """Of the documentation, and of twilio/twilio-php, RequestValidatorTest.php."""
    assert twilio(only(b"12345"))(request({"X-Twilio-Signature": signature}, body, url=url)) == "current"


@pytest.mark.parametrize(
    ("url", "body", "signature", "expected"),
    [
        (TWILIO_URL + "&x=1", TWILIO_FORM, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "X-Twilio-Signature fits none of 1 secrets"),
        (TWILIO_URL, TWILIO_JSON, "a9nBmqA0ju/hNViExpshrM61xv4=", "X-Twilio-Signature fits none of 1 secrets"),
        (TWILIO_JSON_URL, b"{}", "a9nBmqA0ju/hNViExpshrM61xv4=", "bodySHA256 is not the hash of what came"),
        (TWILIO_URL, b"a&" * 1001, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "the form: expected at most 1000 parameters"),
        (TWILIO_URL + "&" * 1001, b"", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "the query: expected at most 1000 parameters"),
    ],
)
def test_twilio_refuses_what_is_not_signed(url: str, body: bytes, signature: str, expected: str) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        twilio(only(b"12345"))(request({"X-Twilio-Signature": signature}, body, url=url))


@pytest.mark.parametrize("value", [b"\xff\xfe", "żółć".encode(), b"\xed\xa0\x80"])
def test_twilio_signs_the_bytes_of_a_form_whatever_they_are(value: bytes) -> None:
    signature = base64.b64encode(hmac.digest(b"12345", b"https://a/Body" + value, "sha1")).decode()
    escaped = "".join(f"%{byte:02X}" for byte in value).encode()

    for body in (b"Body=" + value, b"Body=" + escaped):
        asked = request({"X-Twilio-Signature": signature}, body, url="https://a/")
        assert twilio(only(b"12345"))(asked) == "current"


def test_twilio_signs_parameters_that_are_empty() -> None:
    signature = base64.b64encode(hmac.digest(b"12345", b"https://a/AB1", "sha256")).decode()
    asked = request({"X-Twilio-Signature": signature}, b"B=1&A=", url="https://a/")

    assert twilio(only(b"12345"), algorithm="sha256")(asked) == "current"


WEBHOOK_KEY = webhook_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
WEBHOOK_BODY = b'{"test": 2432232314}'
WEBHOOK_S = 1614265330
WEBHOOK_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER_SIGNATURE = "v1," + base64.b64encode(hashlib.sha256(b"").digest()).decode()


def webhook(signature: str = WEBHOOK_SIGNATURE, *, now_s: float = WEBHOOK_S, headers: str = "webhook") -> Request:
    """The example of standard-webhooks/standard-webhooks, with a signature."""
    values = {"id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": str(WEBHOOK_S), "signature": signature}
    return request({f"{headers}-{name}": value for name, value in values.items()}, WEBHOOK_BODY, now_s=now_s)


@pytest.mark.parametrize(
    "signature",
    [
        WEBHOOK_SIGNATURE,
        f"{OTHER_SIGNATURE} {WEBHOOK_SIGNATURE}",
        f"{WEBHOOK_SIGNATURE} {OTHER_SIGNATURE}",
        f"v1a,AAAA v2,AAAA {WEBHOOK_SIGNATURE}",
        " ".join([OTHER_SIGNATURE] * 15 + [WEBHOOK_SIGNATURE]),
    ],
)
def test_standard_webhooks_pass_with_one_signature_that_fits(signature: str) -> None:
    credentials = [Credential("old", b"another"), Credential("new", WEBHOOK_KEY)]
    assert standard_webhooks(credentials)(webhook(signature)) == "new"


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (OTHER_SIGNATURE, "webhook-signature fits none of 1 secrets"),
        (WEBHOOK_SIGNATURE[:-1], "webhook-signature fits none of 1 secrets"),
        (WEBHOOK_SIGNATURE + ",", "webhook-signature fits none of 1 secrets"),
        *[
            (text, "webhook-signature: expected 1 to 16 signatures that start with v1,")
            for text in (
                "",
                WEBHOOK_SIGNATURE.removeprefix("v1,"),
                WEBHOOK_SIGNATURE.replace("v1", "v2"),
                " ".join([OTHER_SIGNATURE] * 16 + [WEBHOOK_SIGNATURE]),
            )
        ],
    ],
)
def test_standard_webhooks_without_a_signature_that_fits_are_refused(signature: str, expected: str) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        standard_webhooks(only(WEBHOOK_KEY))(webhook(signature))


def test_standard_webhooks_are_fresh_unless_told_otherwise() -> None:
    with pytest.raises(SignatureError, match=r"^webhook-timestamp is too old$"):
        standard_webhooks(only(WEBHOOK_KEY))(webhook(now_s=WEBHOOK_S + 301))
    with pytest.raises(SignatureError, match=r"^webhook-timestamp lies in the future$"):
        standard_webhooks(only(WEBHOOK_KEY))(webhook(now_s=WEBHOOK_S - 301))
    assert standard_webhooks(only(WEBHOOK_KEY), tolerance_s=None)(webhook(now_s=0)) == "current"


def test_svix_has_headers_of_its_own() -> None:
    verify = standard_webhooks(only(WEBHOOK_KEY), headers="svix")

    assert verify(webhook(headers="svix")) == "current"
    with pytest.raises(SignatureError, match=r"^svix-signature is missing$"):
        verify(webhook())
