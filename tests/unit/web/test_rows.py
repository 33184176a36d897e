from typing import Any

import orjson
import pytest

from app.domain.accounts import Message, decode_account
from app.domain.rows import Row, decode_row
from app.identity import Address, canonical
from app.vocabulary import AddressKind
from app.web.rows import Person, account, message, moment, recipient, suppressions

NOON = 1_767_268_800_000_000
"""2026-01-01T12:00:00Z."""
DAY = 86_400_000_000
PHONE = Person("acme", canonical("+447810000001", ""))
EMAIL = Person("acme", canonical("Ana@Example.com", ""))
SUPPRESSION = {
    "reason": "invalid_recipient",
    "since": NOON - DAY,
    "until": NOON + DAY,
    "tier": 2,
    "cause": "failure",
    "evidence": ["e1", "e2"],
    "by": "",
}
SUPPRESSED = {
    "state": "suppressed",
    "reason": "invalid_recipient",
    "since": "2025-12-31T12:00:00.000000Z",
    "until": "2026-01-02T12:00:00.000000Z",
    "tier": 2,
    "cause": "failure",
    "evidence": ["e1", "e2"],
    "requested_by": "",
}
ALLOWED = {"state": "allowed"}


def row(**channels: dict[str, Any]) -> Row:
    return decode_row(orjson.dumps({"events": 9, "memory": {"20454": "aaaaaaaaaa"}, "channels": channels}))


