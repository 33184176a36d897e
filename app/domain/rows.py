"""The row of a recipient: what is stored, and how it stays small.

A row is JSON with sorted keys, so that equal rows are equal bytes; empty parts are left out:

- ``events``: how many distinct events were applied;
- ``memory``: ids of recent events, see :mod:`app.domain.memory`;
- ``dates``: events with an unbelievable or old date, ``{"skewed": 2, "late": 1}``;
- ``heard``: newest day on which one of its events was received, in a row of good news alone;
- ``channels``: a :class:`Channel` for each that has seen an event.

Everything but a channel's ``suppression``, ``trial`` and ``told`` is a function of the set of events alone: counts add
up, the newest is a maximum, and `keep_fact` keeps the same facts whatever the order. The first two follow from the
facts, the policy and the ends that have passed; ``told`` counts announcements, which do depend on the order.

What a row holds is bounded whatever its events say: channels and counted reasons are words of the vocabulary, texts are
cut by their length in JSON, and a list of facts holds the 16 newest and the first of each of the 16 newest days that
have one: at most 32. A channel stays below 34 kB (the lists in full, every text of the longest), usually 0.4 kB; the
memory at 10 bytes an id and as many a day, 655 kB at its highest setting. So a row stays below 800 kB.

People of whom there is nothing but good news are most of all people. Their rows are 0.15 kB and 10 bytes for each more
id, and are forgotten when nothing was received for ``good_news_days``: nobody was ever told anything of them, and a
failure means the same without deliveries from so long before it, unless it is late. So the table holds those of whom
something was heard lately, and beyond that grows with the failures, wishes and requests that must be remembered.

Reports that name no recipient have rows of their own beside these: :mod:`app.domain.unaddressed`.
"""

from bisect import bisect_left
from typing import Any, TypedDict

import orjson

from app.domain.clock import DAY
from app.domain.memory import Memory, fingerprint
from app.json_bytes import dumps

KEPT = 16
"""Newest facts, and newest days with their first fact."""

LONGEST_ID = 64
LONGEST_NAME = 128
LONGEST_REASON = 64
LONGEST_WORD = 32
"""Bytes in JSON of the id of an event, of who asked, of what people give as reason, and of a failure's reason."""

_MARK = 1 + len(fingerprint(""))
_GOOD_NEWS = frozenset({"confirmed", "last_success"})

Fact = list[Any]
"""Moment, event id and more, as JSON gives them back; they compare by these two first, see `newer`."""


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
    """Failures by attribution and reason: ``{"RECIPIENT": {"invalid_recipient": 3}}``; ``other``: unknown words."""
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
    told: dict[str, int]
    """Sequence of the last announcement of each of the two: ``{"suppression": 7}``."""


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

    @property
    def is_good_news(self) -> bool:
        """Whether nothing but deliveries and readings is known."""
        return all(channel.keys() <= _GOOD_NEWS for channel in self.channels.values())

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
    return dumps(row.tree)


def add_one(counts: dict[str, int], name: str) -> None:
    """Count one more."""
    counts[name] = counts.get(name, 0) + 1


def cut(text: str, longest: int) -> str:
    """Return as much of a text's beginning as takes at most so many bytes in JSON."""
    text = text[:longest]
    while (excess := len(orjson.dumps(text)) - 2 - longest) > 0:
        # no character takes more than six
        text = text[: -((excess + 5) // 6)]
    return text


def kept_id(event_id: str) -> str:
    """Return an event's id as facts keep it: whole, or if it is too long its beginning, ``~`` and its fingerprint.

    Different ids stay different: one that ends as if it were cut is cut as well.
    """
    if event_id[-_MARK : 1 - _MARK] != "~" and cut(event_id, LONGEST_ID) == event_id:
        return event_id
    return f"{cut(event_id, LONGEST_ID - _MARK)}~{fingerprint(event_id)}"


def newer(fact: Fact, known: Fact | None) -> Fact:
    """Return the later of two facts: part by part, and what is without end (None) after what ends at any moment."""
    return fact if known is None else max(known, fact, key=_order)


def _order(fact: Fact) -> list[tuple[bool, Any]]:
    return [(part is None, part) for part in fact]


def drop_days_before(facts: list[Fact], at: int) -> None:
    """Drop the facts of the days before a moment's day: whole days, or what is kept would depend on the order."""
    day = at // DAY
    facts[:] = [each for each in facts if each[0] // DAY >= day]


def keep_fact(facts: list[Fact], fact: Fact) -> None:
    """Add a fact, and drop those beyond the bounds; the result is the same in any order of calls.

    The same fact, as of two reports of one failure at one moment, is kept once.
    """
    place = bisect_left(facts, fact)
    if facts[place : place + 1] == [fact]:
        return
    facts.insert(place, fact)
    if len(facts) <= KEPT:
        return
    first_of_day: dict[int, Fact] = {}
    for each in facts:
        first_of_day.setdefault(each[0] // DAY, each)
    newest = facts[-KEPT:]
    firsts = [each for each in list(first_of_day.values())[-KEPT:] if each < newest[0]]
    facts[:] = firsts + newest
