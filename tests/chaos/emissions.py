"""Which records must come of the raw topics as they were stored, and of which webhook each is."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tests.chaos.webhooks import Webhook


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Emissions(NamedTuple):
    """What must be written, webhooks by their places in the raw topics, in the order of partitions and offsets."""

    failed: dict[Place, Webhook]
    confirmed: dict[Place, Webhook]
    opted_out: dict[Place, Webhook]
    entries: dict[Place, Webhook]
    dead: dict[Place, Webhook]
    waiting: dict[str, set[str]]
    """Identities of events that still wait for their recipient, by message row."""
    introduced: dict[str, str]
    """Recipients of messages, by message row."""


def emissions(stored: Mapping[Place, int], webhooks: list[Webhook]) -> Emissions:
    """Work out what must be written; ``stored`` tells which webhook lies where."""
    ordered = [(place, webhooks[stored[place]]) for place in sorted(stored)]
    found = Emissions({}, {}, {}, {}, {}, {}, {})
    for place, webhook in _addressed(ordered, found):
        if webhook.meaning.failed:
            found.failed[place] = webhook
        if webhook.meaning.confirmed:
            found.confirmed[place] = webhook
    for place, webhook in ordered:
        if webhook.meaning.opted_out:
            found.opted_out[place] = webhook
        if webhook.meaning.entry:
            found.entries[place] = webhook
        if webhook.meaning.dead:
            found.dead[place] = webhook
    return found


def _addressed(ordered: list[tuple[Place, Webhook]], found: Emissions) -> Iterable[tuple[Place, Webhook]]:
    """Leave out what waits for its recipient; of copies that wait together only the first goes out."""
    parked: dict[str, dict[str, tuple[Place, Webhook]]] = {}
    gone: list[tuple[Place, Webhook]] = []
    for place, webhook in ordered:
        meaning = webhook.meaning
        told = meaning.failed or meaning.confirmed
        if told is None:
            continue
        row = f"{webhook.tenant}/{meaning.awaits or meaning.introduces}"
        if meaning.introduces:
            found.introduced.setdefault(row, told.recipient)
            gone += parked.pop(row, {}).values()
        if meaning.awaits and row not in found.introduced:
            parked.setdefault(row, {}).setdefault(told.identity, (place, webhook))
        else:
            gone.append((place, webhook))
    found.waiting.update({row: set(events) for row, events in parked.items()})
    return sorted(gone, key=lambda each: each[0])
