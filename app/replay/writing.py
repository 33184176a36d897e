"""Writes what a replay changes, in Kafka transactions that each hold all about some recipients.

Whatever interrupts it, a recipient's corrections and requests are there together or not at all, and the next replay
finds what is missing by the same comparison.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from app import avro
from app.errors import FencedError, UndeliveredError
from app.events import Micros
from app.faust_batches import Transaction
from app.faust_batches.producer import TaskProducer
from app.replay.parcels import Parcel
from app.settings import Settings
from app.stream.envelope import REPLAYED, headers_of
from app.stream.worker import application_id, connection
from app.topics import Topic


class SupersededError(UndeliveredError):
    """Another replay of the same application has begun to write."""


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
        group = application_id(settings)
        timeout_ms = int(settings.transaction_timeout_s * 1000)
        self._most = settings.batch_max_records
        self._producer = TaskProducer(f"{group}-replay", group, timeout_ms, connection(settings))

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def write(self, parcels: Iterable[Parcel], mapping_version: str, now: Micros) -> Written:
        """Write parcels; the failures go to consumers, the requests to the workers.

        Raises SupersededError.
        """
        corrections = requests = transactions = 0
        for some in _by_size(parcels, self._most):
            transaction = Transaction(0, {}, now)
            for parcel in some:
                _put(parcel, mapping_version, transaction)
                corrections += len(parcel.corrections)
                requests += len(parcel.requests)
            try:
                await self._producer.commit(transaction.outputs, {}, 0, [])
            except FencedError as error:
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


def _put(parcel: Parcel, mapping_version: str, transaction: Transaction) -> None:
    key, mark = parcel.key.encode(), (REPLAYED, mapping_version.encode())
    for correction in parcel.corrections:
        headers = [*headers_of(Topic.DELIVERY_FAILED, correction.event_id), mark]
        transaction.send(Topic.DELIVERY_FAILED, key, correction.value, headers)
    for request in parcel.requests:
        value = avro.encode(Topic.SUPPRESSION_REQUESTED, request)
        headers = [*headers_of(Topic.SUPPRESSION_REQUESTED, request["event_id"]), mark]
        transaction.send(Topic.SUPPRESSION_REQUESTED, key, value, headers)
