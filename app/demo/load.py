"""A load of webhooks and credit commands, and what must come of it: pure, the same for the same seed and moment."""

from random import Random
from typing import NamedTuple, TypeVar

from app.demo import codes, stories, teekrr_stories
from app.demo.book import ACME, ACME_ACCOUNT, Book, Webhook
from app.demo.figures import Figures
from app.events import CreditRequested, Micros
from app.vocabulary import Channel

DUPLICATES = 0.1
"""Part of the webhooks and commands that come twice."""
DISORDER = 25
"""How many places a webhook may come late; the events of one message may change places."""

_AGAIN_LATER = 80

T = TypeVar("T")


class Load(NamedTuple):
    """What is sent, in this order, and what is expected."""

    commands: list[CreditRequested]
    webhooks: list[Webhook]
    expected: Figures


def build_load(seed: int, scale: int, now: Micros) -> Load:
    """Make about 590 webhooks times ``scale``, and a tenth of them again, from the last three days before ``now``."""
    rng = Random(seed)  # noqa: S311 - a load is no secret
    book = Book(rng, now)
    # those that wait for nothing come first, so that their wait runs while the others are sent
    for _ in range(3 * scale):
        stories.prelude_orphan(book)
    waiting = len(book.stories)
    stories.documented(book)
    book.grant(ACME, ACME_ACCOUNT, 20_000 * scale)
    for _ in range(scale):
        _teekrr(book)
        _others(book)
    teekrr_stories.nearly_empty_account(book, 20 * scale)
    late = book.stories[waiting:]
    rng.shuffle(late)
    webhooks = _disordered(rng, book.stories[:waiting] + late)
    return Load(_repeated(rng, book.commands), webhooks, book.expected(webhooks))


def _teekrr(book: Book) -> None:
    for number in range(60):
        teekrr_stories.delivered(book, list(Channel)[number % 3])
    for kind in codes.TEEKRR:
        for number in range(kind.times):
            # META reports a failure after the charge now and then
            teekrr_stories.failed(book, kind, charged=kind.channel is Channel.WHATSAPP and number % 4 == 0)
    for kind in codes.BOUNCED:
        for number in range(kind.times):
            teekrr_stories.bounced(book, kind, charged=number % 4 != 0, failed_too=kind.suppresses and number % 3 == 0)
    for _ in range(3):
        teekrr_stories.full_mailbox(book, 5, delivered_since=False)
    teekrr_stories.full_mailbox(book, 4, delivered_since=False)
    teekrr_stories.full_mailbox(book, 5, delivered_since=True)
    for _ in range(2):
        teekrr_stories.without_recipient(book)
    for _ in range(5):
        teekrr_stories.unreported(book)
    stories.malformed(book)


def _others(book: Book) -> None:
    stories.failing_provider(book, 30)
    for status in ("submitted", "delivered", "clicked"):
        for _ in range(3):
            stories.webex(book, status)
    for kind in codes.PRELUDE:
        for _ in range(kind.times):
            stories.prelude_failed(book, kind)
    for _ in range(15):
        stories.prelude_delivered(book)
    for number in range(5):
        stories.prelude_stop(book, start_later=number % 2 == 1)
    for _ in range(2):
        stories.prelude_unknown(book)
    for kind in codes.TREBLE:
        for _ in range(kind.times):
            stories.treble(book, kind)


def _disordered(rng: Random, told: list[list[Webhook]]) -> list[Webhook]:
    """Bring the webhooks of all stories into the order in which they arrive, some of them twice."""
    in_order = [webhook for story in told for webhook in story]
    places = [(number + rng.uniform(0, DISORDER), webhook) for number, webhook in enumerate(in_order)]
    again = rng.sample(places, round(DUPLICATES * len(places)))
    places += [(place + rng.uniform(1, _AGAIN_LATER), webhook) for place, webhook in again]
    return [webhook for _, webhook in sorted(places, key=lambda each: each[0])]


def _repeated(rng: Random, sent: list[T]) -> list[T]:
    """Send some of them once more, at the end."""
    return sent + rng.sample(sent, round(DUPLICATES * len(sent)))
