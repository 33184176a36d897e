"""The poison of the chaos suite: made the same from the same seed, written as it is, and recognised again."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from app.broker import Cluster
from app.topics import RAW_TOPICS, Topic
from tests.chaos.__main__ import options_of
from tests.chaos.checking_poison import PoisonCheck, told
from tests.chaos.emissions import Place
from tests.chaos.findings import Findings
from tests.chaos.legible_records import legible_records
from tests.chaos.load import Load, make_load
from tests.chaos.poison import Draft, Effect, Poison, Situation, read_header
from tests.chaos.poison_mixing import KINDS, NAMES, NAMES_SENT_ON, choose
from tests.chaos.poison_raw import LONG_AGO_MS
from tests.chaos.product import create_topics, deployment
from tests.chaos.publishing import publish
from tests.chaos.reading import Stored, read

BASE_S = 1_790_000_000
LARGEST_BATCH = 1_048_588
SLASH = "suppression.requested: tenant with a slash"
INPUTS = (
    *RAW_TOPICS.values(),
    Topic.SUPPRESSION_REQUESTED,
    Topic.CREDIT_REQUESTED,
    Topic.DELIVERY_FAILED,
    Topic.DELIVERY_CONFIRMED,
    Topic.DELIVERY_STATS,
    Topic.CREDIT_ENTRY,
    Topic.CREDIT_CHANGED,
    Topic.PROVIDER_HEALTH,
)


@dataclass
class Read:
    """A record as it might be read back."""

    topic: str
    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes]]
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None


def load_of(events: int, poison: float) -> Load:
    return make_load(options_of(f"--events {events} --poison {poison} --seed 5 --base {BASE_S}".split()).shape)


def drafts_of(kind: str, number: int = 1, partitions: int = 4) -> list[Draft]:
    make = KINDS[kind].make
    assert make is not None
    return make(Situation(Poison(number, kind), BASE_S * 1_000_000, partitions))


def test_poison_leaves_the_load_as_it_is() -> None:
    """The same seed gives the same webhooks in the same order, with poison and without."""
    with_poison, without = load_of(600, 0.01), load_of(600, 0)
    assert with_poison.webhooks == without.webhooks
    assert with_poison.requests == without.requests
    assert [item for item in without.items if item.poison] == []
    bare = [item._replace(poison=None) for item in with_poison.items if item.webhook or item.command or item.request]
    known = {item.request["event_id"] for item in without.items if item.request}
    assert len(bare) == len(without.items) + 4  # two requests and two grants
    assert sum(1 for item in bare if item.request and item.request["event_id"] not in known) == 2


def test_the_same_seed_gives_the_same_poison_and_each_kind() -> None:
    first, second = load_of(600, 0.01), load_of(600, 0.01)
    assert first == second
    assert {each.kind for each in first.poison} == KINDS.keys()


def test_the_share_is_of_the_webhooks_and_large_records_are_few() -> None:
    chosen = choose(Random(1), 0.005, 200_000)  # noqa: S311 - load, no secret
    assert len(chosen) == 1_000
    counts = Counter(each.kind for each in chosen)
    assert max(counts[name] for name, kind in KINDS.items() if kind.big) < min(
        counts[name] for name, kind in KINDS.items() if not kind.big
    )


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.make])
def test_poison_is_made_from_its_number_and_carries_its_header(kind: str) -> None:
    """As many records as its kind says, each recognised, each the same when it is made again."""
    made = drafts_of(kind)
    assert made == drafts_of(kind)
    assert [read_header(draft.headers) for draft in made] == [
        (f"1.{part}", kind) for part in range(KINDS[kind].records)
    ]
    assert {draft.topic for draft in made} <= set(INPUTS)


def test_the_largest_record_fits_until_a_header_is_added() -> None:
    """It takes all but 4 bytes of what a broker takes, and lies in another partition than its message's."""
    (draft,) = drafts_of("raw: 1 MiB without its key")
    assert batch_bytes(draft) == LARGEST_BATCH - 4
    assert batch_bytes(draft._replace(headers=[*draft.headers, ("rekeyed", b"1/5")])) > LARGEST_BATCH
    assert draft.key is None
    assert draft.partition is not None


def test_one_dead_letter_for_each_record_is_clean() -> None:
    assert judged([Place("suppression.requested", 1, 7)]).clean


def test_a_lost_dead_letter_is_found() -> None:
    assert judged([]).line().startswith("lost=1 double=0")


def test_a_double_dead_letter_is_found() -> None:
    assert judged([Place("suppression.requested", 1, 7)] * 2).line().startswith("lost=0 double=1")


