"""Messages through Teekrr, one story each: what was sent, what is said of it, what must come of that."""

from typing import NamedTuple
from uuid import UUID

from app.demo.book import ACME, ACME_ACCOUNT, BISTRO, BISTRO_ACCOUNT, MINUTE, Book
from app.demo.codes import MAILBOX_FULL, Coded
from app.demo.documents import Failure
from app.demo.payloads import Body, TeekrrMessage
from app.events import Micros
from app.vocabulary import AlertKind, Channel, Confirmation, Provider, Reason

_DAY = 24 * 60 * MINUTE
_DAYS_AGO = (0, 2, 1, 2, 1)
_SUPPRESSING = 5
"""So many transient failures on three days are too many."""
_BROADCAST = "0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e"


class _Sent(NamedTuple):
    """A Teekrr message with its reservation."""

    message: TeekrrMessage
    to: str
    """In the one spelling of keys."""
    account: str
    tenant: str
    cents: int
    at: Micros


def _message(book: Book, channel: Channel, tenant: str = ACME, at: Micros = 0, cents: int = 0) -> _Sent:
    """Send a message to a new person, credit for it reserved."""
    number = book.number()
    if channel is Channel.EMAIL:
        given, to = f"Person.{number}@Example.COM", f"Person.{number}@example.com"
    else:
        to = f"+6012{3_000_000 + number}"
        given = book.rng.choice((to, to.removeprefix("+"), f"0{to[3:5]}-{to[5:8]} {to[8:]}"))
    message = TeekrrMessage(str(UUID(int=book.rng.getrandbits(128), version=4)), _BROADCAST, channel, given)
    account = ACME_ACCOUNT if tenant == ACME else BISTRO_ACCOUNT
    sent = _Sent(message, to, account, tenant, cents or book.rng.randrange(5, 40), at or book.recently())
    book.reserve(tenant, account, sent.cents, message.uuid, sent.at - MINUTE)
    return sent


def _charged(book: Book, sent: _Sent) -> Body:
    """Charge a message at most what was reserved for it."""
    cents = book.rng.randrange(sent.cents // 2, sent.cents + 1)
    book.spend(sent.account, sent.cents, cents)
    book.expect_confirmation(Provider.TEEKRR, Confirmation.ACCEPTED)
    return sent.message.billed(sent.at, cents)


def delivered(book: Book, channel: Channel) -> None:
    """Charge and deliver."""
    sent = _message(book, channel)
    book.send(ACME, Provider.TEEKRR, _charged(book, sent), _delivered(book, sent, sent.at + MINUTE))


def _delivered(book: Book, sent: _Sent, at: Micros) -> Body:
    book.expect_confirmation(Provider.TEEKRR, Confirmation.DELIVERED)
    book.expect_recipient(sent.tenant, sent.to)
    return sent.message.delivered(at)


def failed(book: Book, kind: Coded, *, charged: bool) -> None:
    """Fail: the reservation goes back, unless META took the charge before it failed."""
    sent = _message(book, kind.channel)
    before = [_charged(book, sent)] if charged else []
    if not charged:
        book.release(sent.account, sent.cents)
    book.send(ACME, Provider.TEEKRR, *before, sent.message.failed(sent.at, kind.code, kind.text))
    book.expect_failure(ACME, Provider.TEEKRR, Failure(kind.reason, kind.channel, sent.to, kind.suppresses))


def bounced(book: Book, kind: Coded, *, charged: bool, failed_too: bool) -> None:
    """Bounce after acceptance: the credit is consumed, all of it if no charge is reported.

    Teekrr may report one such e-mail as failed as well: it is one failure all the same.
    """
    sent = _message(book, kind.channel)
    story = [_charged(book, sent)] if charged else []
    if not charged:
        book.spend(sent.account, sent.cents, sent.cents)
    if failed_too:
        story.append(sent.message.failed(sent.at, "", kind.text.removeprefix("smtp; ")))
    book.send(ACME, Provider.TEEKRR, *story, sent.message.bounced(sent.at, kind.code, kind.text))
    book.expect_failure(ACME, Provider.TEEKRR, Failure(kind.reason, kind.channel, sent.to, kind.suppresses))


def full_mailbox(book: Book, failures: int, *, delivered_since: bool) -> None:
    """Fail again and again on three days: five times suppress, four do not, and a later delivery lifts it."""
    first = _message(book, Channel.EMAIL, at=book.now - 5 * MINUTE)
    for number, days in enumerate(_DAYS_AGO[:failures]):
        sent = first if number == 0 else _again(book, first, first.at - days * _DAY - number * MINUTE)
        bounce = sent.message.bounced(sent.at, MAILBOX_FULL.code, MAILBOX_FULL.text)
        book.send(ACME, Provider.TEEKRR, _charged(book, sent), bounce)
        book.expect_failure(ACME, Provider.TEEKRR, Failure(MAILBOX_FULL.reason, Channel.EMAIL, sent.to))
    if delivered_since:
        book.send(ACME, Provider.TEEKRR, _delivered(book, first, book.now - MINUTE))
    elif failures >= _SUPPRESSING:
        book.expect_suppression(ACME, first.to, Channel.EMAIL, Reason.MAILBOX_FULL)


def _again(book: Book, first: _Sent, at: Micros) -> _Sent:
    message = first.message._replace(uuid=str(UUID(int=book.rng.getrandbits(128), version=4)))
    book.reserve(first.tenant, first.account, first.cents, message.uuid, at - MINUTE)
    return first._replace(message=message, at=at)


def without_recipient(book: Book) -> None:
    """Fail without saying whom: Teekrr requires neither of its address fields."""
    sent = _message(book, Channel.SMS)
    book.release(sent.account, sent.cents)
    book.send(ACME, Provider.TEEKRR, sent.message._replace(to="").failed(sent.at, "", "Absent subscriber"))
    book.expect_failure(ACME, Provider.TEEKRR, Failure(Reason.RECIPIENT_UNAVAILABLE, Channel.SMS, ""))


def unreported(book: Book) -> None:
    """Leave a message without any report: its credit stays reserved."""
    _message(book, Channel.SMS)


def nearly_empty_account(book: Book, messages: int) -> None:
    """Reserve nearly all that was granted: no charge is below its reservation, so that no credit comes back."""
    cents = 50
    book.grant(BISTRO, BISTRO_ACCOUNT, messages * cents + cents)
    for _ in range(messages):
        sent = _message(book, Channel.SMS, BISTRO, cents=cents)
        book.spend(sent.account, cents, cents)
        book.expect_confirmation(Provider.TEEKRR, Confirmation.ACCEPTED)
        billed = sent.message.billed(sent.at, cents)
        book.send(BISTRO, Provider.TEEKRR, billed, _delivered(book, sent, sent.at + MINUTE))
    book.expect_alert(AlertKind.LOW_CREDIT, BISTRO, account=BISTRO_ACCOUNT)
