"""Writes a load to its topics, as the gateway, billing and other systems would."""

from collections.abc import Awaitable
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from app import avro
from app.identity import recipient_key
from app.raw_records import headers
from app.topics import RAW_TOPICS, Topic
from app.vocabulary import Provider
from tests.chaos.authoring import Ordered
from tests.chaos.load import Load
from tests.chaos.webhooks import Micros

NUMBER = "chaos-number"
"""Header of a raw record: its place in the load, for whoever reads it back."""
_AWAITED_TOGETHER = 5000


class _Record(NamedTuple):
    topic: str
    value: bytes
    key: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp_ms: int


async def publish(load: Load, base: Micros, bootstrap: str) -> None:
    """Write everything in its order; done when the brokers have all of it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=20, request_timeout_ms=120_000
    )
    await producer.start()
    try:
        number = 0
        for place, item in enumerate(load.items):
            last = await _send(producer, item, number, base)
            number += item.webhook is not None
            if place % _AWAITED_TOGETHER == 0:
                await last
        await producer.flush()
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, item: Ordered, number: int, base: Micros) -> Awaitable[object]:
    record = _record(item, number, base)
    if item.keyless:
        record = record._replace(key=None)
    sent: Awaitable[object] = await producer.send(
        record.topic, record.value, key=record.key, headers=record.headers, timestamp_ms=record.timestamp_ms
    )
    return sent


def _record(item: Ordered, number: int, base: Micros) -> _Record:
    timestamp_ms = item.timestamp_ms(base)
    if item.webhook:
        webhook = item.webhook
        about = headers(webhook.tenant, webhook.received_at, "chaos", verified=True, account=webhook.account)
        topic = RAW_TOPICS[Provider(webhook.provider)]
        key = webhook.key.encode() or None
        return _Record(topic, webhook.body, key, [*about, (NUMBER, b"%d" % number)], webhook.received_at // 1000)
    if item.command:
        command = item.command
        value = avro.encode(Topic.CREDIT_REQUESTED, command)
        return _Record(Topic.CREDIT_REQUESTED, value, command["account"].encode(), [], timestamp_ms)
    request = item.request
    if request is None:
        raise AssertionError("an item without contents")
    value = avro.encode(Topic.SUPPRESSION_REQUESTED, request)
    key = recipient_key(request["tenant"], request["recipient"]).encode()
    return _Record(Topic.SUPPRESSION_REQUESTED, value, key, [], timestamp_ms)
