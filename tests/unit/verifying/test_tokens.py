import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.errors import SignatureError
from app.verifying import (
    Claims,
    Credential,
    Verifier,
    hs256_token,
    in_authorization,
    in_header,
    rs256_token,
    url_base64,
    whole_body,
    whole_url,
)
from tests.unit.verifying.samples import BODY, NOW_S, SECRET, only, request, rsa_key, samples, token, url_text

BEARER = in_authorization("Bearer")
TIMELESS = Claims(None)

PAYLOAD = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
RFC_HS256 = f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
RFC_HS256_KEY = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RFC_RS256 = (
    f"eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5Y"
    "Kt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZ"
    "RmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy"
    "wlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)
RFC_RS256_MODULUS = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNM"
    "sD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmt"
    "dVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)
RFC_EXP_S = 1300819380


def rfc_verifiers() -> list[tuple[str, Verifier]]:
    """RFC 7515, appendices A.1 and A.2."""
    claims = Claims(0, equal={"iss": "joe"})
    public = RSAPublicNumbers(65537, int.from_bytes(url_base64(RFC_RS256_MODULUS), "big")).public_key()
    return [
        (RFC_HS256, hs256_token(only(url_base64(RFC_HS256_KEY)), BEARER, claims)),
        (RFC_RS256, rs256_token(only(public), BEARER, claims)),
    ]


@pytest.mark.parametrize(("text", "verify"), rfc_verifiers())
def test_the_examples_of_the_rfc_pass_until_they_are_over(text: str, verify: Verifier) -> None:
    asked = {"Authorization": f"Bearer {text}"}

    assert verify(request(asked, now_s=RFC_EXP_S)) == "current"
    with pytest.raises(SignatureError, match=r"^claim exp is over$"):
        verify(request(asked, now_s=RFC_EXP_S + 1))
    with pytest.raises(SignatureError, match=r"fits none of 1|expected base64url"):
        verify(request({"Authorization": f"Bearer {text[:-1]}"}, now_s=RFC_EXP_S))


BIRD_KEY = b"36efdd1aace2e26cd490f0d951138253bef2f7c6d34d18981da781555cc4cebb"
BIRD_S = 1625479200
BIRD_HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
BIRD_EMPTY = (
    f"{BIRD_HEADER}.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTYyNTQ3OTIwMCwiZXhwIjoxNjI1NDc5MjYwLCJqdGkiOiI1OWEyNDRkYy1lOWF"
    "kLTRlMjMtOTc3OC0zNzFmYWEyMzhmNzIiLCJ1cmxfaGFzaCI6IjBmMTE1ZGIwNjJiN2MwZGQwMzBiMTY4NzhjOTlkZWE1YzM1NGI0OWRjMzdiMzhlYj"
    "g4NDYxNzljNzc4M2U5ZDcifQ.6Fp0rVOsRr1fj9S2GidXAfkmPVofKr8_RTffC6G6r2E"
)
BIRD_FULL = (
    f"{BIRD_HEADER}.eyJpc3MiOiJNZXNzYWdlQmlyZCIsIm5iZiI6MTYyNTQ3OTIwMCwiZXhwIjoxNjI1NDc5MjYwLCJqdGkiOiI5M2U1NTAwNi1hMGU"
    "4LTQ1MjYtYTE5MC1mYTVmZjAwZWExMTYiLCJ1cmxfaGFzaCI6IjQxZjA1ZjBkZGQwYTIyYWIyMDlhYzQ2ZjQ3YzQ1NzJkOWNlZmEyNTdlZDc0YjI0MD"
    "A0YmFlNzUzZWNlNmMyNjAiLCJwYXlsb2FkX2hhc2giOiJkZmZkNjAyMWJiMmJkNWIwYWY2NzYyOTA4MDllYzNhNTMxOTFkZDgxYzdmNzBhNGIyODY4O"
    "GEzNjIxODI5ODZmIn0._H--TOuYFLpeEH39-rg5E3IHVkjHozBcaKVWPRC5m9I"
)
BIRD = hs256_token(
    only(BIRD_KEY),
    in_header("MessageBird-Signature-JWT"),
    Claims(1, {"url_hash": whole_url, "payload_hash": whole_body}, {"iss": "MessageBird"}),
)
SHORT_URL, LONG_URL = "https://example.com/", "https://example.com/path?bar=1&foo=2"


@pytest.mark.parametrize(
    ("text", "url", "body"), [(BIRD_EMPTY, SHORT_URL, b""), (BIRD_FULL, LONG_URL, b"Hello, World!")]
)
def test_birds_own_examples_pass(text: str, url: str, body: bytes) -> None:
    """Of messagebird/python-rest-api, webhook_signature_test_data.json."""
    for now_s in (BIRD_S - 1, BIRD_S, BIRD_S + 61):
        assert BIRD(request({"MessageBird-Signature-JWT": text}, body, url=url, now_s=now_s)) == "current"


@pytest.mark.parametrize(
    ("text", "url", "body", "now_s", "expected"),
    [
        (BIRD_EMPTY, SHORT_URL, b"Hello", BIRD_S, "claim payload_hash is not the hash of what came"),
        (BIRD_FULL, LONG_URL, b"", BIRD_S, "claim payload_hash is not the hash of what came"),
        (BIRD_FULL, SHORT_URL, b"Hello, World!", BIRD_S, "claim url_hash is not the hash of what came"),
        (BIRD_EMPTY, SHORT_URL, b"", BIRD_S - 2, "claim nbf lies in the future"),
        (BIRD_EMPTY, SHORT_URL, b"", BIRD_S + 62, "claim exp is over"),
    ],
)
def test_birds_own_examples_are_refused_elsewhere(
    text: str, url: str, body: bytes, now_s: float, expected: str
) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        BIRD(request({"MessageBird-Signature-JWT": text}, body, url=url, now_s=now_s))


def answer(text: str, claims: Claims = TIMELESS) -> str:
    return hs256_token(only(SECRET), BEARER, claims)(request({"Authorization": f"Bearer {text}"}))


@pytest.mark.parametrize("header", [
    {"alg": "none"}, {"alg": "RS256"}, {"alg": "hs256"}, {"alg": ["HS256"]}, {"alg": None}, {},
])  # fmt: skip
def test_the_algorithm_is_never_the_tokens_to_choose(header: object) -> None:
    with pytest.raises(SignatureError, match=r"^Authorization: expected the algorithm HS256$"):
        answer(token({}, header=header))


def test_a_public_key_is_no_secret() -> None:
    """The old trick: HMAC with the public key, which everybody knows, for a verifier of RS256."""
    public = rsa_key().public_key()
    forged = token({}, secret=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(SignatureError, match="expected the algorithm RS256"):
        rs256_token(only(public), BEARER, TIMELESS)(request({"Authorization": f"Bearer {forged}"}))


def test_a_token_without_a_signature_is_refused() -> None:
    head, payload, _ = token({}).split(".")
    with pytest.raises(SignatureError, match="fits none of 1 secrets"):
        answer(f"{head}.{payload}.")


def test_critical_extensions_are_refused() -> None:
    with pytest.raises(SignatureError, match="expected no critical extensions"):
        answer(token({}, header={"alg": "HS256", "crit": ["b64"], "b64": False}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a token of 3 parts"),
        ("a.b", "expected a token of 3 parts"),
        ("a.b.c.d", "expected a token of 3 parts"),
        ("." * 8000, "expected a token of 3 parts"),
        ("a" * 8193, "expected a text of at most 8192 characters"),
        ("..", "expected a JSON object"),
        ("!.b.c", "expected base64url without padding"),
        (token({}).replace(".", "=.", 1), "expected base64url without padding"),
        (f"{url_text(b'[]')}.b.c", "expected a JSON object"),
        (token([]), "expected a JSON object"),
        (token({}) + "=", "fits none of 1 secrets"),
        (token({}, secret=b"other"), "fits none of 1 secrets"),
    ],
)
def test_what_is_no_token_is_refused(text: str, expected: str) -> None:
    with pytest.raises(SignatureError, match=f"^Authorization:? {expected}$"):
        answer(text)


def test_the_key_that_fits_is_named() -> None:
    credentials = [Credential("old", b"other"), Credential("new", SECRET)]
    asked = request({"Authorization": f"Bearer {token({})}"})
    assert hs256_token(credentials, BEARER, TIMELESS)(asked) == "new"


@pytest.mark.parametrize("claims", [
    {"iat": NOW_S}, {"iat": NOW_S - 300}, {"iat": NOW_S + 300}, {"exp": NOW_S - 300}, {"exp": NOW_S + 10**9},
    {"exp": int(NOW_S), "nbf": NOW_S + 300}, {"iat": int(NOW_S), "nbf": None},
])  # fmt: skip
def test_claims_about_time_within_their_tolerance_pass(claims: object) -> None:
    assert answer(token(claims), Claims(300)) == "current"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, "claims: expected exp or iat"),
        ({"nbf": NOW_S}, "claims: expected exp or iat"),
        ({"iat": NOW_S - 301}, "claim iat is too old"),
        ({"iat": NOW_S + 301}, "claim iat lies in the future"),
        ({"iat": NOW_S - 301, "exp": NOW_S + 60}, "claim iat is too old"),
        ({"iat": NOW_S, "exp": NOW_S - 301}, "claim exp is over"),
        ({"iat": NOW_S, "nbf": NOW_S + 301}, "claim nbf lies in the future"),
        *[({name: value}, f"claim {name}: expected seconds since 1970") for name in ("exp", "nbf", "iat")
          for value in ("1700000000", True, [1700000000])],
    ],
)  # fmt: skip
def test_claims_about_time_beyond_their_tolerance_are_refused(claims: object, expected: str) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        answer(token(claims), Claims(300))
    assert answer(token(claims)) == "current"


NO_HASHES: list[object] = [
    None, "", 1, "é", hashlib.sha256(b"").hexdigest(), hashlib.sha256(BODY).hexdigest().upper(),
    base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_HASHES)
def test_a_body_that_the_token_does_not_name_is_refused(value: object) -> None:
    text = token({"payload_hash": value})
    with pytest.raises(SignatureError, match=r"^claim payload_hash is not the hash of what came$"):
        answer(text, Claims(None, {"payload_hash": whole_body}))


@pytest.mark.parametrize("claims", [{}, {"iss": "vonage"}, {"iss": ["Vonage"]}])
def test_another_issuer_is_refused(claims: object) -> None:
    with pytest.raises(SignatureError, match=r"^claim iss: expected another text$"):
        answer(token(claims), Claims(None, equal={"iss": "Vonage"}))


def test_all_claims_together_pass() -> None:
    for kind in ("hs256", "rs256"):
        sample = samples()[kind]
        assert sample.verify(sample.request) == "current"
