"""What a load sends, and its maker's own count of what must come of it: none of the product's judgement is used."""

from collections import Counter, defaultdict
from random import Random
from typing import NamedTuple

import orjson

from app.demo.documents import Failure
from app.demo.figures import Balance, Figures, Raised, Suppressed
from app.demo.payloads import CURRENCY, Body
from app.events import CreditRequested, Micros
from app.vocabulary import AlertKind, Channel, Confirmation, CreditCommand, Provider, Reason

ACME = "acme"
"""A tenant that sends through all four providers, with credit to spare."""
ACME_ACCOUNT = "acme/teekrr"
BISTRO = "bistro"
"""A tenant that sends through Teekrr alone and is about to run out of credit."""
BISTRO_ACCOUNT = "bistro-prepaid"

MICROS_PER_CENT = 10_000
MINUTE = 60_000_000

_OUR_FAULTS = frozenset(
    {
        Reason.SENDER_CREDENTIALS,
        Reason.SENDER_NOT_REGISTERED,
        Reason.SENDER_REPUTATION,
        Reason.SENDER_ACCOUNT_RESTRICTED,
        Reason.INSUFFICIENT_FUNDS,
        Reason.QUOTA_EXCEEDED,
        Reason.TEMPLATE_ERROR,
        Reason.INVALID_REQUEST,
    }
)
"""Reasons of which a person is told."""


class Webhook(NamedTuple):
    """A request to the gateway, before it is signed."""

    tenant: str
    provider: Provider
    body: bytes
    malformed: bool = False


class Book:
    """Collects webhooks, commands and expectations; with the seeded generator and the present that all of it uses."""

    def __init__(self, rng: Random, now: Micros) -> None:
        self.rng = rng
        self.now = now
        self.stories: list[list[Webhook]] = []
        """The webhooks of each message in the order in which they happened."""
        self.commands: list[CreditRequested] = []
        self._numbers = 0
        self._failed: Counter[tuple[str, str]] = Counter()
        self._confirmed: Counter[tuple[str, str]] = Counter()
        self._unaddressed = 0
        self._recipients: set[str] = set()
        self._suppressions: set[Suppressed] = set()
        self._alerts: set[Raised] = set()
        self._granted: dict[str, int] = {}
        self._reserved: defaultdict[str, int] = defaultdict(int)
        self._spent: defaultdict[str, int] = defaultdict(int)

    def number(self) -> int:
        """Return a number that nothing else has: ids and people are made of them."""
        self._numbers += 1
        return self._numbers

    def recently(self) -> Micros:
        """Return a moment of the last ten minutes."""
        return self.now - self.rng.randrange(10 * MINUTE)

    def send(self, tenant: str, provider: Provider, *bodies: Body) -> None:
        """Send the webhooks of one message."""
        self.stories.append([Webhook(tenant, provider, orjson.dumps(body)) for body in bodies])

    def send_malformed(self, tenant: str, provider: Provider, body: bytes) -> None:
        """Send what must become a dead letter."""
        self.stories.append([Webhook(tenant, provider, body, malformed=True)])

    def expect_failure(self, tenant: str, provider: Provider, failure: Failure) -> None:
        """Expect a failure that comes once; without a recipient nobody is suppressed."""
        reason, channel, recipient, suppresses, unlisted = failure
        self._failed[provider, reason] += 1
        if unlisted:
            self._alerts.add(Raised(AlertKind.UNLISTED_CODE, tenant, provider, channel, "", reason))
        if reason in _OUR_FAULTS:
            self._alerts.add(Raised(AlertKind.SENDER_FAULT, tenant, provider, channel, "", reason))
        if not recipient:
            self._unaddressed += 1
            return
        self.expect_recipient(tenant, recipient)
        if suppresses:
            self.expect_suppression(tenant, recipient, channel, reason)

    def expect_confirmation(self, provider: Provider, kind: Confirmation) -> None:
        """Expect good news that comes once."""
        self._confirmed[provider, kind] += 1

    def expect_recipient(self, tenant: str, recipient: str) -> None:
        """Expect a row: the address has had a failure, a delivery, an opt-out or an opt-in."""
        self._recipients.add(f"{tenant}/{recipient}")

    def expect_suppression(self, tenant: str, recipient: str, channel: Channel, reason: Reason) -> None:
        """Expect that an address is suppressed in the end."""
        self._suppressions.add(Suppressed(tenant, recipient, channel, reason))

    def expect_alert(
        self, kind: AlertKind, tenant: str, provider: str = "", channel: str = "", account: str = ""
    ) -> None:
        """Expect an alert that is raised in the end."""
        self._alerts.add(Raised(kind, tenant, provider, channel, account, ""))

    def grant(self, tenant: str, account: str, cents: int) -> None:
        """Grant credit."""
        self._granted[account] = self._granted.get(account, 0) + cents
        self._command(tenant, account, CreditCommand.GRANT, cents, "", self.now - 60 * MINUTE)

    def reserve(self, tenant: str, account: str, cents: int, message: str, at: Micros) -> None:
        """Reserve credit for a message; it stays reserved until `spend` or `release`."""
        self._reserved[account] += cents
        self._command(tenant, account, CreditCommand.RESERVE, cents, message, at)

    def spend(self, account: str, reserved_cents: int, cents: int) -> None:
        """Expect a charge; what was reserved beyond it is available again."""
        self._reserved[account] -= reserved_cents
        self._spent[account] += cents

    def release(self, account: str, cents: int) -> None:
        """Expect a reservation to end without a charge."""
        self._reserved[account] -= cents

    def expected(self, webhooks: list[Webhook]) -> Figures:
        """Return what must come out when these are sent."""
        return Figures(
            raw=len(webhooks),
            failed=self._failed,
            unaddressed=self._unaddressed,
            confirmed=self._confirmed,
            dead_letters=sum(webhook.malformed for webhook in webhooks),
            recipients=frozenset(self._recipients),
            suppressions=frozenset(self._suppressions),
            credit={account: self._balance(account) for account in self._granted},
            alerts=frozenset(self._alerts),
        )

    def _balance(self, account: str) -> Balance:
        granted, reserved, spent = self._granted[account], self._reserved[account], self._spent[account]
        cents = (granted, granted - reserved - spent, reserved, spent)
        return Balance(CURRENCY, *(MICROS_PER_CENT * each for each in cents))

    def _command(self, tenant: str, account: str, kind: CreditCommand, cents: int, message: str, at: Micros) -> None:
        self.commands.append(
            {
                "event_id": f"{kind}-{self.number()}",
                "tenant": tenant,
                "account": account,
                "kind": kind,
                "amount_micros": cents * MICROS_PER_CENT,
                "currency": CURRENCY,
                "message_id": message,
                "occurred_at": at,
                "requested_by": "demo",
                "note": "",
            }
        )
