import pytest

from app.errors import SignatureError
from app.verifying import fresh, in_authorization, in_header, in_json
from app.verifying.requests import LONGEST_TEXT
from tests.unit.verifying.samples import NOW_S, request


def test_a_header_is_found_by_its_name_in_any_case() -> None:
    assert in_header("X-Sig", "sha256=").text(request({"x-SIG": "sha256=abc"})) == "abc"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "X-Sig is missing"),
        ({"X-Sig": "sha1=abc"}, "X-Sig: expected it to start with sha256="),
        ({"X-Sig": "SHA256=abc"}, "X-Sig: expected it to start with sha256="),
        ({"X-Sig": "sha256=" + "a" * (LONGEST_TEXT - 6)}, "X-Sig: expected a text of at most 8192 characters"),
    ],
)
def test_a_header_that_is_not_as_expected_is_refused(headers: dict[str, str], expected: str) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        in_header("X-Sig", "sha256=").text(request(headers))


def test_the_longest_header_is_taken() -> None:
    assert in_header("X-Sig", "a").text(request({"X-Sig": "a" * LONGEST_TEXT})) == "a" * (LONGEST_TEXT - 1)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_case_of_a_scheme_does_not_count(scheme: str) -> None:
    assert in_authorization("Bearer").text(request({"Authorization": f"{scheme} abc"})) == "abc"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "Authorization is missing"),
        ({"Authorization": ""}, "Authorization: expected the scheme Bearer"),
        ({"Authorization": "Basic abc"}, "Authorization: expected the scheme Bearer"),
        ({"Authorization": "Bearerabc"}, "Authorization: expected the scheme Bearer"),
    ],
)
def test_another_scheme_is_refused(headers: dict[str, str], expected: str) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        in_authorization("Bearer").text(request(headers))


def test_a_text_is_found_in_the_body() -> None:
    assert in_json("signature", "token").text(request(body=b'{"signature":{"token":"abc"}}')) == "abc"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "the body: expected a JSON object"),
        (b"[]", "the body: expected a JSON object"),
        (b"\xff", "the body: expected a JSON object"),
        (b"[" * 100_000, "the body: expected a JSON object"),
        (b"{}", "signature.token is missing"),
        (b'{"signature":"token"}', "signature.token is missing"),
        (b'{"signature":{"token":1}}', "signature.token: expected a text of at most 8192 characters"),
    ],
)
def test_a_body_without_the_text_is_refused(body: bytes, expected: str) -> None:
    with pytest.raises(SignatureError, match=f"^{expected}$"):
        in_json("signature", "token").text(request(body=body))


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_a_date_within_its_tolerance_is_signed_as_it_came(unit: str, factor: int) -> None:
    part = fresh(in_header("X-Date"), 10, unit="ms" if unit == "ms" else "s")
    for age in (-10, 0, 10):
        text = str((int(NOW_S) - age) * factor)
        assert part(request({"X-Date": text})) == text.encode()
    with pytest.raises(SignatureError, match=r"^X-Date is too old$"):
        part(request({"X-Date": str(int(NOW_S) * factor - 10 * factor - 1)}))
    with pytest.raises(SignatureError, match=r"^X-Date lies in the future$"):
        part(request({"X-Date": str(int(NOW_S) * factor + 10 * factor + 1)}))


def test_without_a_tolerance_any_date_passes() -> None:
    assert fresh(in_header("X-Date"), None)(request({"X-Date": "1"})) == b"1"


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.5", " 1", "1e9", "²", "१", "1" * 18])
@pytest.mark.parametrize("tolerance_s", [None, 10.0])
def test_a_date_that_is_no_number_is_refused(text: str, tolerance_s: float | None) -> None:
    with pytest.raises(SignatureError, match=r"^X-Date: expected 1 to 17 digits$"):
        fresh(in_header("X-Date"), tolerance_s)(request({"X-Date": text}))
