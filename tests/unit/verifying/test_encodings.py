import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.verifying import any_base64, standard_base64, url_base64
from app.verifying.encodings import encoded


@given(st.binary())
def test_what_is_encoded_is_decoded(raw: bytes) -> None:
    standard, url_safe = encoded(raw, "base64").decode(), encoded(raw, "base64url").decode()

    assert encoded(raw, "hex").decode() == raw.hex()
    assert standard_base64(standard) == url_base64(url_safe) == raw
    for text in (standard, standard.rstrip("="), url_safe, url_safe + "=" * (-len(url_safe) % 4)):
        assert any_base64(text) == raw


@pytest.mark.parametrize("text", ["A", "AA AA", "AA\n", "é", "A=AA", "AAAA!", "\udcff"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    for decode in (any_base64, standard_base64, url_base64):
        with pytest.raises(ValueError):  # noqa: PT011 - whoever calls says what was expected
            decode(text)


@pytest.mark.parametrize(("decode", "text"), [
    (standard_base64, "-_-_"), (standard_base64, "AA"), (standard_base64, "AB=="), (standard_base64, "AA==="),
    (url_base64, "+/+/"), (url_base64, "AA=="), (url_base64, "AB"),
])  # fmt: skip
def test_a_value_has_one_text_only(decode: object, text: str) -> None:
    """Another alphabet, other padding, and bits that mean nothing are all refused."""
    any_base64(text)
    assert callable(decode)
    with pytest.raises(ValueError, match="expected base64"):
        decode(text)
