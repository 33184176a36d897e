"""The messages of a load, one story each: what was sent, what the provider says of it, what must come of that."""

from typing import NamedTuple
from uuid import UUID

import orjson

from app.demo import payloads
from app.demo.book import MINUTE, Book
from app.demo.documents import DOCUMENTS, Failure, redated
from app.demo.payloads import TeekrrMessage
from app.events import Micros
from app.vocabulary import AlertKind, Channel, Confirmation, Provider, Reason

ACME = "acme"
"""Sends through all four providers, with credit to spare."""
ACME_ACCOUNT = "acme/teekrr"
BISTRO = "bistro"
"""Sends through Teekrr alone and is about to run out of credit."""
BISTRO_ACCOUNT = "bistro-prepaid"

DAY = 24 * 60 * MINUTE

_BROADCAST = "0d0f8f4e-58a5-4a0c-8f6b-1f2a3b4c5d6e"
_GONE = "smtp; 550 5.1.1 user unknown"
_FULL = "smtp; 452 4.2.2 mailbox full"


class Coded(NamedTuple):
    """A kind of failure, as its provider's documents explain the code."""

    times: int
    channel: Channel
    code: str
    text: str
    reason: Reason
    suppresses: bool = False


TEEKRR = (
    Coded(16, Channel.WHATSAPP, "131026", "Message undeliverable", Reason.RECIPIENT_NOT_ON_CHANNEL, suppresses=True),
    Coded(4, Channel.WHATSAPP, "131050", "User stopped marketing", Reason.RECIPIENT_OPTED_OUT, suppresses=True),
    Coded(8, Channel.WHATSAPP, "131047", "Re-engagement message", Reason.SESSION_WINDOW_CLOSED),
    Coded(4, Channel.WHATSAPP, "131051", "Unsupported message type", Reason.UNSUPPORTED_CONTENT),
    Coded(6, Channel.WHATSAPP, "131049", "Not delivered", Reason.MARKETING_LIMITED),
    Coded(10, Channel.WHATSAPP, "133010", "Phone number not registered", Reason.SENDER_NOT_REGISTERED),
    Coded(8, Channel.EMAIL, "Throttling", "Maximum sending rate exceeded.", Reason.RATE_LIMITED),
    Coded(4, Channel.EMAIL, "MessageRejected", "Email address is not verified", Reason.SENDER_NOT_REGISTERED),
    Coded(6, Channel.SMS, "", "Delivery failed", Reason.UNKNOWN),
)
BOUNCED = (
    Coded(16, Channel.EMAIL, "Permanent/NoEmail", _GONE, Reason.INVALID_RECIPIENT, suppresses=True),
    Coded(10, Channel.EMAIL, "Transient/MailboxFull", _FULL, Reason.MAILBOX_FULL),
    Coded(4, Channel.EMAIL, "Permanent/Suppressed", "", Reason.RECIPIENT_SUPPRESSED),
)
PRELUDE = (
    Coded(12, Channel.SMS, "unknown_recipient", "failed", Reason.INVALID_RECIPIENT, suppresses=True),
    Coded(8, Channel.SMS, "unavailable", "failed", Reason.RECIPIENT_UNAVAILABLE),
    Coded(4, Channel.SMS, "unavailable", "expired", Reason.EXPIRED),
    Coded(6, Channel.SMS, "insufficient_balance", "failed", Reason.INSUFFICIENT_FUNDS),
    Coded(3, Channel.SMS, "network", "failed", Reason.NETWORK_ERROR),
    Coded(2, Channel.SMS, "carrier_rejected", "failed", Reason.CARRIER_REJECTED),
    Coded(2, Channel.SMS, "generic", "failed", Reason.UNKNOWN),
)
TREBLE = tuple(
    Coded(2, Channel.WHATSAPP, code, "", reason, suppresses)
    for code, reason, suppresses in (
        ("FAILURE", Reason.UNKNOWN, False),
        ("FAILURE_BY_HUMAN_HANDOVER", Reason.CONVERSATION_BUSY, False),
        ("REVOKED", Reason.CANCELLED, False),
        ("INVALID_PHONE", Reason.INVALID_RECIPIENT, True),
        ("FAILURE_BY_RATE_LIMIT", Reason.RATE_LIMITED, False),
        ("COMPANY_RATE_LIMIT", Reason.QUOTA_EXCEEDED, False),
        ("FAILURE_BY_TIER_CAPACITY", Reason.QUOTA_EXCEEDED, False),
        ("MISSING_PARAMETER", Reason.TEMPLATE_ERROR, False),
        ("PARAMETER_MISMATCH", Reason.TEMPLATE_ERROR, False),
        ("FAILURE_BY_BLOCKED_CONTACT", Reason.RECIPIENT_SUPPRESSED, False),
        ("FAILURE_BY_OPTOUT_CONTACT", Reason.RECIPIENT_OPTED_OUT, True),
        ("INVALID_POLL", Reason.INVALID_REQUEST, False),
        ("CHARACTER_LIMIT_HEADER", Reason.MESSAGE_TOO_LARGE, False),
        ("CHARACTER_LIMIT_BODY", Reason.MESSAGE_TOO_LARGE, False),
        ("FAILURE_BY_DISABLED_HSM", Reason.TEMPLATE_ERROR, False),
        ("FAILURE_BY_SPAM_RATE_LIMIT", Reason.SENDER_REPUTATION, False),
        ("FAILURE_BY_EXPERIMENT_NUMBER", Reason.MARKETING_LIMITED, False),
        ("FAILURE_BY_UNABLE_TO_CONTACT", Reason.RECIPIENT_NOT_ON_CHANNEL, True),
    )
)


