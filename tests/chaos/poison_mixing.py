"""Mixes poison into a load: chosen by the load's seed, at random places, each kind at least once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from random import Random
from typing import cast

from app.events import CreditRequested, SuppressionRequested
from tests.chaos.authoring import DAY, Ordered
from tests.chaos.poison import Poison, Situation
from tests.chaos.poison_avro import AVRO_KINDS, command, request
from tests.chaos.poison_raw import RAW_KINDS
from tests.chaos.webhooks import Micros

KINDS = {**RAW_KINDS, **AVRO_KINDS}

TWINS = "suppression.requested: two that are alike but for until"
GRANTS = "credit.requested: two grants of 9 * 10^14"
NAMES = "raw: header names no UTF-8"
NAMES_SENT_ON = "raw: header names no UTF-8, to be sent on"

_BIG_WEIGHT = 0.1
_GREAT_GRANT = 900_000_000_000_000
_BEFORE_ALL = 13 * DAY
_FROM = 0.02
"""A record of long ago may not be the first of its partition: the broker would delete it with the segment it fills."""


def choose(rng: Random, share: float, webhooks: int) -> list[Poison]:
    """Return so many pieces of poison, each kind at least once; none when the share is zero."""
    if not share:
        return []
    names, weights = list(KINDS), [_BIG_WEIGHT if kind.big else 1 for kind in KINDS.values()]
    more = max(0, round(share * webhooks) - len(names))
    chosen = [*names, *rng.choices(names, weights, k=more)]
    rng.shuffle(chosen)
    return [Poison(number, kind) for number, kind in enumerate(chosen)]


def mix(items: Sequence[Ordered], share: float, webhooks: int, seed: int, base: Micros) -> list[Ordered]:
    """Return a load's items with poison among them; what was there stays in its order."""
    rng = Random(f"poison {seed}")  # noqa: S311 - load, no secret
    mixed = list(items)
    beside: defaultdict[int, list[Ordered]] = defaultdict(list)
    for poison in choose(rng, share, webhooks):
        if poison.kind in {NAMES, NAMES_SENT_ON}:
            sent_on = poison.kind == NAMES_SENT_ON
            place = _webhook(rng, mixed, sent_on=sent_on)
            mixed[place] = mixed[place]._replace(poison=poison, keyless=mixed[place].keyless or sent_on)
            continue
        for made in _items(poison, base):
            place = rng.randrange(round(_FROM * len(mixed)), len(mixed))
            beside[place].append(_at_the_turn_of(mixed[place], made, base))
    return list(_merged(mixed, beside))


def _webhook(rng: Random, items: Sequence[Ordered], *, sent_on: bool) -> int:
    """Return the place of a webhook that has an ordinary meaning, and no poison yet.

    ``sent_on``: it would be brought to its message's partition if it came without its key.
    """

    def fits(item: Ordered) -> bool:
        webhook = item.webhook
        if webhook is None or webhook.meaning.dead or item.poison:
            return False
        return not sent_on or (webhook.provider == "prelude" and webhook.key != "")

    start = rng.randrange(len(items))
    for place in chain(range(start, len(items)), range(start)):
        if fits(items[place]):
            return place
    raise AssertionError("no such webhook in the load")


def _items(poison: Poison, base: Micros) -> list[Ordered]:
    """Return what is to be put beside the load; its time comes with its place."""
    situation = Situation(poison, base, 1)
    if poison.kind == TWINS:
        # ids of at most 128 characters, the first 64 of them the same
        shared = f"{situation.name}-".ljust(64, "x")
        asked = request(situation) | {"occurred_at": base - _BEFORE_ALL}
        twins = [asked | {"event_id": f"{shared}a"}, asked | {"event_id": f"{shared}b", "until": base + 5 * DAY}]
        return [
            Ordered(0, request=cast("SuppressionRequested", twin), poison=poison._replace(part=part))
            for part, twin in enumerate(twins)
        ]
    if poison.kind == GRANTS:
        grant = command(situation) | {"amount_micros": _GREAT_GRANT}
        grants = [grant | {"event_id": f"{situation.name}.{index}"} for index in range(2)]
        return [
            Ordered(0, command=cast("CreditRequested", each), poison=poison._replace(part=part))
            for part, each in enumerate(grants)
        ]
    return [Ordered(0, poison=poison)]


def _at_the_turn_of(neighbour: Ordered, item: Ordered, base: Micros) -> Ordered:
    """Date a piece of poison as what stands beside it, for whoever reads the commands takes them to be in order."""
    at = neighbour.timestamp_ms(base) * 1000
    item = item._replace(turn=at)
    if item.command:
        return item._replace(command={**item.command, "occurred_at": at})
    return item


def _merged(items: Sequence[Ordered], beside: defaultdict[int, list[Ordered]]) -> Iterator[Ordered]:
    for place, item in enumerate(items):
        yield from beside[place]
        yield item
