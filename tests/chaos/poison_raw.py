"""Poison in the raw topics: what a producer other than the gateway may put there."""

import base64
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import orjson
from aiokafka.partitioner import murmur2
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from app.raw_records import headers
from app.topics import RAW_TOPICS, Topic
from app.vocabulary import Provider
from tests.chaos.poison import TENANT, Draft, Effect, Headers, Kind, Kinds, Situation
from tests.chaos.webhooks import Body, prelude, teekrr, treble, webex

BURST = 170
"""Webhooks of one message, each of which would be kept until its recipient is known."""
LONG_AGO_MS = -(2**61)
_LARGEST_BATCH = 1_048_588
"""What a broker takes if its topic does not say otherwise."""
_HEADER_BYTES = 61
"""Of a record batch."""


class _Webhook(NamedTuple):
    topic: Topic
    key: bytes
    body: bytes


def _ordinary(situation: Situation) -> _Webhook:
    """Return a webhook of some provider with which nothing is wrong."""
    name, at, phone = situation.name, situation.at, situation.phone
    bodies: dict[Provider, tuple[str, Body]] = {
        Provider.TEEKRR: (name, teekrr("delivered", at, name, "sms", phone)),
        Provider.WEBEX_INTERACT: (name, webex(name, name, at, phone, "delivered")),
        Provider.PRELUDE: (name, prelude(name, "transactional.message.created", at, id=name, to=phone)),
        Provider.TREBLE: ("1", treble(name, at, 1, phone, "INVALID_PHONE")),
    }
    provider = situation.rng.choice(list(bodies))
    key, body = bodies[provider]
    return _Webhook(RAW_TOPICS[provider], key.encode(), orjson.dumps(body))


def _about(situation: Situation, tenant: str = TENANT) -> Headers:
    return headers(tenant, situation.at, "chaos", verified=True, account="")


def _written(
    situation: Situation, about: Headers | None = None, timestamp_ms: int | None = None
) -> Callable[[bytes | None], Draft]:
    webhook = _ordinary(situation)
    marked = situation.headers(_about(situation) if about is None else about)
    sent_ms = situation.at // 1000 if timestamp_ms is None else timestamp_ms
    return lambda value: Draft(webhook.topic, value, webhook.key, marked, sent_ms)


def _long_ago(situation: Situation) -> list[Draft]:
    undated = [pair for pair in _about(situation) if pair[0] != "received-at"]
    return [_written(situation, undated, LONG_AGO_MS)(_ordinary(situation).body)]


def _long_tenant(situation: Situation) -> list[Draft]:
    return [_written(situation, _about(situation, "t" * 300_000))(_ordinary(situation).body)]


def _with_body(body: Callable[[Random], bytes | None]) -> Callable[[Situation], list[Draft]]:
    return lambda situation: [_written(situation)(body(situation.rng))]


def _names_and_broken_body(situation: Situation) -> list[Draft]:
    return [_written(situation)(b'{"event":')._replace(unreadable_names=True)]


def _compressed(situation: Situation) -> list[Draft]:
    return [_written(situation)(b"[" * 3_000_000)._replace(compressed=True)]


def _long_ids(situation: Situation) -> list[Draft]:
    rng, message = situation.rng, situation.name
    found = []
    for part in range(BURST):
        event_id = rng.randbytes(500).hex()
        body = prelude(event_id, "transactional.message.delivered", situation.at, message_id=message)
        marked = situation.headers(_about(situation), part)
        found.append(Draft(Topic.RAW_PRELUDE, orjson.dumps(body), message.encode(), marked, situation.at // 1000))
    return found


def _filling_without_key(situation: Situation) -> list[Draft]:
    """Lie in a partition that is not its message's, so large that a header more is too much."""
    marked, message = situation.headers(_about(situation)), situation.name

    def body(padding: int) -> bytes:
        text = base64.b64encode(situation.rng.randbytes(padding))[:padding].decode()
        return orjson.dumps(
            prelude(message, "transactional.message.unknown", situation.at, message_id=message, status=text)
        )

    spare = _LARGEST_BATCH - 4 - _batch_bytes(body(1_000_000), marked)
    wrong = ((murmur2(message.encode()) & 0x7FFFFFFF) + 1) % situation.partitions
    full = body(1_000_000 + spare)
    return [Draft(Topic.RAW_PRELUDE, full, None, marked, situation.at // 1000, partition=wrong)]


def _batch_bytes(value: bytes, marked: Headers) -> int:
    builder = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=2 * _LARGEST_BATCH
    )
    size: int = _HEADER_BYTES + builder.append(0, 0, key=None, value=value, headers=marked).size
    return size


RAW_KINDS: Kinds = {
    "raw: a timestamp of -2^61 ms, no received-at": Kind(_long_ago),
    "raw: header names no UTF-8": Kind(None, Effect.ORDINARY),
    "raw: header names no UTF-8, to be sent on": Kind(None, Effect.ORDINARY),
    "raw: header names no UTF-8, body no JSON": Kind(_names_and_broken_body),
    "raw: ids of 1,000 characters": Kind(_long_ids, records=BURST, big=True),
    "raw: 3 MB compressed": Kind(_compressed, big=True),
    "raw: 1 MiB without its key": Kind(_filling_without_key, big=True),
    "raw: header tenant of 300 kB": Kind(_long_tenant, big=True),
    "raw: 100,000 brackets": Kind(_with_body(lambda _: b'{"a":' + b"[" * 100_000)),
    "raw: 900 kB of digits": Kind(_with_body(lambda _: b"7" * 900_000), big=True),
    "raw: tombstone": Kind(_with_body(lambda _: None)),
    "raw: random bytes": Kind(_with_body(lambda rng: rng.randbytes(200))),
}
"""By their names; a name begins with the topic, before the colon."""
