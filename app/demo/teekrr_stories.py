"""Messages through Teekrr, one story each: what was sent, what is said of it, what must come of that."""

from typing import NamedTuple
from uuid import UUID

from app.demo.book import ACME, ACME_ACCOUNT, BISTRO, BISTRO_ACCOUNT, MINUTE, Book
from app.demo.codes import Coded
from app.demo.documents import Failure
from app.demo.payloads import TeekrrMessage
from app.events import Micros
from app.vocabulary import AlertKind, Channel, Confirmation, Provider, Reason

_DAY = 24 * 60 * MINUTE
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


def _teekrr_message(book: Book, channel: Channel, tenant: str = ACME, at: Micros = 0, cents: int = 0) -> _Sent:
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


def _charged(book: Book, sent: _Sent) -> payloads.Body:
    """Charge a message at most what was reserved for it."""
    cents = book.rng.randrange(sent.cents // 2, sent.cents + 1)
    book.spend(sent.account, sent.cents, cents)
    book.expect_confirmation(Provider.TEEKRR, Confirmation.ACCEPTED)
    return sent.message.billed(sent.at, cents)


def teekrr_delivered(book: Book, channel: Channel, tenant: str = ACME, cents: int = 0) -> None:
    """Charge and deliver."""
    sent = _teekrr_message(book, channel, tenant, cents=cents)
    book.send(tenant, Provider.TEEKRR, _charged(book, sent), sent.message.delivered(sent.at + MINUTE))
    book.expect_confirmation(Provider.TEEKRR, Confirmation.DELIVERED)
    book.expect_recipient(tenant, sent.to)


def teekrr_failed(book: Book, kind: Coded, *, charged: bool) -> None:
    """Fail: the reservation goes back, unless META took the charge before it failed."""
    sent = _teekrr_message(book, kind.channel)
    before = [_charged(book, sent)] if charged else []
    if not charged:
        book.release(sent.account, sent.cents)
    book.send(ACME, Provider.TEEKRR, *before, sent.message.failed(sent.at, kind.code, kind.text))
    book.expect_failure(ACME, Provider.TEEKRR, Failure(kind.reason, kind.channel, sent.to, kind.suppresses))


def teekrr_bounced(book: Book, kind: Coded, *, charged: bool, failed_too: bool) -> None:
    """Bounce after acceptance: the credit stays consumed; uncharged it stays reserved.

    Teekrr may report one such e-mail as failed as well: it is one failure all the same.
    """
    sent = _teekrr_message(book, kind.channel)
    story = [_charged(book, sent)] if charged else []
    if failed_too:
        story.append(sent.message.failed(sent.at, "", kind.text.removeprefix("smtp; ")))
    book.send(ACME, Provider.TEEKRR, *story, sent.message.bounced(sent.at, kind.code, kind.text))
    book.expect_failure(ACME, Provider.TEEKRR, Failure(kind.reason, kind.channel, sent.to, kind.suppresses))


def full_mailbox(book: Book, failures: int, *, delivered_since: bool) -> None:
    """Fail again and again on three days: five times suppress, four do not, and a later delivery lifts it."""
    first = _teekrr_message(book, Channel.EMAIL, at=book.now - 5 * MINUTE)
    days_ago = (0, 2, 1, 2, 1)[:failures]
    for number, days in enumerate(days_ago):
        sent = first if number == 0 else _again(book, first, first.at - days * DAY - number * MINUTE)
        book.send(
            ACME, Provider.TEEKRR, _charged(book, sent), sent.message.bounced(sent.at, "Transient/MailboxFull", _FULL)
        )
        book.expect_failure(ACME, Provider.TEEKRR, Failure(Reason.MAILBOX_FULL, Channel.EMAIL, sent.to))
    if delivered_since:
        book.send(ACME, Provider.TEEKRR, first.message.delivered(book.now - MINUTE))
        book.expect_confirmation(Provider.TEEKRR, Confirmation.DELIVERED)
    elif failures == len((0, 2, 1, 2, 1)):
        book.expect_suppression(ACME, first.to, Channel.EMAIL, Reason.MAILBOX_FULL)


def _again(book: Book, first: _Sent, at: Micros) -> _Sent:
    message = first.message._replace(uuid=str(UUID(int=book.rng.getrandbits(128), version=4)))
    book.reserve(first.tenant, first.account, first.cents, message.uuid, at - MINUTE)
    return first._replace(message=message, at=at)


def without_recipient(book: Book) -> None:
    """Fail without saying whom: Teekrr requires neither of its address fields."""
    sent = _teekrr_message(book, Channel.SMS)
    book.release(sent.account, sent.cents)
    book.send(ACME, Provider.TEEKRR, sent.message._replace(to="").failed(sent.at, "", "Absent subscriber"))
    book.expect_failure(ACME, Provider.TEEKRR, Failure(Reason.RECIPIENT_UNAVAILABLE, Channel.SMS, ""))


def nearly_empty_account(book: Book, messages: int) -> None:
    """Reserve nearly all that was granted: no charge is below its reservation, so that no credit comes back."""
    cents = 50
    book.grant(BISTRO, BISTRO_ACCOUNT, messages * cents + cents)
    for _ in range(messages):
        sent = _teekrr_message(book, Channel.SMS, BISTRO, cents=cents)
        book.spend(sent.account, cents, cents)
        book.send(
            BISTRO, Provider.TEEKRR, sent.message.billed(sent.at, cents), sent.message.delivered(sent.at + MINUTE)
        )
        book.expect_confirmation(Provider.TEEKRR, Confirmation.ACCEPTED)
        book.expect_confirmation(Provider.TEEKRR, Confirmation.DELIVERED)
        book.expect_recipient(BISTRO, sent.to)
    book.expect_alert(AlertKind.LOW_CREDIT, BISTRO, account=BISTRO_ACCOUNT)
