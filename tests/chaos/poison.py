"""Poison: records that nobody should write. Each is made from its kind, its number and where it is published."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from random import Random
from typing import NamedTuple

from tests.chaos.people import person
from tests.chaos.webhooks import Micros

HEADER = "chaos-poison"
"""Header of every record of the poison: its id and its kind."""
TENANT = "poisoned"
"""Of whom nothing else is heard."""

Headers = list[tuple[str, bytes]]


class Effect(Enum):
    """What a record must bring about."""

    DEAD_LETTER = "one dead letter that names its place"
    ORDINARY = "what the same record would bring about in the load"
    PASSED_OVER = "nothing: no agent reads it"


class Poison(NamedTuple):
    """What is mixed into a load in one place."""

    number: int
    kind: str
    """A name of the catalogue."""
    part: int = 0
    """Which of several records with one number."""

    @property
    def header(self) -> tuple[str, bytes]:
        """The header by which its record is recognised."""
        return HEADER, f"{self.number}.{self.part} {self.kind}".encode()


class Draft(NamedTuple):
    """A record as it is to be written."""

    topic: str
    value: bytes | None
    key: bytes | None
    headers: Headers
    timestamp_ms: int | None
    """None: now."""
    partition: int | None = None
    """None: that of its key."""
    compressed: bool = False
    unreadable_names: bool = False
    """One header more, whose name is no UTF-8."""


class Situation(NamedTuple):
    """Where and when poison is written."""

    poison: Poison
    at: Micros
    """When it is received, as its neighbours in the load are."""
    partitions: int

    @property
    def rng(self) -> Random:
        """Chooses what is open; the same number makes the same record."""
        return Random(self.poison.number)  # noqa: S311 - load, no secret

    @property
    def name(self) -> str:
        """An id that nothing else has."""
        return f"poison-{self.poison.number}"

    @property
    def phone(self) -> str:
        """The number of somebody of whom nothing else is heard."""
        return person(999_999 - self.poison.number % 400_000).phone

    def headers(self, about: Sequence[tuple[str, bytes]] = (), part: int = 0) -> Headers:
        """Return headers with the one by which the record is recognised."""
        return [*about, self.poison._replace(part=part).header]


class Kind(NamedTuple):
    """One sort of poison."""

    make: Callable[[Situation], list[Draft]] | None
    """None: records of the load are made hostile, and keep their meaning."""
    effect: Effect = Effect.DEAD_LETTER
    records: int = 1
    big: bool = False
    """So large that there should be few of them."""


Kinds = Mapping[str, Kind]


def read_header(headers: Sequence[tuple[str, bytes]]) -> tuple[str, str] | None:
    """Return the id and the kind of a record of the poison; None: it is none."""
    for name, value in headers:
        if name == HEADER:
            identity, _, kind = value.decode().partition(" ")
            return identity, kind
    return None
