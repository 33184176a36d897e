from collections.abc import Callable
from contextlib import suppress

import pytest

from app.domain.accounts import decode_account, encode_account, message_key
from app.domain.rows import decode_row
from app.errors import BadInputError
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.transaction import Row
from app.vocabulary import AddressKind
from app.web.answers import Refused, UnreadableRow, answer_from_row
from app.web.auth import Caller
from app.web.rows import Json, recipient, suppressions
from app.web.table_views import ToJson, credit_at, person_at

ACME, ALL = Caller("acme"), Caller("*")


def rows() -> MemoryRows:
    """Two accounts, one of them with a name that says nothing about whose it is."""
    found = MemoryRows()
    globex = encode_account(decode_account(None, "globex"))
    stored = {
        b"acme/teekrr": encode_account(decode_account(None, "acme")),
        b"acme/stray": globex,
        b"shared": globex,
        message_key("acme/teekrr", "m/1").encode(): b'{"release":0}',
        message_key("acme/stray", "m/2").encode(): b'{"release":0}',
    }
    found.apply({key: Row(value, None) for key, value in stored.items()}, 0)
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


POISONED = (
    b"{",
    b"\xff",
    b"null",
    b"[]",
    b'"text"',
    b"{}",
    b"[" * 5000,
    b'{"memory":7,"channels":[],"events":{}}',
    b'{"memory":{},"channels":{"sms":7},"events":1}',
    b'{"memory":{},"channels":{"sms":{"failed":{"A":{"b":"c"}}}},"events":1}',
    b'{"memory":{},"channels":{"sms":{"failed":{"A":{"b":18446744073709551615,"c":1}}}},"events":1}',
    b'{"memory":{},"channels":{"sms":{"suppression":{"until":"never"}}},"events":1}',
    b'{"memory":{},"channels":{"sms":{"last_failure":["x","y"]}},"events":1}',
    b'{"tenant":[],"currency":1,"granted":"x","available":null,"reserved":{},"spent":[]}',
    b'{"tenant":"acme","currency":"EUR","granted":1,"available":1,"reserved":0,"spent":0,"newest":"now"}',
    b'{"tenant":"acme"}',
    b'{"reserve":[],"settle":7}',
    b'{"settle":{"EUR":7}}',
    b'{"seen":7,"release":"x"}',
)


@pytest.mark.parametrize("stored", POISONED)
@pytest.mark.parametrize("to_json", [recipient, suppressions])
def test_a_poisoned_recipient_is_shown_or_refused(stored: bytes, to_json: ToJson) -> None:
    person = person_at("acme", "+447810000001")
    shown_or_500(lambda: to_json(person, decode_row(stored), 1_767_268_800_000_000))


@pytest.mark.parametrize("stored", POISONED)
def test_a_poisoned_account_or_message_is_shown_or_refused(stored: bytes) -> None:
    poisoned = rows()
    row = Row(stored, None)
    poisoned.apply({b"acme/odd": row, message_key("acme/teekrr", "odd").encode(): row}, 1)
    shown_or_500(lambda: credit_at(poisoned, ALL, "acme/odd", None))
    shown_or_500(lambda: credit_at(poisoned, ACME, "acme/teekrr", "odd"))


def shown_or_500(shown: Callable[[], Json]) -> None:
    """Let an answer pass, and a refusal that says what is wrong with the row."""
    with suppress(UnreadableRow):
        assert answer_from_row("table", shown).status == 200
