"""Messages through the other providers, and what nobody can read: one story each."""

from uuid import UUID

import orjson

from app.demo import payloads
from app.demo.book import ACME, MINUTE, Book
from app.demo.codes import Coded
from app.demo.documents import DOCUMENTS, Failure, redated
from app.demo.payloads import TeekrrMessage
from app.events import Micros
from app.vocabulary import AlertKind, Channel, Confirmation, Provider, Reason


def documented(book: Book) -> None:
    """Send the payloads of the documents."""
    for provider, text, failure, confirmation in DOCUMENTS:
        book.send(ACME, provider, redated(text, book.now - MINUTE))
        if failure:
            book.expect_failure(ACME, provider, failure)
        if confirmation:
            book.expect_confirmation(provider, confirmation)


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
    message = TeekrrMessage(str(UUID(int=book.number(), version=4)), "b-1", Channel.SMS, "+60123000000")
    bad_time = message.failed(at, "", "Delivery failed") | {"timestamp": 5}
    bad_channel = message._replace(uuid="x").event("delivered", at, channel="pigeon")
    created = payloads.prelude_created("evt_bad", "tx_bad", at, "+33612000000")
    published = next(each for each in DOCUMENTS if each.provider is Provider.WEBEX_INTERACT)
    bodies = (
        (Provider.TEEKRR, orjson.dumps(bad_time)),
        (Provider.TEEKRR, orjson.dumps(bad_channel)),
        (Provider.TEEKRR, b'{"event":"failed","data":{'),
        (
            Provider.WEBEX_INTERACT,
            orjson.dumps(payloads.webex_status("evt_bad", "tid_bad", at, "+447811000000", "lost")),
        ),
        (Provider.WEBEX_INTERACT, published.text.encode()[:-1]),  # as published: without its last brace
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
