"""A load from a seed: the same arguments give the same webhooks and commands in the same order."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from app.events import CreditRequested, SuppressionRequested
from tests.chaos import other_stories, teekrr_stories
from tests.chaos.authoring import DAY, HOUR, Author, Ordered, payers
from tests.chaos.people import People
from tests.chaos.poison import Poison
from tests.chaos.poison_mixing import mix
from tests.chaos.webhooks import Micros, Webhook, other_bytes

Story = Callable[[Author], None]

_STORIES: tuple[tuple[int, Story], ...] = (
    (560, teekrr_stories.tell),
    (4, teekrr_stories.forgotten_reservation),
    (8, teekrr_stories.late_charge),
    (4, teekrr_stories.late_reservation),
    (6, teekrr_stories.undated_reservation),
    (170, other_stories.webex_message),
    (130, other_stories.prelude_message),
    (12, other_stories.prelude_subscription),
    (90, other_stories.treble_message),
    (12, other_stories.strange_date),
    (8, other_stories.malformed),
    (14, other_stories.request),
)


_MANY_DELIVERIES = 8
"""People of whom a row hears so much that it forgets."""


class Shape(NamedTuple):
    """What a load is to be like."""

    events: int
    """Webhooks, copies included; about a thousand more are of people of whom much is heard."""
    duplicates: float
    """Share of webhooks that are exact copies."""
    near_duplicates: float
    """Share of webhooks that are reports sent again in other bytes."""
    shuffle_hours: float
    """How much later than it happened something may be sent."""
    poison: float
    """Pieces of poison, as a share of the webhooks; each kind comes at least once unless it is zero."""
    seed: int
    base: Micros
    """The present, as far as the load is concerned."""

    @property
    def forget_days(self) -> int:
        """How long a message is remembered after it was heard of: longer than what concerns it may be apart.

        A copy may be sent after twice the hours. A day more is one after which suppressions end, so no moment of the
        load is so long ago that it depends on the run whether something is forgotten.
        """
        return 5 if self.shuffle_hours <= 48 else 29


class Commanded(NamedTuple):
    """A command of billing, and when it is received."""

    command: CreditRequested
    at: Micros


class Load(NamedTuple):
    """What is published, in the order in which it is."""

    items: list[Ordered]
    webhooks: list[Webhook]
    commands: list[Commanded]
    requests: list[SuppressionRequested]
    """Without those of the poison, whose rows are looked at by themselves."""
    poison: list[Poison]
    forget_days: int


def make_load(shape: Shape) -> Load:
    """Write stories until there are enough webhooks, copy some of them, and bring all into their order."""
    rng = Random(shape.seed)  # noqa: S311 - load, no secret
    people = People(rng, max(200, min(shape.events // 8, 100_000)))
    author = Author(rng, shape.base, people, round(shape.shuffle_hours * HOUR), shape.forget_days)
    for payer in payers():
        teekrr_stories.open_account(author, payer)
    stories, weights = [story for _, story in _STORIES], [weight for weight, _ in _STORIES]
    exact, near = round(shape.events * shape.duplicates), round(shape.events * shape.near_duplicates)
    while author.webhooks < shape.events - exact - near:
        for story in rng.choices(stories, weights, k=50):
            story(author)
    _send_again(author, exact, near)
    # no copies of these: what a row has forgotten would count again
    for _ in range(_MANY_DELIVERIES):
        other_stories.many_deliveries(author)
        other_stories.old_good_news(author)
    # a record without its key takes a while to its partition: what it is about must not be forgotten meanwhile
    recent = shape.base - (shape.forget_days - 1) * DAY
    told = [_without_key(rng, item, recent) for item in sorted(author.items, key=lambda item: item.turn)]
    items = mix(told, shape.poison, shape.events, shape.seed, shape.base)
    return Load(
        items,
        [item.webhook for item in items if item.webhook],
        [Commanded(item.command, item.timestamp_ms(shape.base) * 1000) for item in items if item.command],
        [item.request for item in items if item.request and not item.poison],
        [item.poison for item in items if item.poison],
        shape.forget_days,
    )


def _without_key(rng: Random, item: Ordered, recent: Micros) -> Ordered:
    """Leave the key out now and then, where the product undertakes to bring a record to its partition."""
    movable = item.webhook.provider == "prelude" if item.webhook else not item.command or item.turn > recent
    return item._replace(keyless=movable and rng.random() < 0.02)


def _send_again(author: Author, exact: int, near: int) -> None:
    sent = [(item.turn, item.webhook) for item in author.items if item.webhook]
    for number in range(exact + near):
        turn, webhook = author.rng.choice(sent)
        if number >= exact and not webhook.meaning.dead:
            webhook = webhook._replace(body=other_bytes(author.rng, webhook.body))
        author.send_again(webhook, turn)