def documented(book: Book) -> None:
    """Send the payloads of the documents."""
    for provider, text, failure, confirmation in DOCUMENTS:
        book.send(ACME, provider, redated(text, book.now - MINUTE))
        if failure:
            book.expect_failure(ACME, provider, failure)
        if confirmation:
            book.expect_confirmation(provider, confirmation)


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


def webex(book: Book, status: str) -> None:
    """Report on an SMS; Webex Interact never says why it failed."""
    number = book.number()
    to = f"+447811{number:06}"
    body = payloads.webex_status(f"evt_webex{number}", f"tid_{number}", book.recently(), to, status)
    book.send(ACME, Provider.WEBEX_INTERACT, body)
    if status == "failed":
        book.expect_failure(ACME, Provider.WEBEX_INTERACT, Failure(Reason.UNKNOWN, Channel.SMS, to))
        return
    kinds = {"submitted": Confirmation.ACCEPTED, "delivered": Confirmation.DELIVERED, "clicked": Confirmation.READ}
    book.expect_confirmation(Provider.WEBEX_INTERACT, kinds[status])
    if status != "submitted":
        book.expect_recipient(ACME, to)


def prelude_failed(book: Book, kind: Coded) -> None:
    """Fail; only `created` says whom."""
    to, message, at = _prelude_message(book)
    failed = payloads.prelude_status(
        f"evt_f{message}", message, at + MINUTE, "failed", status=kind.text, reason=kind.code
    )
    book.send(ACME, Provider.PRELUDE, payloads.prelude_created(f"evt_c{message}", message, at, to), failed)
    book.expect_confirmation(Provider.PRELUDE, Confirmation.ACCEPTED)
    book.expect_failure(ACME, Provider.PRELUDE, Failure(kind.reason, kind.channel, to, kind.suppresses))


def prelude_orphan(book: Book) -> None:
    """Fail without a `created` ever coming: it goes out after a while, without a recipient."""
    _, message, at = _prelude_message(book)
    failed = payloads.prelude_status(f"evt_f{message}", message, at, "failed", status="failed", reason="unavailable")
    book.send(ACME, Provider.PRELUDE, failed)
    book.expect_failure(ACME, Provider.PRELUDE, Failure(Reason.RECIPIENT_UNAVAILABLE, Channel.SMS, ""))


