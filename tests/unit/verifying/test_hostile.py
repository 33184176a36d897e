"""Whatever comes in: a changed bit is refused, nothing but SignatureError comes out, and its text shows no input."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import SignatureError
from app.verifying import Request, all_of, any_of, basic, bearer, in_header, static
from tests.unit.verifying.samples import (
    BODY,
    CERTIFICATE_URL,
    NOW_S,
    SECRET,
    TOPIC,
    URL,
    Sample,
    as_body,
    only,
    request,
    samples,
    token,
    url_text,
)


@pytest.mark.parametrize("kind", samples())
def test_every_sample_passes(kind: str) -> None:
    sample = samples()[kind]
    assert sample.verify(sample.request) == "current"


def flipped(sample: Sample, where: str, bit: int) -> Request:
    asked = sample.request
    if where == "body":
        return replace(asked, body=_flipped(asked.body, bit))
    if where == "url":
        return replace(asked, url=_flipped(asked.url.encode(), bit).decode("latin-1"))
    changed = _flipped(asked.headers[where].encode(), bit).decode("latin-1")
    return replace(asked, headers={**asked.headers, where: changed})


def _flipped(raw: bytes, bit: int) -> bytes:
    at, of = divmod(bit % (8 * len(raw)), 8)
    return raw[:at] + bytes([raw[at] ^ (1 << of)]) + raw[at + 1 :]


@pytest.mark.parametrize(("kind", "where"), [(kind, each) for kind, sample in samples().items()
                                             for each in ("body", *sample.bound)])  # fmt: skip
@settings(max_examples=40)
@given(bit=st.integers(0, 20_000))
def test_a_flipped_bit_is_refused(kind: str, where: str, bit: int) -> None:
    sample = samples()[kind]
    with pytest.raises(SignatureError):
        sample.verify(flipped(sample, where, bit))


VERIFIERS = {
    **{kind: sample.verify for kind, sample in samples().items()},
    "static": static(only(SECRET), in_header("X-Signature")),
    "bearer": bearer(only(SECRET)),
    "basic": basic(only(SECRET)),
    "any of": any_of(*(sample.verify for sample in samples().values())),
    "all of": all_of(static(only(SECRET), in_header("X-Signature")), bearer(only(SECRET))),
}
HEADERS = sorted({name for sample in samples().values() for name in sample.request.headers} | {"authorization"})
FIELDS = ["Type", "Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Signature", "SignatureVersion",
          "SigningCertURL", "SubscribeURL", "Token"]  # fmt: skip
NAMES = "|".join(
    [
        *["X-Signature", "X-Timestamp", "X-Token", "X-Twilio-Signature", "webhook-(?:id|timestamp|signature)"],
        *["Authorization", "the body", "the form", "the query", "the certificate", "bodySHA256", "claims", *FIELDS],
        "claim (?:iss|iat|exp|nbf|payload_hash|url_hash)",
    ]
)
SAID = r""" is missing| is too old| lies in the future| is over| cannot be had| is not valid now
 fits none of \d secrets| fits none of \d public keys| fits none of \d topics
 does not fit the certificate| is not the hash of what came
: expected (?:a text|another text|a JSON object|base64|base64url without padding|1 or 2|exp or iat)
: expected (?:1 to 17 digits|seconds since 1970|no critical extensions|a token of 3 parts)
: expected a text of at most 8192 characters|: expected base64 of at most 8192 characters
: expected 1 to 16 signatures that start with v1,|: expected at most 1000 parameters
: expected it to start with (?:sha256=|pss=)|: expected the scheme (?:Basic|Bearer)
: expected the algorithm (?:HS256|RS256)|: expected the URL of a certificate of Amazon SNS
: expected one of Notification, SubscriptionConfirmation, UnsubscribeConfirmation
: expected a date and time with its offset|: expected PEM with an RSA key of at least 2048 bits""".replace("\n", "|")
EVERYTHING_SAID = re.compile(f"(?:{NAMES})(?:{SAID})(?:; (?:{NAMES})(?:{SAID}))*")
"""All that errors may say; none of it is the request's."""

text = st.text(st.characters(), max_size=40)  # with surrogates, which servers make of bytes that are no UTF-8
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
claims = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("iss", "iat", "exp", "nbf", "payload_hash", "url_hash"), json_values | st.just("Vonage")),
)
tokens = (claims | json_values).map(token) | st.lists(
    text | json_values.map(as_body).map(url_text) | st.sampled_from([url_text(b'{"alg":"RS256"}')]), max_size=4
).map(".".join)
values = text | tokens | st.binary(max_size=60).map(url_text) | st.sampled_from(["1700000000", "v1,AAAA", "v1," * 9])
headers = st.dictionaries(
    st.sampled_from(HEADERS),
    st.builds("{}{}".format, st.sampled_from(["", "sha256=", "pss=", "Basic ", "Bearer ", "v1,"]), values),
)
known = st.sampled_from(["Notification", "1", "2", TOPIC, CERTIFICATE_URL, "2023-11-14T22:13:20Z", "AAAA"])
messages = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, known | json_values))
bodies = st.binary(max_size=80) | (messages | json_values).map(as_body) | st.just(BODY)
urls = text | st.just(URL) | text.map(lambda query: f"{URL}&bodySHA256={query}")


@pytest.mark.parametrize("kind", VERIFIERS)
@settings(max_examples=40)
@given(given_headers=headers, body=bodies, url=urls, now_s=st.just(NOW_S) | st.floats(0, 1e11))
def test_nothing_but_a_signature_error_comes_out(
    kind: str, given_headers: dict[str, str], body: bytes, url: str, now_s: float
) -> None:
    with pytest.raises(SignatureError) as raised:
        VERIFIERS[kind](request(given_headers, body, url=url, now_s=now_s))
    assert EVERYTHING_SAID.fullmatch(str(raised.value))
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(("kind", "name"), [(kind, each) for kind, sample in samples().items()
                                            for each in sample.request.headers])  # fmt: skip
@settings(max_examples=40)
@given(prefix=st.booleans(), value=values)
def test_one_wrong_header_among_right_ones_is_refused(kind: str, name: str, *, prefix: bool, value: str) -> None:
    """Here the other checks pass, so that this header is looked at."""
    sample = samples()[kind]
    right = sample.request.headers[name]
    wrong = right[: right.find("=") + 1] + value if prefix else value
    with pytest.raises(SignatureError) as raised:
        sample.verify(replace(sample.request, headers={**sample.request.headers, name: wrong + "!"}))
    assert EVERYTHING_SAID.fullmatch(str(raised.value))
