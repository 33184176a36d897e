import random
from itertools import product

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInputError
from app.identity import NOBODY, Address, canonical, check_tenant, event_id, recipient_key, unaddressed_key
from app.vocabulary import AddressKind, Channel

PHONE, EMAIL, INVALID = AddressKind.PHONE, AddressKind.EMAIL, AddressKind.INVALID


@pytest.mark.parametrize(
    ("given_as", "value"),
    [
        ("+60123456789", "+60123456789"),
        ("60123456789", "+60123456789"),
        ("0060123456789", "+60123456789"),
        ("+60 12-345 6789", "+60123456789"),
        (" +44 (0)7810 000001 ", "+447810000001"),
        ("whatsapp:+447810000001", "+447810000001"),
        ("WhatsApp:447810000001", "+447810000001"),
        ("+39 06 698 12345", "+390669812345"),
        ("+1 212-555-2368", "+12125552368"),
        ("+78001234567", "+78001234567"),
        # Mexico: the mobile 1 is gone
        ("+5215512345678", "+525512345678"),
        ("5215512345678", "+525512345678"),
        ("+525512345678", "+525512345678"),
        # Brazil: mobile numbers have a ninth digit, landlines and numbers that have it already stay
        ("+551187654321", "+5511987654321"),
        ("558587654321", "+5585987654321"),
        ("+5511987654321", "+5511987654321"),
        ("+551134567890", "+551134567890"),
        ("+553122345678", "+553122345678"),
        ("+551150001234", "+551150001234"),
        # Argentina: the 9 and the domestic 15 of mobile numbers go, landlines stay
        ("+5491123456789", "+541123456789"),
        ("+54 11 15 2345-6789", "+541123456789"),
        ("541123456789", "+541123456789"),
        ("+541143456789", "+541143456789"),
    ],
)
def test_phone_number_has_one_spelling(given_as: str, value: str) -> None:
    assert canonical(given_as, Channel.SMS) == Address(value, PHONE, given_as)


def test_number_is_national_only_where_it_is_not_international() -> None:
    assert [canonical(number, Channel.SMS, "MY").value for number in ("0123456789", "60123456789", "447810000001")] == [
        "+60123456789",
        "+60123456789",
        "+447810000001",
    ]


@pytest.mark.parametrize(
    "number",
    [
        "+3361234567",
        "0712345678",
        "12345",
        "+",
        "whatsapp:",
        "abc",
        "+44781000000199",
        "+999123456789",
        "٤٤٧٨١٠٠٠٠٠٠١",
        "STOP",
    ],
)
def test_invalid_number_is_kept_as_given(number: str) -> None:
    assert canonical(number, Channel.WHATSAPP) == Address(number, INVALID, number)


@pytest.mark.parametrize(
    ("given_as", "value"),
    [
        ("User.Name+Tag@Example.COM", "User.Name+Tag@example.com"),
        (" user@example.com\n", "user@example.com"),
        ("user@Bücher.example", "user@xn--bcher-kva.example"),
        ("üser@example.com", "üser@example.com"),
    ],
)
def test_domain_of_an_address_has_one_spelling_and_its_local_part_stays(given_as: str, value: str) -> None:
    assert canonical(given_as, Channel.EMAIL) == Address(value, EMAIL, given_as)


@pytest.mark.parametrize(
    "address",
    [
        "user",
        "@example.com",
        "user@",
        "user@localhost",
        "us er@example.com",
        "a@b@example.com",
        "user@exam_ple.com",
        "user@\u2024.com",
    ],
)
def test_invalid_address_is_kept_as_given(address: str) -> None:
    assert canonical(address, Channel.EMAIL) == Address(address, INVALID, address)


def test_without_a_channel_an_at_sign_makes_an_address() -> None:
    assert [canonical(text, "").kind for text in ("user@example.com", "+447810000001")] == [EMAIL, PHONE]


def test_blank_address_is_nobody() -> None:
    assert canonical(" ", Channel.SMS) == NOBODY


@given(st.text(max_size=40) | st.from_regex(r"(whatsapp:)?\+?(54|549|521|52|55|44|1|60)[0-9 -]{6,14}", fullmatch=True))
def test_canonical_form_is_its_own_canonical_form(text: str) -> None:
    for channel in Channel:
        first = canonical(text, channel)
        again = canonical(first.value, channel)
        assert (again.value, again.kind) == (first.value, first.kind)


def test_valid_numbers_of_every_country_are_those_of_the_library() -> None:
    """Nothing that the library finds invalid or would write otherwise passes, and its examples all pass."""
    chance = random.Random(7)  # noqa: S311 - a repeatable sample
    for region, kind in product(sorted(phonenumbers.SUPPORTED_REGIONS), range(3)):
        example = phonenumbers.example_number_for_type(region, kind)
        if example is None or region in {"AR", "BR", "MX"}:
            continue
        digits = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        assert canonical(digits, Channel.SMS).value == digits
        for _ in range(4):
            changed = digits[:-4] + "".join(chance.choices("0123456789", k=4 + chance.choice((-1, 0, 0, 1))))
            number = phonenumbers.parse(changed)
            valid = phonenumbers.is_valid_number(number)
            assert canonical(changed, Channel.SMS) == (
                Address(phonenumbers.format_number(number, 0), PHONE, changed)
                if valid
                else Address(changed, INVALID, changed)
            )


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_event_ids_differ_where_their_parts_do(one: list[str], other: list[str]) -> None:
    assert (event_id(*one) == event_id(*other)) == (one == other)


def test_event_id_never_changes() -> None:
    """Ids are stored in rows for weeks: another way to make them would count every failure again."""
    assert (
        event_id("acme", "teekrr", "failure", "6f1c2f0e-6a57-4d3a-9a55-0b6f3e0d7a11")
        == "84a4e5d2929873002428e3913b35681d"
    )


def test_keys_hold_the_tenant_first() -> None:
    assert recipient_key("acme", "+60123456789") == "acme/+60123456789"
    assert unaddressed_key("acme", "prelude", "tx_1") == "acme/~prelude/tx_1"


@pytest.mark.parametrize("name", ["a", "acme", "Acme-2.test_x", "x" * 64])
def test_tenant_name_is_letters_digits_and_three_signs(name: str) -> None:
    assert check_tenant(name) == name


@pytest.mark.parametrize("name", ["", "a/b", "~a", "-a", ".a", "_a", "a b", "x" * 65, "é", "a\n"])
def test_other_tenant_names_are_refused_without_repeating_them(name: str) -> None:
    with pytest.raises(BadInputError) as refused:
        check_tenant(name)
    assert str(refused.value) == (
        f"tenant: text of {len(name)} characters, expected 1 to 64 letters, digits, dots, underscores or hyphens,"
        " a letter or digit first"
    )