def prelude_delivered(book: Book) -> None:
    """Go the whole way."""
    to, message, at = _prelude_message(book)
    steps = ("submitted", "pending_delivery", "delivered")
    statuses = [
        payloads.prelude_status(f"evt_{step}_{message}", message, at + number * MINUTE, step, status=step)
        for number, step in enumerate(steps)
    ]
    book.send(ACME, Provider.PRELUDE, payloads.prelude_created(f"evt_c{message}", message, at, to), *statuses)
    for kind in (*[Confirmation.ACCEPTED] * 3, Confirmation.DELIVERED):
        book.expect_confirmation(Provider.PRELUDE, kind)
    book.expect_recipient(ACME, to)


def prelude_stop(book: Book, *, start_later: bool) -> None:
    """Opt out by STOP, and perhaps in again by START."""
    to, message, at = _prelude_message(book)
    stop = payloads.prelude_subscription(f"evt_stop{message}", at, "unsubscribed", to)
    start = payloads.prelude_subscription(f"evt_start{message}", at + MINUTE, "subscribed", to)
    book.expect_recipient(ACME, to)
    if start_later:
        book.send(ACME, Provider.PRELUDE, stop, start)
        book.expect_confirmation(Provider.PRELUDE, Confirmation.OPTED_IN)
    else:
        book.send(ACME, Provider.PRELUDE, stop)
        book.expect_suppression(ACME, to, Channel.SMS, Reason.RECIPIENT_OPTED_OUT)


def prelude_unknown(book: Book) -> None:
    """Have no known outcome, which is no failure."""
    _, message, at = _prelude_message(book)
    book.send(
        ACME, Provider.PRELUDE, payloads.prelude_status(f"evt_u{message}", message, at, "unknown", status="unknown")
    )


def _prelude_message(book: Book) -> tuple[str, str, Micros]:
    """Return a new person, a message id and a moment from which four minutes are over by now."""
    number = book.number()
    return f"+336{12_000_000 + number}", f"tx_{number}", book.recently() - 4 * MINUTE


def treble(book: Book, kind: Coded) -> None:
    """Fail to deploy."""
    number = book.number()
    cellphone = f"{3_161_000_000 + number}"
    body = payloads.treble_failure(f"{number:024x}", book.recently(), 20_000 + number, cellphone, kind.code)
    book.send(ACME, Provider.TREBLE, body)
    book.expect_failure(ACME, Provider.TREBLE, Failure(kind.reason, kind.channel, f"+57{cellphone}", kind.suppresses))


def malformed(book: Book) -> None:
    """Send what nobody can read."""
    at = book.recently()
    message = TeekrrMessage(str(UUID(int=book.number(), version=4)), _BROADCAST, Channel.SMS, "+60123000000")
    bad_time = message.failed(at, "", "Delivery failed") | {"timestamp": 5}
    bad_channel = message._replace(uuid="x").event("delivered", at, channel="pigeon")
    created = payloads.prelude_created("evt_bad", "tx_bad", at, "+33612000000")
    bodies = (
        (Provider.TEEKRR, orjson.dumps(bad_time)),
        (Provider.TEEKRR, orjson.dumps(bad_channel)),
        (Provider.TEEKRR, b'{"event":"failed","data":{'),
        (
            Provider.WEBEX_INTERACT,
            orjson.dumps(payloads.webex_status("evt_bad", "tid_bad", at, "+447811000000", "lost")),
        ),
        (Provider.WEBEX_INTERACT, DOCUMENTS[4].text.encode()[:-1]),  # the published sample lacks its last brace
        (Provider.PRELUDE, orjson.dumps(created | {"created_at": False})),
        (Provider.PRELUDE, orjson.dumps(created | {"payload": []})),
        (Provider.TREBLE, b'{"event_type":"deployment.success","event_id":"5f8d7e6a5f8d7e6a5f8d7e6c"}'),
        (Provider.TREBLE, b"[]"),
    )
    for provider, body in bodies:
        book.send_malformed(ACME, provider, body)


def failing_provider(book: Book, failures: int) -> None:
    """Let Webex Interact fail so often that it is the provider's fault."""
    for _ in range(failures):
        webex(book, "failed")
    book.expect_alert(AlertKind.PROVIDER_FAILURE_RATE, ACME, Provider.WEBEX_INTERACT, Channel.SMS)


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
