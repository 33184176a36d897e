"""Writes a load to its topics, as the gateway, billing and other systems would."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

from aiokafka import AIOKafkaProducer

from app import avro
from app.identity import recipient_key
from app.raw_records import headers
from app.topics import RAW_TOPICS, Topic
from app.vocabulary import Provider
from tests.chaos.authoring import Ordered
from tests.chaos.load import Load
from tests.chaos.poison import Draft, Headers, Situation
from tests.chaos.poison_mixing import KINDS, NAMES, NAMES_SENT_ON
from tests.chaos.poison_publishing import LARGEST_REQUEST, Sender
from tests.chaos.webhooks import Micros, Webhook

NUMBER = "chaos-number"
"""Header of a raw record: its place in the load, for whoever reads it back."""
_AWAITED_TOGETHER = 5000


async def publish(load: Load, base: Micros, bootstrap: str) -> None:
    """Write everything in its order; done when the brokers have all of it."""
    async with AsyncExitStack() as stack:
        producer = await stack.enter_async_context(_producer(bootstrap, None))
        compressing = await stack.enter_async_context(_producer(bootstrap, "gzip"))
        sender = Sender(producer, compressing, Random(base))  # noqa: S311 - partitions, no secret
        partitions = len(await producer.partitions_for(Topic.RAW_PRELUDE))
        number = 0
        for place, item in enumerate(load.items):
            for record in _records(item, number, base, partitions):
                last = await sender.send(record)
            number += item.webhook is not None
            if place % _AWAITED_TOGETHER == 0:
                await last
        await producer.flush()
        await compressing.flush()


@asynccontextmanager
async def _producer(bootstrap: str, compression: str | None) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        linger_ms=20,
        request_timeout_ms=120_000,
        compression_type=compression,
        max_request_size=LARGEST_REQUEST,
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def _records(item: Ordered, number: int, base: Micros, partitions: int) -> Iterable[Draft]:
    ordinary = _ordinary(item, number, base)
    if ordinary is None:
        return _poison(item, base, partitions)
    if item.keyless:
        ordinary = ordinary._replace(key=None)
    if item.poison:
        ordinary = ordinary._replace(
            headers=[*ordinary.headers, item.poison.header],
            unreadable_names=item.poison.kind in {NAMES, NAMES_SENT_ON},
        )
    return [ordinary]


def _poison(item: Ordered, base: Micros, partitions: int) -> Iterable[Draft]:
    make = KINDS[item.poison.kind].make if item.poison else None
    if item.poison is None or make is None:
        raise AssertionError("an item without contents")
    return make(Situation(item.poison, item.timestamp_ms(base) * 1000, partitions))


def _ordinary(item: Ordered, number: int, base: Micros) -> Draft | None:
    timestamp_ms = item.timestamp_ms(base)
    if item.webhook:
        return _webhook(item.webhook, number)
    if item.command:
        command = item.command
        value = avro.encode(Topic.CREDIT_REQUESTED, command)
        return Draft(Topic.CREDIT_REQUESTED, value, command["account"].encode(), [], timestamp_ms)
    request = item.request
    if request is None:
        return None
    value = avro.encode(Topic.SUPPRESSION_REQUESTED, request)
    key = recipient_key(request["tenant"], request["recipient"]).encode()
    return Draft(Topic.SUPPRESSION_REQUESTED, value, key, [], timestamp_ms)


def _webhook(webhook: Webhook, number: int) -> Draft:
    about: Headers = headers(webhook.tenant, webhook.received_at, "chaos", verified=True, account=webhook.account)
    topic = RAW_TOPICS[Provider(webhook.provider)]
    marked = [*about, (NUMBER, b"%d" % number)]
    return Draft(topic, webhook.body, webhook.key.encode() or None, marked, webhook.received_at // 1000)
