"""Whatever the fields of a record hold, nothing raises, rows stay within their bound, and the order does not matter."""

from typing import Any, cast

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import avro
from app.domain.policy import Policy
from app.domain.recipients import Applied, expire, next_due
from app.domain.rows import Row, decode_row, encode_row
from app.vocabulary import Attribution, Confidence, Permanence, Reason
from tests.unit.domain.samples import DAY, POLICY, T0, asked, confirmed, failed
from tests.unit.domain.test_recipients import DRY, KEY, Event, apply
from tests.unit.domain.test_recipients_in_any_order import without_told

MOST_OF_A_CHANNEL = 34_000
"""Bytes, as :mod:`app.domain.rows` says."""

_TEXT = st.text(max_size=320) | st.text('\x01"é\U0001f600', max_size=320)
_MOMENT = st.sampled_from([0, T0, T0 + DAY, T0 + DAY + 1]) | st.integers(T0, T0 + 60 * DAY) | st.integers(0, 10**17)
_CHANNEL = st.sampled_from(["sms", "whatsapp", "email", ""]) | _TEXT
_LONG = st.integers(-(2**63), 2**63 - 1)


def _words(words: Any) -> st.SearchStrategy[str]:  # noqa: ANN401 - an enum
    return st.sampled_from([each.value for each in words])


@st.composite
def any_failure(draw: st.DrawFn) -> Event:
    return failed(
        draw(st.text(min_size=1, max_size=128)),
        draw(_MOMENT),
        draw(_words(Reason) | _TEXT),
        received_at=draw(_MOMENT),
        channel=draw(_CHANNEL),
        attribution=draw(st.just("RECIPIENT") | _words(Attribution)),
        permanence=draw(_words(Permanence)),
        confidence=draw(_words(Confidence)),
        event_id_basis=draw(st.sampled_from(["provider_event_id", "content"]) | _TEXT.filter("message".__ne__)),
    )


@st.composite
def any_confirmation(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(["delivered", "read", "opted_in", "accepted"]) | _TEXT)
    event = draw(st.text(min_size=1, max_size=128))
    return confirmed(event, draw(_MOMENT), kind, received_at=draw(_MOMENT), channel=draw(_CHANNEL))


@st.composite
def any_request(draw: st.DrawFn) -> Event:
    return asked(
        draw(st.text(min_size=1, max_size=128)),
        draw(_MOMENT),
        draw(st.sampled_from(["suppress", "lift"])),
        channel=draw(_CHANNEL),
        reason=draw(st.just("recipient_opted_out") | _TEXT),
        requested_by=draw(_TEXT),
        until=draw(st.none() | _LONG | _MOMENT),
    )


_EVENTS = st.lists(any_failure() | any_confirmation() | any_request(), max_size=40, unique_by=lambda e: e["event_id"])


def encodable(applied: Applied) -> None:
    """See that what is announced fits its schema."""
    for output in applied.outputs:
        avro.encode(output.topic, output.value)


def row_after(events: list[Event], policy: Policy, last: int) -> Row:
    """Apply events, each to the row as it was stored after the one before it, and let the clock pass."""
    row = decode_row(None)
    for event in events:
        encodable(apply(row, event, last, policy, degraded=event["event_id"] > "m"))
        row = decode_row(encode_row(row))
    next_due(row, policy)
    encodable(expire(row, KEY, policy, last))
    return row


@pytest.mark.parametrize("policy", [POLICY, DRY], ids=["", "dry run"])
@settings(max_examples=150, deadline=None)
@given(events=_EVENTS, last=_MOMENT, data=st.data())
def test_any_records_in_any_order_end_in_the_same_small_row(
    policy: Policy, events: list[Event], last: int, data: st.DataObject
) -> None:
    """Texts of any characters, moments to the year 5138, channels and words that nobody knows."""
    row = row_after(events, policy, last)
    assert without_told(row) == without_told(row_after(data.draw(st.permutations(events)), policy, last))
    assert set(row.channels) <= {"sms", "whatsapp", "email"}
    assert all(len(orjson.dumps(channel)) < MOST_OF_A_CHANNEL for channel in row.channels.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), _MOMENT, _words(Reason), st.text(max_size=9)), max_size=20))
def test_reports_that_share_ids_raise_nothing(drawn: list[tuple[str, int, str, str]]) -> None:
    """Two reports of one failure, and ids that contradict each other: the first of a kind counts."""
    row = decode_row(None)
    for event, at, reason, outcome in drawn:
        encodable(apply(row, failed(event, at, reason, event_id_basis="message", outcome=outcome)))
    assert sum(row.channels.get("email", {}).get("failed", {}).get("RECIPIENT", {}).values()) == len(
        {event for event, *_ in drawn}
    )


def worst_row(text: str) -> Row:
    """Return a row with every part of a channel in full, each text and number the longest there can be."""
    row = decode_row(None)
    # twenty events of a kind a day for twenty days, so far away that moments have all their digits
    for number in range(400):
        at = 10**17 + (number // 20) * DAY + number % 20
        name = f"{text[:120]}{number}"
        apply(row, failed(f"{name}t", at, text), at)
        apply(row, failed(f"{name}p", at, text, permanence="PERMANENT"), at)
        apply(row, asked(f"{name}o", at, "suppress", reason="recipient_opted_out", requested_by=text), at)
        apply(row, asked(f"{name}l", at - 1, "lift", requested_by=text), at)
        apply(row, asked(f"{name}q", at, "suppress", reason=text, requested_by=text, until=2**63 - 1), at)
    for attribution in (*Attribution, "NOBODY"):
        for reason in (*Reason, text):
            apply(row, failed(f"{attribution}{reason}", T0, str(reason), attribution=str(attribution)))
    for kind in ("delivered", "read", "opted_in"):
        apply(row, confirmed(f"{text[:120]}{kind}", 10**17, kind))
    return row


@pytest.mark.parametrize(
    ("text", "least"),
    [("x" * 320, MOST_OF_A_CHANNEL - 1000), ("\x01" * 320, 0), ("\U0001f600" * 320, 0), ('"' * 320, 0)],
    ids=["letters", "six bytes a character", "four bytes a character", "two bytes a character"],
)
def test_the_worst_channel_stays_within_its_bound(text: str, least: int) -> None:
    """Counts of ten million, and both announcements with all the evidence there can be; the bound is no wider."""
    row = worst_row(text)
    (channel,) = cast("list[dict[str, Any]]", row.channels.values())
    lists = ("permanent", "transient", "opt_outs", "lifts")
    assert [len(channel[name]) for name in lists] == [32, 32, 32, 32]
    assert {reason for counts in channel["failed"].values() for reason in counts} == {*Reason, "other"}
    _, event, reason, by, until = channel["request"]
    told = {"reason": reason, "since": 10**17, "until": until, "tier": 32, "cause": "failure", "by": by}
    told["evidence"] = [event] * 16
    channel |= {"suppression": told, "trial": told, "told": {"suppression": 10**7, "trial": 10**7}, "degraded": 10**7}
    channel["failed"] = {name: dict.fromkeys(counts, 10**7) for name, counts in channel["failed"].items()}
    assert least < len(orjson.dumps(channel)) < MOST_OF_A_CHANNEL


def test_a_row_of_a_crowd_of_names_stays_one_of_three_channels() -> None:
    """Ten thousand reports on as many channels leave the ids, and nothing besides."""
    row = decode_row(None)
    for number in range(10_000):
        apply(row, failed(f"e{number}", T0, channel=f"channel-{number}"))
    assert len(encode_row(row)) < 10 * 10_000 + 100
