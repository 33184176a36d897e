"""Joins a message's events with its recipient, in either order.

Some providers name the recipient in a message's first event only, and webhooks arrive in any order. A row per message
keeps the recipient for the events to come, and parks the events that came before it. Parked events go out without a
recipient when the wait is over: a failure that nobody can be told of is still a failure.

A row stays below 200 kB: at most 64 events of a message wait or are remembered to have gone out without a recipient.
An event beyond that is refused; no provider reports so many of one message before it names the recipient.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypedDict

import orjson

from app.errors import BadInputError
from app.identity import recipient_key
from app.json_bytes import dumps
from app.outputs import Introduction, Output

MICROS_PER_SECOND = 1_000_000
MOST_EVENTS = 64
MOST_BYTES = 200_000
"""Of a row, as JSON."""
RETENTION_S = 15 * 24 * 3600
"""Longer than the two weeks for which Prelude sends an event again."""


class Recipient(TypedDict):
    """What an introduction says of a message."""

    recipient: str
    recipient_kind: str
    recipient_given: str


class Parked(TypedDict):
    """An output that waits for its recipient."""

    topic: str
    key: str
    value: dict[str, Any]
    due: int
    """When it goes out without one."""


class Row(TypedDict):
    """All that is known of one message; changed by making a new one."""

    recipient: Recipient | None
    parked: dict[str, Parked]
    """By topic and event id, so that an event that comes again is parked once."""
    unaddressed: list[str]
    """Those that went out without a recipient: they would count twice if they came again."""
    forget_at: int


class Joined(NamedTuple):
    """A row after a change, and the outputs that are free to go."""

    row: Row
    released: tuple[Output, ...] = ()


class Expired(NamedTuple):
    """What time left of a row, and the outputs that go out without a recipient."""

    row: Row | None
    released: tuple[Output, ...] = ()


def encode(row: Row) -> bytes:
    """Return a row as JSON with sorted keys: equal rows are equal bytes."""
    return dumps(row)


def decode(value: bytes) -> Row:
    """Return the row that :func:`encode` made these bytes of."""
    row: Row = orjson.loads(value)
    return row


def introduce(row: Row | None, introduction: Introduction, now: int, retention_s: int = RETENTION_S) -> Joined:
    """Keep a message's recipient and release what waited for it; the first introduction stands.

    ``now`` is in microseconds since 1970.
    """
    row = row or _empty()
    recipient = row["recipient"] or _recipient(introduction)
    kept: Row = {
        "recipient": recipient,
        "parked": {},
        "unaddressed": row["unaddressed"],
        "forget_at": _forget_at(row, now, retention_s),
    }
    return Joined(kept, tuple(_completed(_output(parked), recipient) for _, parked in sorted(row["parked"].items())))


def park_or_complete(
    row: Row | None, outputs: Iterable[Output], now: int, wait_s: int, retention_s: int = RETENTION_S
) -> Joined:
    """Release outputs with their recipient where it is known, else park them for ``wait_s``.

    ``now`` is in microseconds since 1970. An event that is parked already, or went out without a recipient, is dropped.

    Raises BadInputError when the row has no room for another event.
    """
    row = row or _empty()
    fresh = {identity: output for output in outputs if (identity := _identity(output)) not in row["unaddressed"]}
    kept: Row = {**row, "forget_at": _forget_at(row, now, retention_s)}
    if row["recipient"] is not None:
        recipient = row["recipient"]
        return Joined(kept, tuple(_completed(output, recipient) for output in fresh.values()))
    due = now + wait_s * MICROS_PER_SECOND
    newly_parked = {identity: _parked(output, due) for identity, output in fresh.items()}
    # the first arrival of an event stays, and with it the time it is due
    return Joined(_bounded({**kept, "parked": {**newly_parked, **row["parked"]}}))


def expire(row: Row, now: int) -> Expired:
    """Release what waited too long, and forget the row when its time is over."""
    forgotten = now >= row["forget_at"]
    over = {name: parked for name, parked in row["parked"].items() if forgotten or now >= parked["due"]}
    released = tuple(_output(parked) for _, parked in sorted(over.items()))
    if forgotten:
        return Expired(None, released)
    if not over:
        return Expired(row)
    waiting = {name: parked for name, parked in row["parked"].items() if name not in over}
    return Expired({**row, "parked": waiting, "unaddressed": sorted({*row["unaddressed"], *over})}, released)


def next_due(row: Row) -> int:
    """Return when :func:`expire` next has something to do, in microseconds since 1970."""
    return min((row["forget_at"], *(parked["due"] for parked in row["parked"].values())))


def _bounded(row: Row) -> Row:
    events = len(row["parked"]) + len(row["unaddressed"])
    if events > MOST_EVENTS or len(encode(row)) > MOST_BYTES:
        raise BadInputError(
            f"message: {events - 1} events without a recipient, expected no more of one message in a row of at most "
            f"{MOST_BYTES} bytes"
        )
    return row


def _empty() -> Row:
    return {"recipient": None, "parked": {}, "unaddressed": [], "forget_at": 0}


def _forget_at(row: Row, now: int, retention_s: int) -> int:
    return max(row["forget_at"], now + retention_s * MICROS_PER_SECOND)


def _recipient(introduction: Introduction) -> Recipient:
    return {
        "recipient": introduction.recipient,
        "recipient_kind": introduction.recipient_kind,
        "recipient_given": introduction.recipient_given,
    }


def _identity(output: Output) -> str:
    return f"{output.topic}/{output.value['event_id']}"


def _parked(output: Output, due: int) -> Parked:
    return {"topic": str(output.topic), "key": output.key, "value": dict(output.value), "due": due}


def _output(parked: Parked) -> Output:
    return Output(parked["topic"], parked["key"], parked["value"])


def _completed(output: Output, recipient: Recipient) -> Output:
    key = recipient_key(output.value["tenant"], recipient["recipient"])
    return Output(output.topic, key, {**output.value, **recipient})
