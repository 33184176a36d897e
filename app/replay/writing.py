"""Writes what a replay changes, in Kafka transactions that each hold all about some recipients.

Whatever interrupts it, a recipient's corrections and requests are there together or not at all, and the next replay
finds what is missing by the same comparison.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from app import avro
from app.errors import UndeliveredError
from app.faust_batches.faults import reached
from app.replay.parcels import Parcel
from app.settings import Settings
from app.stream.envelope import REPLAYED, headers_of
from app.stream.worker import application_id, connection
from app.topics import Topic

_BATCH_BYTES = 262_144


class SupersededError(UndeliveredError):
    """Another replay of the same application has begun to write."""


class _Record(NamedTuple):
    """What a producer's ``send`` takes, in its order."""

    topic: str
    value: bytes
    key: bytes
    partition: None
    timestamp_ms: None
    headers: list[tuple[str, bytes]]


class Written(NamedTuple):
    """What is in the topics now."""

    corrections: int
    requests: int
    transactions: int


class Writer:
    """Writes for the length of an async with block; there is one at a time for an application.

    Entering ends a transaction that an earlier one left open.
    """

    def __init__(self, settings: Settings) -> None:
        self._most = settings.round_max_records
        self._producer = AIOKafkaProducer(
            **connection(settings),
            transactional_id=f"{application_id(settings)}-replay",
            transaction_timeout_ms=int(settings.transaction_timeout_s * 1000),
            linger_ms=5,
            max_batch_size=_BATCH_BYTES,
        )

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def write(self, parcels: Iterable[Parcel], mapping_version: str) -> Written:
        """Write parcels; the failures go to consumers, the requests to the workers.

        Raises SupersededError.
        """
        corrections = requests = transactions = 0
        for some in _by_size(parcels, self._most):
            try:
                async with self._producer.transaction():
                    records = [record for parcel in some for record in _records(parcel, mapping_version)]
                    deliveries = [await self._producer.send(*record) for record in records]
                    corrections += sum(len(parcel.corrections) for parcel in some)
                    requests += sum(len(parcel.requests) for parcel in some)
                    # an error of theirs is the reason, and the commit's would only follow from it
                    await asyncio.gather(*deliveries)
                    reached("delivered")
            except (ProducerFenced, InvalidProducerEpoch) as error:
                raise SupersededError("another replay has begun since; run this one again after it") from error
            transactions += 1
        return Written(corrections, requests, transactions)


def _by_size(parcels: Iterable[Parcel], most: int) -> Iterator[list[Parcel]]:
    """Return groups of about so many records; one recipient's are never divided."""
    group: list[Parcel] = []
    size = 0
    for parcel in parcels:
        group.append(parcel)
        size += len(parcel.corrections) + len(parcel.requests)
        if size >= most:
            yield group
            group, size = [], 0
    if group:
        yield group


def _records(parcel: Parcel, mapping_version: str) -> Iterator[_Record]:
    key, mark = parcel.key.encode(), (REPLAYED, mapping_version.encode())
    for correction in parcel.corrections:
        headers = [*headers_of(Topic.DELIVERY_FAILED, correction.event_id), mark]
        yield _Record(Topic.DELIVERY_FAILED, correction.value, key, None, None, headers)
    for request in parcel.requests:
        value = avro.encode(Topic.SUPPRESSION_REQUESTED, request)
        headers = [*headers_of(Topic.SUPPRESSION_REQUESTED, request["event_id"]), mark]
        yield _Record(Topic.SUPPRESSION_REQUESTED, value, key, None, None, headers)
