"""Collects what a load sends; every choice is made by one seeded generator, relative to one base time."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple
from uuid import UUID

import orjson

from app.events import CreditRequested, SuppressionRequested
from tests.chaos.catalogue import Kind
from tests.chaos.people import People
from tests.chaos.poison import Poison
from tests.chaos.webhooks import Body, Meaning, Micros, Webhook

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
CURRENCY = "MYR"
MICROS_PER_CENT = 10_000

_ENDS_AFTER_DAYS = (2, 3, 6, 7, 10, 30)
"""How long suppressions of the last twelve days may last."""
_QUIET = 4 * HOUR
"""No suppression ends so soon after the base time: it would be open which way the rows are when they are compared."""
_BIG_SHARE = 0.5
_SMALL_ACCOUNTS = 20


class Payer(NamedTuple):
    """Who sends a message, and on which account."""

    tenant: str
    account: str
    """Empty: the tenant's own at the provider, which no header names."""


TRIAL = "trial"
"""The tenant in dry run."""
BIG = Payer("acme", "")
"""Pays for half of all messages."""


class Ordered(NamedTuple):
    """Something to be published, and when it is its turn."""

    turn: Micros
    webhook: Webhook | None = None
    command: CreditRequested | None = None
    request: SuppressionRequested | None = None
    keyless: bool = False
    """Written without its key, to any partition."""
    poison: Poison | None = None
    """Beside one of the others: that is the poison, and is written as it is."""

    def timestamp_ms(self, base: Micros) -> int:
        """Return the timestamp of its record; a grant, which comes first of all, is as old as it says."""
        if self.command and not self.turn:
            return self.command["occurred_at"] // 1000
        return min(self.turn, base) // 1000


class Author:
    """What stories are written with."""

    def __init__(self, rng: Random, base: Micros, people: People, shuffle: Micros, forget_days: int) -> None:
        self.rng = rng
        self.base = base
        self.people = people
        self.forget_days = forget_days
        """How long the product remembers a message after it was heard of."""
        self.items: list[Ordered] = []
        self.webhooks = 0
        self._shuffle = shuffle
        self._numbers = 0

    def number(self) -> int:
        """Return a number that nothing else has."""
        self._numbers += 1
        return self._numbers

    def uuid(self) -> str:
        """Return a random id."""
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def payer(self) -> Payer:
        """Return who sends the next message."""
        if self.rng.random() < _BIG_SHARE:
            return BIG
        number = min(int(self.rng.expovariate(0.25)), _SMALL_ACCOUNTS - 1)
        return payers()[1 + number]

    def tenant(self) -> str:
        """Return whose message the next one is, where no credit is involved."""
        return self.rng.choices(("acme", "bistro", TRIAL), (70, 15, 15))[0]

    def moment(self, days: float) -> Micros:
        """Return a moment of the last days, in whole milliseconds."""
        at = self.base - self.rng.randrange(round(days * DAY))
        return self.settled(at // 1000 * 1000)

    def settled(self, at: Micros) -> Micros:
        """Move a moment so that no suppression which begins at it ends while the load runs."""
        for days in _ENDS_AFTER_DAYS:
            if -10 * MINUTE < at - (self.base - days * DAY) < _QUIET:
                return self.base - days * DAY + _QUIET
        return at

    def pick(self, kinds: Sequence[Kind]) -> Kind:
        """Draw a kind of failure by its weight."""
        return self.rng.choices(kinds, [kind.weight for kind in kinds])[0]

    def send(self, provider: str, payer: Payer, key: str, body: Body | bytes, at: Micros, meaning: Meaning) -> None:
        """Send a webhook that tells of a moment."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        webhook = Webhook(provider, payer.tenant, payer.account, key, content, 0, meaning)
        self.send_again(webhook, at)
        self.webhooks += 1

    def send_again(self, webhook: Webhook, after: Micros) -> None:
        """Send a webhook at some time after a moment."""
        turn = self.turn_after(after)
        received_at = self.settled(min(turn, self.base))
        self.items.append(Ordered(turn, webhook._replace(received_at=received_at)))

    def turn_after(self, at: Micros) -> Micros:
        """Return when it is the turn of something that happened at a moment."""
        at = max(min(at, self.base), self.base - 12 * DAY)
        return at + SECOND + self.rng.randrange(self._shuffle + 1)

    def ask(self, request: SuppressionRequested, at: Micros) -> None:
        """Send a request to suppress or to lift."""
        self.items.append(Ordered(self.turn_after(at), request=request))

    def command(
        self,
        payer: Payer,
        kind: str,
        amount: int,
        at: Micros,
        message: str = "",
        currency: str = CURRENCY,
        delay: Micros = 0,
    ) -> CreditRequested:
        """Send a command of billing, so much later than it says; grants come first of all."""
        command: CreditRequested = {
            "event_id": f"{kind}-{self.number()}",
            "tenant": payer.tenant,
            "account": payer.account or f"{payer.tenant}/teekrr",
            "kind": kind,
            "amount_micros": amount,
            "currency": currency,
            "message_id": message,
            "occurred_at": at,
            "requested_by": "billing",
            "note": "",
        }
        if kind == "grant":
            self.items.append(Ordered(0, command=command))
        else:
            self.command_again(command, delay)
        if self.rng.random() < 0.05:
            self.command_again(command, delay)
        return command

    def command_again(self, command: CreditRequested, delay: Micros) -> None:
        """Send a command at some time after it is due."""
        turn = self.settled(self.turn_after(command["occurred_at"] + delay))
        self.items.append(Ordered(turn, command=command))


def payers() -> tuple[Payer, ...]:
    """Return everybody who has an account at Teekrr, the big one first."""
    names = ("acme", "bistro", TRIAL)
    return (BIG, *(Payer(names[n % 3], f"{names[n % 3]}-{n}") for n in range(_SMALL_ACCOUNTS)))
