"""The same events in any order end in the same row, byte for byte but for the count of what was announced."""

from collections.abc import Iterable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.policy import Policy
from app.domain.recipients import expire
from app.domain.rows import Row, decode_row, encode_row
from tests.unit.domain.samples import DAY, HOUR, NOW, POLICY, T0, asked, confirmed, failed, gone
from tests.unit.domain.test_recipients import DRY, KEY, Event, apply

LATER = T0 + 400 * DAY
"""When everything has arrived."""


def row_after(events: Iterable[Event], clock: Iterable[int] = (), last: int = LATER, policy: Policy = POLICY) -> bytes:
    """Apply events at the moments of a clock, store the row after each, and end what is over at the end."""
    row = decode_row(None)
    moments = iter(clock)
    for event in events:
        now = next(moments, last)
        apply(row, event, now, policy, degraded=event["event_id"].startswith("degraded"))
        expire(row, KEY, policy, now)
        row = decode_row(encode_row(row))
    expire(row, KEY, policy, last)
    return without_told(row)


def without_told(row: Row) -> bytes:
    """Return a row's bytes without the count of announcements: how many there are on the way depends on the order."""
    for channel in row.channels.values():
        channel.pop("told", None)
    return encode_row(row)


def kept(name: str, *events: Event) -> Any:  # noqa: ANN401 - pytest publishes no type for parameter sets
    return pytest.param(events, id=name)


def kept_with(name: str, left: dict[str, str], *events: Event) -> Any:  # noqa: ANN401 - pytest publishes no type
    return pytest.param(events, left, id=name)


@pytest.mark.parametrize(
    "events",
    [
        kept(
            "relapses and a lift",
            gone("a", T0),
            gone("b", T0 + 91 * DAY),
            gone("c", T0 + 30 * DAY, "recipient_disabled"),
            asked("d", T0 + 40 * DAY, "lift"),
            gone("e", T0 + 41 * DAY),
            confirmed("f", T0 + 50 * DAY),
            gone("g", T0 + 390 * DAY),
        ),
        kept(
            "transient failures and deliveries",
            failed("a", T0),
            failed("b", T0 + DAY),
            confirmed("c", T0 + DAY + HOUR),
            failed("d", T0 + DAY + 2 * HOUR),
            failed("e", T0 + 2 * DAY),
            failed("f", T0 + 3 * DAY),
            failed("g", T0 + 4 * DAY),
        ),
        kept(
            "all at the same moment",
            gone("a", T0),
            gone("b", T0, "recipient_opted_out"),
            confirmed("c", T0, "opted_in"),
            asked("d", T0, "lift"),
            asked("e", T0, "suppress"),
            confirmed("f", T0),
            failed("g", T0),
        ),
        kept(
            "opt-outs, consent and people",
            gone("a", T0, "recipient_opted_out"),
            confirmed("b", T0 + DAY, "opted_in"),
            gone("c", T0 + 2 * DAY, "recipient_opted_out"),
            asked("d", T0 + 3 * DAY, "lift", requested_by="provider:prelude"),
            asked("e", T0 + 4 * DAY, "suppress", until=T0 + 500 * DAY),
            confirmed("f", T0 + 5 * DAY, "opted_in"),
            asked("g", T0 + 6 * DAY, "suppress", until=T0 + 7 * DAY),
        ),
        kept(
            "dates that are not believed, a degraded provider, a repeat",
            gone("a", T0 + 900 * DAY, received_at=T0 + DAY),
            gone("b", 0, received_at=T0 + 2 * DAY),
            gone("c", T0, received_at=T0 + 40 * DAY),
            failed("degraded", T0 + DAY),
            failed("e", T0 + DAY),
            failed("e", T0 + DAY),
            failed("f", T0 + 2 * DAY, "rate_limited", attribution="SENDER"),
        ),
    ],
)
def test_all_orders_of_seven_events_end_in_the_same_row(events: tuple[Event, ...]) -> None:
    """All 5,040 orders, half of them with moments of arrival that pass ends of suppressions on the way."""
    rows = {row_after(order) for order in permutations(events)}
    assert len(rows) == 1


