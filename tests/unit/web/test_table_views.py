import pytest

from app.domain.accounts import decode_account, encode_account, message_key
from app.errors import BadInputError
from app.faust_batches.store import MemoryRows
from app.vocabulary import AddressKind
from app.web.answers import Refused
from app.web.auth import Caller
from app.web.table_views import credit_at, person_at

ACME, ALL = Caller("acme"), Caller("*")


def rows() -> MemoryRows:
    """Two accounts, one of them with a name that says nothing about whose it is."""
    found = MemoryRows()
    globex = encode_account(decode_account(None, "globex"))
    found.apply(
        {
            b"acme/teekrr": encode_account(decode_account(None, "acme")),
            b"acme/stray": globex,
            b"shared": globex,
            message_key("acme/teekrr", "m/1").encode(): b'{"release":0}',
            message_key("acme/stray", "m/2").encode(): b'{"release":0}',
        },
        0,
    )
    return found


def test_an_address_is_looked_up_in_its_one_spelling() -> None:
    assert person_at("acme", "00447810000001").address.value == "+447810000001"
    assert person_at("acme", "Ana@EXAMPLE.com").address.value == "Ana@example.com"
    assert person_at("acme", "12").address.kind is AddressKind.INVALID


@pytest.mark.parametrize(
    ("tenant", "address", "text"),
    [
        ("a b", "+447810000001", "tenant: text of 3 characters, expected 1 to 64 letters"),
        ("acme", "x" * 321, "address: text of 321 characters, expected an e-mail address or a phone number"),
        ("acme", "a\x1fb", "address: text of 3 characters"),
        ("acme", "\udcff@example.com", "address: text of 13 characters"),
    ],
)
def test_what_is_no_address_is_told_without_repeating_it(tenant: str, address: str, text: str) -> None:
    with pytest.raises(BadInputError, match=text) as caught:
        person_at(tenant, address)
    assert address not in str(caught.value)


def test_an_account_and_its_message_are_shown_to_their_tenant() -> None:
    assert credit_at(rows(), ACME, "acme/teekrr", None)["account"] == "acme/teekrr"
    assert credit_at(rows(), ACME, "acme/teekrr", "m/1")["failed_at"] == "1970-01-01T00:00:00.000000Z"
    assert credit_at(rows(), ALL, "shared", None)["tenant"] == "globex"


@pytest.mark.parametrize(
    ("caller", "name", "message_id", "status"),
    [
        (ACME, "acme/unknown", None, 404),
        (ACME, "acme/stray", None, 404),
        (ACME, "acme/stray", "m/2", 404),
        (ACME, "shared", None, 403),
        (ACME, "unknown", None, 403),
        (ACME, "globex/unknown", None, 403),
        (ACME, "acme/teekrr", "m/2", 404),
        (ACME, "acme/teekrr", "", 404),
        (ACME, "acme/teekrr", "\udcff", 404),
        (ALL, "unknown", None, 404),
    ],
)
def test_others_accounts_look_like_unknown_ones(caller: Caller, name: str, message_id: str | None, status: int) -> None:
    with pytest.raises(Refused) as caught:
        credit_at(rows(), caller, name, message_id)
    assert caught.value.status == status
