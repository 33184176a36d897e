"""What happens to messages sent through Teekrr, the only provider whose webhooks move credit."""

from collections.abc import Callable
from typing import NamedTuple

from tests.chaos.authoring import DAY, MICROS_PER_CENT, MINUTE, SECOND, Author, Payer
from tests.chaos.catalogue import NEVER_TRIED, TEEKRR_BOUNCED, TEEKRR_FAILED
from tests.chaos.people import Person, spelled, spelled_email
from tests.chaos.webhooks import Confirmed, Entry, Failed, Meaning, Micros, teekrr

_DAYS = 12


class _Message(NamedTuple):
    payer: Payer
    uuid: str
    channel: str
    person: Person | None
    """None: Teekrr did not say."""
    cents: int
    at: Micros

    @property
    def recipient(self) -> str:
        if self.person is None:
            return ""
        return self.person.email if self.channel == "email" else self.person.phone

    def identity(self, what: str) -> str:
        return f"{self.payer.tenant}/teekrr/{what}/{self.uuid}"


def tell(author: Author) -> None:
    """Send one message, with its reservation and what Teekrr says of it."""
    rng = author.rng
    channel = rng.choices(("sms", "whatsapp", "email"), (35, 35, 30))[0]
    person = None if rng.random() < 0.02 else author.people.draw()
    message = _Message(
        author.payer(), author.uuid(), channel, person, rng.randrange(5, 60), author.moment(_DAYS) - 3 * SECOND
    )
    _reserve(author, message)
    plots = _EMAIL_PLOTS if channel == "email" else _PHONE_PLOTS
    rng.choices([plot for _, plot in plots], [weight for weight, _ in plots])[0](author, message)


def open_account(author: Author, payer: Payer) -> None:
    """Grant credit, and correct it later."""
    at = author.base - 13 * DAY
    for _ in range(3):
        author.command(payer, "grant", author.rng.randrange(1, 100_000) * MICROS_PER_CENT, at)
    author.command(payer, "adjust", author.rng.randrange(-500, 500) * MICROS_PER_CENT, at + 3 * SECOND)


def forgotten_reservation(author: Author) -> None:
    """Reserve for a message of which nothing is ever heard."""
    at = author.base - author.rng.randrange(4 * 24 * 60, 6 * 24 * 60) * MINUTE
    author.command(author.payer(), "reserve", 7 * MICROS_PER_CENT, at, author.uuid())


def late_charge(author: Author) -> None:
    """Charge a message by a clock of long ago, or by one that nobody can believe, maybe before it is reserved."""
    message = _anonymous(author)
    _reserve(author, message)
    days = author.rng.randrange(author.forget_days + 1, author.forget_days + 60)
    _charge(author, message, author.rng.choice((message.at - days * DAY, author.base + days * DAY, DAY)))


def late_reservation(author: Author) -> None:
    """Reserve for a message so late that it is refused, whatever is reported of it."""
    message = _anonymous(author)
    delay = author.rng.randrange(author.forget_days + 1, author.forget_days + 60) * DAY
    author.command(
        message.payer, "reserve", message.cents * MICROS_PER_CENT, message.at - delay, message.uuid, delay=delay
    )
    author.rng.choice((_billed, _failed))(author, message)


def undated_reservation(author: Author) -> None:
    """Reserve by a clock that nobody can believe, more than once, and mostly charge it."""
    message = _anonymous(author)
    at = author.base + author.rng.choice((-500, 2, 20)) * DAY
    delay = message.at - at
    command = author.command(message.payer, "reserve", message.cents * MICROS_PER_CENT, at, message.uuid, delay=delay)
    author.command_again(command, delay)
    author.rng.choice((_billed, _billed, _failed, _all()))(author, message)


def _anonymous(author: Author) -> _Message:
    """Return an SMS of which Teekrr does not say to whom."""
    at = author.moment(_DAYS) - 3 * SECOND
    return _Message(author.payer(), author.uuid(), "sms", None, author.rng.randrange(5, 60), at)