@pytest.mark.parametrize(
    ("events", "left"),
    [
        kept_with(
            "everything is in force",
            {"suppression": "opt_out", "trial": "failure"},
            gone("a", T0),
            asked("b", T0 + DAY, "lift"),
            gone("c", T0 + 2 * DAY, "recipient_opted_out"),
            confirmed("d", T0 + 3 * DAY, "opted_in"),
            asked("e", T0 + 4 * DAY, "suppress", until=T0 + 20 * DAY),
            gone("f", T0 + 5 * DAY, "recipient_opted_out"),
            gone("g", T0 + 6 * DAY),
        ),
        kept_with(
            "a request and transient failures, of which a delivery takes back some",
            {"suppression": "request", "trial": "failure"},
            *(failed(f"t{day}", T0 + day * DAY) for day in (0, 4, 5, 6)),
            confirmed("d", T0 + 3 * DAY),
            asked("q", T0 + 2 * DAY, "suppress"),
            gone("g", T0 + DAY),
        ),
        kept_with(
            "a lift after all but a STOP",
            {"suppression": "opt_out"},
            gone("a", T0),
            asked("b", T0, "suppress"),
            gone("c", T0, "recipient_opted_out"),
            asked("d", T0 + HOUR, "lift"),
            asked("e", T0 + 2 * HOUR, "suppress", reason="recipient_opted_out", requested_by="provider:prelude"),
            confirmed("f", T0 + 2 * HOUR),
            confirmed("g", T0 + HOUR, "opted_in"),
        ),
    ],
)
def test_all_orders_of_seven_events_in_dry_run_end_in_the_same_row(
    events: tuple[Event, ...], left: dict[str, str]
) -> None:
    """Failures, opt-outs, requests, lifts, consent and deliveries of a tenant in dry run; some ends pass on the way."""
    last = T0 + 30 * DAY
    clock = [T0 + days * DAY for days in (6, 8, 15, 21, 22, 23, 30)]
    rows = {row_after(order, clock, last, DRY) for order in permutations(events)}
    assert len(rows) == 1
    channel: dict[str, Any] = {**decode_row(rows.pop()).channels["email"]}
    assert {place: channel[place]["cause"] for place in ("suppression", "trial") if place in channel} == left


_HOURS = st.integers(0, 60 * 24)
_REASONS = st.sampled_from(["invalid_recipient", "recipient_disabled", "recipient_opted_out", "recipient_suppressed"])


@st.composite
def any_event(draw: st.DrawFn) -> Event:
    """Return an event of any kind in sixty days; ids are unlikely to meet."""
    at = T0 + draw(_HOURS) * HOUR
    event = draw(st.uuids()).hex
    kind = draw(st.sampled_from(["failed", "failed", "failed", "gone", "confirmed", "opted_in", "suppress", "lift"]))
    if kind == "gone":
        return gone(event, at, draw(_REASONS))
    if kind == "failed":
        return failed(draw(st.sampled_from(["", "degraded"])) + event, at)
    if kind == "suppress":
        return asked(event, at, kind, until=draw(st.sampled_from([None, at + 5 * DAY])))
    if kind == "lift":
        return asked(event, at, kind, requested_by=draw(st.sampled_from(["eve", ""])))
    return confirmed(event, at, "delivered" if kind == "confirmed" else kind)


@pytest.mark.parametrize("policy", [POLICY, DRY], ids=["", "dry run"])
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_order_of_many_events_ends_in_the_same_row(policy: Policy, data: st.DataObject) -> None:
    """Beyond every bound of the row, at any moments of arrival, with repeats."""
    events = data.draw(st.lists(any_event(), max_size=60))
    events += data.draw(st.lists(st.sampled_from(events), max_size=5)) if events else []
    mixed = data.draw(st.permutations(events))
    clock = sorted(T0 + hours * HOUR for hours in data.draw(st.lists(_HOURS, max_size=60)))
    last = T0 + data.draw(st.integers(60, 200)) * DAY
    assert row_after(events, (), last, policy) == row_after(mixed, clock, last, policy)


def test_a_hot_recipient_keeps_a_small_row() -> None:
    """Ten thousand failures of every kind in one day, in two orders: the same row, of which the facts are 12 kB."""
    events: list[Event] = []
    for i in range(10_000):
        at = T0 + i * DAY // 10_000
        kind = (gone, failed)[i % 2]
        events.append(kind(f"e{i}", at, ("recipient_opted_out", "mailbox_full", "invalid_recipient")[i % 3]))
    mixed = sorted(events, key=lambda event: hash(event["event_id"][::-1]))
    rows = []
    for order in (events, mixed):
        row = decode_row(None)
        for event in order:
            apply(row, event, NOW)
        rows.append(row)
    assert without_told(rows[0]) == without_told(rows[1])
    assert len(encode_row(rows[0])) < 10 * 10_000 + 12_000
    assert rows[0].channels["email"]["failed"]["RECIPIENT"] == {
        "recipient_opted_out": 3334,
        "mailbox_full": 3333,
        "invalid_recipient": 3333,
    }