def sent(shown: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return what arrives at the other side."""
    return orjson.loads(orjson.dumps(shown))


def test_a_recipient_shows_every_count_and_which_channels_are_open() -> None:
    """Ids kept to recognise repeats stay out, and a channel that never saw an event is open."""
    sms = {
        "failed": {"RECIPIENT": {"invalid_recipient": 3, "mailbox_full": 1}, "CARRIER": {"routing_error": 2}},
        "confirmed": {"delivered": 7, "read": 2},
        "requested": {"suppress": 1},
        "degraded": 4,
        "last_failure": [NOON - DAY, "invalid_recipient"],
        "last_success": NOON - 2 * DAY,
        "permanent": [[NOON - DAY, "e2", "invalid_recipient"]],
        "suppression": SUPPRESSION,
    }
    assert sent(recipient(PHONE, row(sms=sms), NOON)) == {
        "tenant": "acme",
        "address": "+447810000001",
        "kind": "phone",
        "may_message": ["whatsapp"],
        "events": 9,
        "channels": {
            "sms": {
                "failures": 6,
                "failures_by_attribution": {
                    "RECIPIENT": {"invalid_recipient": 3, "mailbox_full": 1},
                    "CARRIER": {"routing_error": 2},
                },
                "failures_left_out": 4,
                "last_failure": {"at": "2025-12-31T12:00:00.000000Z", "reason": "invalid_recipient"},
                "confirmations": {"delivered": 7, "read": 2},
                "last_success": "2025-12-30T12:00:00.000000Z",
                "requests": {"suppress": 1},
                "suppression": SUPPRESSED,
                "trial": None,
            }
        },
    }


def test_a_channel_with_nothing_but_a_first_event_has_every_field() -> None:
    assert sent(recipient(EMAIL, row(email={}), NOON)) == {
        "tenant": "acme",
        "address": "Ana@example.com",
        "kind": "email",
        "may_message": ["email"],
        "events": 9,
        "channels": {
            "email": {
                "failures": 0,
                "failures_by_attribution": {},
                "failures_left_out": 0,
                "last_failure": None,
                "confirmations": {},
                "last_success": None,
                "requests": {},
                "suppression": ALLOWED,
                "trial": None,
            }
        },
    }


def test_suppressions_answer_for_every_channel_the_address_can_have() -> None:
    assert sent(suppressions(PHONE, row(whatsapp={"suppression": SUPPRESSION}), NOON)) == {
        "tenant": "acme",
        "address": "+447810000001",
        "kind": "phone",
        "channels": {"sms": ALLOWED, "whatsapp": SUPPRESSED},
    }


@pytest.mark.parametrize(
    ("change", "now", "shown"),
    [
        ({}, NOON + DAY - 1, SUPPRESSED),
        ({}, NOON + DAY, ALLOWED),
        ({"until": None}, NOON + 999 * DAY, SUPPRESSED | {"until": None}),
    ],
    ids=["in force", "over at its very end", "without end"],
)
def test_only_what_is_in_force_closes_a_channel(change: dict[str, Any], now: int, shown: dict[str, Any]) -> None:
    stored = row(email={"suppression": SUPPRESSION | change})
    assert suppressions(EMAIL, stored, now)["channels"] == {"email": shown}
    assert recipient(EMAIL, stored, now)["may_message"] == (["email"] if shown is ALLOWED else [])


def test_a_trial_closes_no_channel() -> None:
    """What failures would have done to a tenant in dry run is shown apart while it lasts."""
    stored = row(email={"trial": SUPPRESSION})
    assert suppressions(EMAIL, stored, NOON)["channels"] == {"email": ALLOWED}
    shown = recipient(EMAIL, stored, NOON)
    assert (shown["may_message"], shown["channels"]["email"]["trial"]) == (["email"], SUPPRESSED)
    assert recipient(EMAIL, stored, NOON + DAY)["channels"]["email"]["trial"] is None


def test_an_address_that_is_none_has_the_channels_it_was_tried_on() -> None:
    nobody = Person("acme", Address("12", AddressKind.INVALID, "12"))
    assert suppressions(nobody, row(sms={}), NOON)["channels"] == {"sms": ALLOWED}


def test_an_account_shows_its_sums() -> None:
    tree = {
        "tenant": "acme",
        "currency": "EUR",
        "granted": 10_000_000,
        "available": 6_000_000,
        "reserved": 1_000_000,
        "spent": 3_000_000,
        "events": 12,
        "newest": NOON,
        "counts": {"stale": 1},
        "memory": {"20454": "aaaaaaaaaa"},
    }
    assert sent(account("acme/teekrr", decode_account(orjson.dumps(tree), ""))) == {
        "account": "acme/teekrr",
        "tenant": "acme",
        "currency": "EUR",
        "granted_micros": 10_000_000,
        "available_micros": 6_000_000,
        "reserved_micros": 1_000_000,
        "spent_micros": 3_000_000,
        "sequence": 12,
        "last_event_at": "2026-01-01T12:00:00.000000Z",
        "oddities": {"stale": 1},
        "frozen": False,
    }


RESERVED: Message = {"reserve": [NOON, "r1", 500, "EUR"], "newest": NOON}


@pytest.mark.parametrize(
    ("stored", "state", "reserved", "spent"),
    [
        (RESERVED, "reserved", 500, 0),
        (RESERVED | {"settle": {"EUR": [NOON, "s1", 450]}}, "settled", 0, 450),
        (RESERVED | {"settle": {"": [NOON, "s1", None]}}, "settled", 0, 500),
        (RESERVED | {"release": NOON}, "released", 0, 0),
        (RESERVED | {"release": NOON, "keep": NOON}, "kept", 0, 500),
        ({"settle": {"EUR": [NOON, "s1", 450]}}, "unreserved", 0, 0),
    ],
)
def test_a_message_says_where_its_money_is(stored: Message, state: str, reserved: int, spent: int) -> None:
    shown = message("acme/teekrr", "m-1", "acme", stored)
    assert (shown["state"], shown["reserved_micros"], shown["spent_micros"]) == (state, reserved, spent)


def test_a_message_shows_what_was_reported_of_it() -> None:
    stored: Message = {
        "reserve": [NOON, "r1", 500, "EUR"],
        "settle": {"EUR": [NOON + 1, "s1", 450]},
        "release": NOON + 2,
        "seen": "aaaaaaaaaabbbbbbbbbbcccccccccc",
        "newest": NOON + 2,
    }
    assert sent(message("acme/teekrr", "m-1", "acme", stored)) == {
        "account": "acme/teekrr",
        "tenant": "acme",
        "message_id": "m-1",
        "state": "settled",
        "reserved_micros": 0,
        "spent_micros": 450,
        "reservation": {"at": "2026-01-01T12:00:00.000000Z", "amount_micros": 500, "currency": "EUR"},
        "charges": [{"at": "2026-01-01T12:00:00.000001Z", "amount_micros": 450, "currency": "EUR"}],
        "failed_at": "2026-01-01T12:00:00.000002Z",
        "bounced_at": None,
        "last_event_at": "2026-01-01T12:00:00.000002Z",
        "oddities": ["contradicted"],
    }


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (None, None),
        ((1 << 63) - 1, "9999-12-31T23:59:59.999999Z"),
        (-(1 << 63), "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_times_are_rfc_3339(micros: int | None, text: str | None) -> None:
    assert moment(micros) == text
