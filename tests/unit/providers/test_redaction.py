import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers.redaction import code_of, without_addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smtp; 550 5.1.1 user unknown", "smtp; 550 5.1.1 user unknown"),
        (
            "550-5.7.26 from 192.0.2.25\n550 5.7.26 refused (S3140)",
            "550-5.7.26 from 192.0.2.25 550 5.7.26 refused (S3140)",
        ),
        ("<user@example.com>: mailbox full", "<[address]>: mailbox full"),
        ("rcpt=user@example.com;why=x then", "[address] then"),
        ("see help/?for=john%40example.com now", "see [address] now"),
        ("100%25 of a%20b", "100%25 of a%20b"),
        ("to +60 12-345 6789 failed", "to [number] failed"),
        ("to 60123456789, 0060123456789", "to [number], [number]"),
        ("to +60.12.345.6789", "to [number]"),
        ("tel60123456789x", "tel[number]x"),
        ("to (012) 345-6789", "to ([number]"),
        ("code 131026", "code 131026"),
        ("  many \t spaces\u00a0and\nlines ", "many spaces and lines"),
        ("red\x1b[31m \x9b1m\x00\x1f end\x7f", "red [31m 1m end"),
        ("", ""),
    ],
)
def test_addresses_are_taken_out(text: str, expected: str) -> None:
    assert without_addresses(text) == expected


def test_long_text_ends_after_512_characters() -> None:
    assert without_addresses("word " * 10_000) == ("word " * 103)[:512]


def test_text_cut_inside_an_address_shows_no_half_of_it() -> None:
    text = f"{'a' * 87}@example.com " * 20 + f"{'y' * 43} john.doe@example.com"
    assert without_addresses(text) == "[address] " * 20 + "y" * 43


@pytest.mark.parametrize(
    ("given_as", "code"),
    [
        ("131026", "131026"),
        (None, ""),
        ("", ""),
        ("x" * 65, "x" * 64),
        ("no user@example.com", "no [address]"),
        ("2388019", "2388019"),
        ("(#2388019)", "(#2388019)"),
        (" 2388019.0", "2388019.0"),
        ("60123456", "[number]"),
        ("(#60123456)", "(#[number])"),
        ("to 2388019", "to [number]"),
    ],
)
def test_code_is_short_and_names_nobody(given_as: str | None, code: str) -> None:
    assert code_of(given_as) == code


@given(
    st.text(max_size=30),
    st.sampled_from(["john.doe@example.com", "+60123456789", "60 12 345 6789", "j%40example.com"]),
    st.text(max_size=3000),
)
def test_no_address_survives_between_any_texts(before: str, address: str, after: str) -> None:
    redacted = without_addresses(f"{before} {address} {after}")
    assert len(redacted) <= 512
    assert "john.doe" not in redacted
    assert not re.search(r"60 ?12 ?345 ?6789", redacted)