def _reserve(author: Author, message: _Message) -> None:
    rng = author.rng
    chance = rng.random()
    if chance < 0.04:
        return
    amount = message.cents * MICROS_PER_CENT
    currency = "EUR" if chance < 0.05 else "MYR"
    author.command(message.payer, "reserve", amount, message.at - MINUTE, message.uuid, currency)
    if chance > 0.98:
        # another reservation for the same message: the earlier one counts
        author.command(message.payer, "reserve", amount + MICROS_PER_CENT, message.at - MINUTE + 1, message.uuid)


def _billed(author: Author, message: _Message) -> None:
    _charge(author, message, message.at)


def _charge(author: Author, message: _Message, at: Micros) -> None:
    cents = author.rng.choices((message.cents, message.cents // 2, message.cents + 3, None), (85, 6, 6, 3))[0]
    currency = author.rng.choices(("MYR", "", "EUR"), (94, 4, 2))[0]
    data: dict[str, object] = {} if cents is None else {"amount": cents}
    data |= {"currency": currency} if currency else {}
    identity = message.identity("billed")
    amount = None if cents is None else cents * MICROS_PER_CENT
    entry = Entry(f"{identity}/settle", "settle", message.uuid, at, amount, currency)
    confirmed = Confirmed(identity, message.channel, message.recipient, at, "accepted") if message.recipient else None
    _send(author, message, "billed", at, Meaning(confirmed=confirmed, entry=entry), **data)


def _delivered(author: Author, message: _Message) -> None:
    at = message.at + 1 * SECOND
    confirmed = Confirmed(message.identity("delivered"), message.channel, message.recipient, at, "delivered")
    _send(author, message, "delivered", at, Meaning(confirmed=confirmed))


def _failed(author: Author, message: _Message) -> None:
    kinds = [kind for kind in TEEKRR_FAILED if kind.channel == message.channel]
    kind = author.pick(kinds)
    at = message.at + 1 * SECOND + author.rng.randrange(1000) * 1000
    data = {"errorCode": kind.code} if kind.code else {}
    failed = _failure(message, at, kind.reason, kind.attribution, kind.permanence, "failed")
    entry = Entry(f"{failed.identity}/release", "release", message.uuid, at)
    _send(author, message, "failed", at, Meaning(failed=failed, entry=entry), **data, errorMessage=kind.text)


def _bounced(author: Author, message: _Message) -> None:
    kind = author.pick(TEEKRR_BOUNCED)
    at = message.at + 1 * SECOND + author.rng.randrange(1000) * 1000
    bounce_type, _, subtype = kind.code.partition("/")
    data = {"bounceType": bounce_type, "bounceSubType": subtype, "diagnostic": kind.text}
    outcome = "rejected" if kind.reason in NEVER_TRIED else "bounced"
    failed = _failure(message, at, kind.reason, kind.attribution, kind.permanence, outcome)
    entry = Entry(f"{failed.identity}/keep", "keep", message.uuid, at)
    _send(author, message, "bounced", at, Meaning(failed=failed, entry=entry), **data)


def _failure(message: _Message, at: Micros, reason: str, attribution: str, permanence: str, outcome: str) -> Failed:
    identity = message.identity("failure")
    channel, recipient = message.channel, message.recipient
    return Failed(identity, channel, recipient, at, reason, attribution, permanence, outcome, twofold=True)


def _send(author: Author, message: _Message, event: str, at: Micros, meaning: Meaning, **data: object) -> None:
    given = ""
    if message.person is not None and message.channel == "email":
        given = spelled_email(author.rng, message.person.email)
    elif message.person is not None:
        given = spelled(author.rng, message.person.phone, at_home_in="60")
    body = teekrr(event, at, message.uuid, message.channel, given, **data)
    author.send("teekrr", message.payer, message.uuid, body, message.at, meaning)


Plot = Callable[[Author, _Message], None]


def _all(*parts: Plot) -> Plot:
    def plot(author: Author, message: _Message) -> None:
        for part in parts:
            part(author, message)

    return plot


_PHONE_PLOTS = ((45, _all(_billed, _delivered)), (45, _failed), (5, _all(_billed, _failed)), (2, _all()))
_EMAIL_PLOTS = (
    (35, _all(_billed, _delivered)),
    (10, _failed),
    (5, _bounced),
    (30, _all(_billed, _bounced)),
    (12, _all(_failed, _bounced)),
    (4, _all(_billed, _failed, _bounced)),
    (2, _all()),
)
