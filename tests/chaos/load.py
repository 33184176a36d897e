"""A load from a seed: the same arguments give the same webhooks and commands in the same order."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from app.events import CreditRequested, SuppressionRequested
from tests.chaos import other_stories, teekrr_stories
from tests.chaos.authoring import HOUR, Author, Ordered, payers
from tests.chaos.people import People
from tests.chaos.webhooks import Micros, Webhook, other_bytes

Story = Callable[[Author], None]

_STORIES: tuple[tuple[int, Story], ...] = (
    (560, teekrr_stories.tell),
    (4, teekrr_stories.forgotten_reservation),
    (170, other_stories.webex_message),
    (130, other_stories.prelude_message),
    (12, other_stories.prelude_subscription),
    (90, other_stories.treble_message),
    (12, other_stories.strange_date),
    (8, other_stories.malformed),
    (14, other_stories.request),
)


class Shape(NamedTuple):
    """What a load is to be like."""

    events: int
    """Webhooks, copies included."""
    duplicates: float
    """Share of webhooks that are exact copies."""
    near_duplicates: float
    """Share of webhooks that are reports sent again in other bytes."""
    shuffle_hours: float
    """How much later than it happened something may be sent."""
    seed: int
    base: Micros
    """The present, as far as the load is concerned."""


class Load(NamedTuple):
    """What is published, in the order in which it is."""

    items: list[Ordered]
    webhooks: list[Webhook]
    commands: list[CreditRequested]
    requests: list[SuppressionRequested]


def make_load(shape: Shape) -> Load:
    """Write stories until there are enough webhooks, copy some of them, and bring all into their order."""
    rng = Random(shape.seed)  # noqa: S311 - load, no secret
    people = People(rng, max(200, min(shape.events // 8, 100_000)))
    author = Author(rng, shape.base, people, round(shape.shuffle_hours * HOUR))
    for payer in payers():
        teekrr_stories.open_account(author, payer)
    stories, weights = [story for _, story in _STORIES], [weight for weight, _ in _STORIES]
    exact, near = round(shape.events * shape.duplicates), round(shape.events * shape.near_duplicates)
    while author.webhooks < shape.events - exact - near:
        for story in rng.choices(stories, weights, k=50):
            story(author)
    _send_again(author, exact, near)
    items = [_without_key(rng, item) for item in sorted(author.items, key=lambda item: item.turn)]
    return Load(
        items,
        [item.webhook for item in items if item.webhook],
        [item.command for item in items if item.command],
        [item.request for item in items if item.request],
    )


def _without_key(rng: Random, item: Ordered) -> Ordered:
    """Leave the key out now and then, where the product undertakes to bring a record to its partition."""
    movable = item.webhook.provider == "prelude" if item.webhook else item.turn > 0
    return item._replace(keyless=movable and rng.random() < 0.02)


def _send_again(author: Author, exact: int, near: int) -> None:
    sent = [(item.turn, item.webhook) for item in author.items if item.webhook]
    for number in range(exact + near):
        turn, webhook = author.rng.choice(sent)
        if number >= exact and not webhook.meaning.dead:
            webhook = webhook._replace(body=other_bytes(author.rng, webhook.body))
        author.send_again(webhook, turn)
