"""The row of a recipient: what is stored, and how it stays small.

A row is JSON with sorted keys, so that equal rows are equal bytes; empty parts are left out:

- ``events``: how many distinct events were applied;
- ``memory``: ids of recent events, see :mod:`app.domain.memory`;
- ``dates``: events with an unbelievable or old date, ``{"skewed": 2, "late": 1}``;
- ``channels``: a :class:`Channel` for each that has seen an event.

Everything but a channel's ``suppression`` and ``trial`` is a function of the set of events alone: counts add up, the
newest is a maximum, and `keep_fact` keeps the same facts whatever the order. Those two follow from the facts, the
policy and the ends that have passed. A list of facts holds the 16 newest and the first of each of the 16 newest days
that have one: at most 32. A channel stays below 20 kB, usually 0.4 kB; the memory below 10 bytes an id, 655 kB at its
highest setting.

Reports that name no recipient have rows of their own beside these: :mod:`app.domain.unaddressed`.
"""

from bisect import insort
from typing import Any, TypedDict

import orjson

from app.domain.clock import DAY
from app.domain.memory import Memory

KEPT = 16
"""Newest facts, and newest days with their first fact."""

Fact = list[Any]
"""Moment, event id and more; lists compare by these two first, and JSON gives them back as they were."""


class Suppression(TypedDict):
    """A suppression as it was announced."""

    reason: str
    since: int
    until: int | None
    tier: int
    cause: str
    evidence: list[str]
    by: str


class Channel(TypedDict, total=False):
    """What is known of a recipient on one channel."""

    failed: dict[str, dict[str, int]]
    """Failures by attribution and reason: ``{"RECIPIENT": {"invalid_recipient": 3}}``."""
    confirmed: dict[str, int]
    """Good news by kind: ``{"delivered": 7, "read": 2}``."""
    requested: dict[str, int]
    """Requests by action: ``{"suppress": 1}``."""
    degraded: int
    """Failures left out because their provider was degraded when they happened."""
    last_failure: Fact
    """Moment and reason."""
    last_success: int
    """Moment of the newest delivery or reading."""
    permanent: list[Fact]
    """Failures: moment, event id, reason."""
    transient: list[Fact]
    """The same; none from days before that of the last success."""
    opt_outs: list[Fact]
    """Moment, event id, reason, who asked."""
    consent: Fact
    """The newest: moment, event id."""
    request: Fact
    """The newest to suppress: moment, event id, reason, who asked, until when."""
    lifts: list[Fact]
    """Those that a person or a system answers for: moment, event id, who."""
    suppression: Suppression
    """The one in force, as last announced; for a tenant in dry run by opt-outs and requests alone."""
    trial: Suppression
    """For a tenant in dry run: the one that failures would have put in force, as last announced."""


class Row:
    """A decoded row. The reducers change it in place: decode once for a batch, encode once at its end."""

    __slots__ = ("memory", "tree")

    def __init__(self, tree: dict[str, Any]) -> None:
        self.tree = tree
        self.memory = Memory(tree["memory"])

    @property
    def channels(self) -> dict[str, Channel]:
        """The channels that have seen an event."""
        channels: dict[str, Channel] = self.tree["channels"]
        return channels

    def channel(self, name: str) -> Channel:
        """Return a channel, a new one if it has seen no event."""
        channels = self.channels
        found = channels.get(name)
        if found is None:
            found = channels[name] = {}
        return found


def decode_row(value: bytes | None) -> Row:
    """Return the row of these bytes; None is a recipient nobody has heard of."""
    return Row(orjson.loads(value) if value else {"events": 0, "memory": {}, "channels": {}})


def encode_row(row: Row) -> bytes:
    """Return a row's bytes; equal rows have equal bytes."""
    return orjson.dumps(row.tree, option=orjson.OPT_SORT_KEYS)


def add_one(counts: dict[str, int], name: str) -> None:
    """Count one more."""
    counts[name] = counts.get(name, 0) + 1


def drop_days_before(facts: list[Fact], at: int) -> None:
    """Drop the facts of the days before a moment's day: whole days, or what is kept would depend on the order."""
    day = at // DAY
    facts[:] = [each for each in facts if each[0] // DAY >= day]


def keep_fact(facts: list[Fact], fact: Fact) -> None:
    """Add a fact, and drop those beyond the bounds; the result is the same in any order of calls."""
    insort(facts, fact)
    if len(facts) <= KEPT:
        return
    first_of_day: dict[int, Fact] = {}
    for each in facts:
        first_of_day.setdefault(each[0] // DAY, each)
    newest = facts[-KEPT:]
    firsts = [each for each in list(first_of_day.values())[-KEPT:] if each < newest[0]]
    facts[:] = firsts + newest