def test_a_record_that_was_sent_on_has_one_dead_letter_in_either_place() -> None:
    """Where the product brings a record to its partition first, the dead letter may name either of the two."""
    moved = [Place("suppression.requested", 1, 7), Place("suppression.requested", 2, 0)]
    assert judged(moved[1:], places=moved).clean
    assert judged(moved, places=moved).double == 1


def test_a_dead_letter_of_an_ordinary_record_is_found() -> None:
    place = Place("raw.treble", 0, 3)
    assert judged([], kind=NAMES, places=[place]).clean
    assert judged([place], kind=NAMES, places=[place]).double == 1


def test_the_checks_of_the_load_see_no_poison_but_what_keeps_its_meaning() -> None:
    """What is hostile by its headers only is a record of the load; dead letters go to their own check."""
    seen: list[Stored] = []
    take = PoisonCheck([Poison(1, SLASH), Poison(2, NAMES)]).beside(seen.append)
    records = [
        Read("suppression.requested", 1, 7, [Poison(1, SLASH).header]),
        Read("raw.treble", 0, 3, [Poison(2, NAMES).header]),
        Read("dead.letter", 0, 0, [Poison(1, SLASH).header]),
        Read("raw.treble", 0, 4, []),
    ]
    for record in records:
        take(record)
    assert seen == records[1:]


def test_people_asked_for_twice_are_taken_out_and_must_be_suppressed() -> None:
    kind = "suppression.requested: two that are alike but for until"
    phone = Situation(Poison(3, kind), 0, 1).phone
    check = PoisonCheck([Poison(3, kind), Poison(3, kind, 1)])
    rows = {f"poisoned/{phone}".encode(): b"{}", b"acme/+1": b"{}"}
    states: dict[str, dict[str, object]] = {
        f"poisoned/{phone}/sms": {"state": "suppressed"},
        "acme/+1/sms": {"state": "suppressed"},
    }
    findings = Findings()
    check.take_twins(rows, states, findings)
    assert findings.clean
    assert rows.keys() == {b"acme/+1"}
    assert states.keys() == {"acme/+1/sms"}
    check.take_twins(rows, states, findings)
    assert findings.others == 1


async def test_every_kind_reaches_its_topic_as_it_was_made(tmp_path: Path) -> None:
    """Header names that are no UTF-8, records compressed and of long ago: the broker has all of it, once."""
    load = await asyncio.to_thread(load_of, 300, 0.005)
    found: dict[str, list[Stored]] = {}
    check = PoisonCheck(load.poison)
    with Cluster() as cluster, legible_records():
        await create_topics(
            deployment(
                cluster.bootstrap,
                tmp_path / "version",
                store="memory",
                partitions=4,
                brokers=1,
                version=1,
                forget_days=5,
                quiet_s=60,
            ).settings
        )
        await publish(load, BASE_S * 1_000_000, cluster.bootstrap)

        def take(record: Stored) -> None:
            check.take(record)
            header = read_header(record.headers)
            if header:
                found.setdefault(header[1], []).append(record)

        await read(cluster.bootstrap, INPUTS, 4, take)
    assert check.counts() == {name: kind.records for name, kind in KINDS.items()}
    findings = Findings()
    places = [
        Place(r.topic, r.partition, r.offset) for name, records in found.items() for r in records if is_dead(name)
    ]
    check.finish(Counter(places), findings)
    assert findings.clean, findings.summary()
    for kind in (NAMES, NAMES_SENT_ON, "raw: header names no UTF-8, body no JSON"):
        assert ("chaos-\ufffd\ufffd(", b"hostile") in found[kind][0].headers
    assert found["raw: a timestamp of -2^61 ms, no received-at"][0].timestamp == LONG_AGO_MS
    assert found["raw: 3 MB compressed"][0].value == b"[" * 3_000_000
    assert len(told(check.counts())) == 9


def is_dead(kind: str) -> bool:
    return KINDS[kind].effect is Effect.DEAD_LETTER


def judged(dead: list[Place], kind: str = SLASH, places: Sequence[Place] = ()) -> Findings:
    """Return what is found of one record of the poison, by default in one place."""
    check, findings = PoisonCheck([Poison(1, kind)]), Findings()
    for place in places or [Place("suppression.requested", 1, 7)]:
        check.take(Read(*place, [Poison(1, kind).header]))
    letters = Counter(dead)
    check.finish(letters, findings)
    assert not letters
    return findings


def batch_bytes(draft: Draft) -> int:
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=2 * LARGEST_BATCH
    )
    builder.append(0, draft.timestamp_ms, key=draft.key, value=draft.value, headers=draft.headers)
    return len(builder.build())
