"""Looks at what the product has made of the poison: one dead letter each, or what a record of the load would bring."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, MutableMapping

from app.identity import recipient_key
from app.topics import Topic
from tests.chaos.emissions import Place
from tests.chaos.findings import Findings
from tests.chaos.poison import TENANT, Effect, Poison, Situation, read_header
from tests.chaos.poison_mixing import KINDS, TWINS
from tests.chaos.reading import Stored

TOPICS = (Topic.CREDIT_REQUESTED,)
"""Topics with poison in them that no other check reads."""


class PoisonCheck:
    """Takes in the records of all topics, and keeps the poison from the checks of the load."""

    def __init__(self, poison: Iterable[Poison]) -> None:
        self._wanted = {
            (f"{each.number}.{part}", each.kind) for each in poison for part in range(KINDS[each.kind].records)
        }
        self._places: defaultdict[tuple[str, str], list[Place]] = defaultdict(list)
        """Of each record of the poison; several where the product has sent it on."""

    def beside(self, take: Callable[[Stored], None]) -> Callable[[Stored], None]:
        """Return what takes in all records, and hands on those that are none of the poison's own."""

        def sort(record: Stored) -> None:
            if record.topic == Topic.DEAD_LETTER or not self._is_own(record):
                take(record)

        return sort

    def take(self, record: Stored) -> None:
        """Take in a record of a topic that no other check reads."""
        self._is_own(record)

    def _is_own(self, record: Stored) -> bool:
        """Note where a record of the poison lies; tell whether the load knows nothing of it."""
        found = read_header(record.headers)
        if found is None:
            return False
        self._places[found].append(Place(record.topic, record.partition, record.offset))
        return KINDS[found[1]].effect is not Effect.ORDINARY

    def counts(self) -> Counter[str]:
        """Return how many records there are of each kind."""
        return Counter(kind for _, kind in self._places)

    def finish(self, dead_letters: Counter[Place], findings: Findings) -> None:
        """Compare what there is of it with what was written; its dead letters are taken out of the others."""
        found = Counter(self._places.keys())
        findings.compare_counts("poison", found, dict.fromkeys(self._wanted, 1))
        dead = {each: sum(dead_letters.pop(place, 0) for place in places) for each, places in self._places.items()}
        wanted = {each: int(KINDS[each[1]].effect is Effect.DEAD_LETTER) for each in self._places}
        findings.compare_counts("dead letter of poison", dead, wanted)

    def take_twins(
        self, rows: MutableMapping[bytes, bytes], states: MutableMapping[str, dict[str, object]], findings: Findings
    ) -> None:
        """Take the people of requests that are alike out of what is compared: each must be suppressed."""
        for identity, kind in self._wanted:
            if kind != TWINS or not identity.endswith(".0"):
                continue
            number = int(identity.partition(".")[0])
            key = recipient_key(TENANT, Situation(Poison(number, kind), 0, 1).phone)
            state = states.pop(f"{key}/sms", {}).get("state")
            findings.expect(kind, number, (rows.pop(key.encode(), None) is not None, state), (True, "suppressed"))


def told(counts: Counter[str]) -> list[str]:
    """Return a line for each topic with the number of records of each kind."""
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for kind in KINDS:
        topic, _, what = kind.partition(": ")
        lines[topic].append(f"{counts[kind]} {what}")
    return [f"poison in {topic}: {'; '.join(parts)}" for topic, parts in lines.items()] if counts else []
