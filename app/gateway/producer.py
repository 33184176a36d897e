"""Raw records on their way to Kafka: written when all in-sync replicas have them, or not known to be written."""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from app.errors import UndeliveredError
from app.faust_batches.partitioning import partition_of
from app.gateway.lane import Lane
from app.settings import Settings, kafka_security
from app.topics import RAW_TOPICS

# longer than any answer may take, far shorter than aiokafka's 40 s: a frozen broker is given up soon
_REQUEST_TIMEOUT_MS = 10_000
_MAX_BATCH_BYTES = 256 * 1024
_RECONNECT_S = 1.0
_PROBE_TIMEOUT_S = 2.0
_ASK_EVERY_S = 1.0
_FLUSH_TIMEOUT_S = 5.0
_MANY = 32
"""Records that are sent although others are under way, so that no side waits for the other."""
_PACE_S = 0.02
"""Longest wait for the batches under way: what comes meanwhile goes together, which spares both sides work."""

_FOR_EVER = (MessageSizeTooLargeError, RecordListTooLargeError, CorruptRecordException, InvalidTimestampError)

_log = logging.getLogger(__name__)


class NotStoredError(UndeliveredError):
    """The brokers have not acknowledged a record; it may still arrive, so whoever sends it again may double it.

    ``for_ever``: they will not take it the next time either.
    """

    def __init__(self, text: str, *, for_ever: bool = False) -> None:
        super().__init__(text)
        self.for_ever = for_ever


class RawEntry(NamedTuple):
    """A record for a raw topic."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


Stored = Callable[[NotStoredError | None], None]
"""Is told once what became of a record; None: the brokers have it."""


class RawProducer:
    """An idempotent producer that connects by itself, for the raw topics.

    Records of one partition that come while a batch of it is under way share the next one. An idempotent aiokafka
    producer that once met an error which cannot be retried fails ever after, because there is a gap in its sequence
    numbers. It is replaced then.
    """

    def __init__(self, settings: Settings) -> None:
        self._arguments = {
            "bootstrap_servers": settings.bootstrap_servers,
            "client_id": f"{settings.application}-gateway",
            "enable_idempotence": True,
            "acks": "all",
            "request_timeout_ms": _REQUEST_TIMEOUT_MS,
            "max_batch_size": _MAX_BATCH_BYTES,
            **kafka_security(settings),
        }
        self.topics = topics_of(settings)
        """Those of the endpoints."""
        self._producer: AIOKafkaProducer | None = None
        self._lanes: dict[TopicPartition, Lane] = {}
        self._gathered: dict[TopicPartition, Lane] = {}
        """Those that have something to send."""
        self._due: asyncio.TimerHandle | None = None
        self._count = 0
        self._busy = 0
        """Batches under way."""
        self._turn = itertools.count()
        self._asking: asyncio.Task[set[str] | None] | None = None
        self._asked_at = 0.0
        self._replace = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Keep a connected producer until cancelled; what is on its way then gets 5 s to arrive."""
        try:
            while True:
                self._replace.clear()
                self._producer = await self._connected()
                _log.info("connected to the brokers")
                await self._replace.wait()
                await asyncio.sleep(_RECONNECT_S)
        finally:
            self._retire()
            if self._closing:
                await asyncio.wait(self._closing, timeout=_FLUSH_TIMEOUT_S)
            for task in set(self._closing):
                task.cancel()

    def store(self, entry: RawEntry, stored: Stored) -> None:
        """Write a record, and say by and by what became of it.

        Raises NotStoredError where that is known at once.
        """
        producer = self._producer
        if producer is None:
            raise NotStoredError("not connected to the brokers")
        partitions = producer.client.cluster.partitions_for_topic(entry.topic)
        if not partitions:
            # asked for from now on: the next one may find it
            producer.client.add_topic(entry.topic)
            raise NotStoredError("its topic is missing, or not known yet")
        count = len(partitions)
        partition = next(self._turn) % count if entry.key is None else partition_of(entry.key, count)
        tp = TopicPartition(entry.topic, partition)
        lane = self._lanes.get(tp)
        if lane is None:
            lane = self._lanes[tp] = Lane(producer, tp, self._failed, self._moved)
        if not lane.add(entry.key, entry.value, entry.headers, stored):
            raise NotStoredError("the brokers are too slow")
        if not self._gathered:
            # the rest of what comes in this round of the loop goes along
            self._due = asyncio.get_running_loop().call_later(_PACE_S if self._busy else 0, self._send)
        self._gathered[tp] = lane
        self._count += 1
        if self._count == _MANY:
            self._send()

    def _send(self) -> None:
        """Send what has been gathered, for all partitions at once."""
        if self._due is not None:
            self._due.cancel()
        self._count = 0
        gathered, self._gathered = self._gathered, {}
        for lane in gathered.values():
            lane.send()

    def _moved(self, batches: int) -> None:
        """Be told that so many batches more, or less, are under way."""
        self._busy += batches
        if not self._busy and self._gathered:
            self._send()

    @property
    def obstacle(self) -> str:
        """What keeps webhooks from being stored, where `missing_topics` could not ask."""
        return "not connected to the brokers" if self._producer is None else "the brokers do not answer"

    async def missing_topics(self) -> list[str] | None:
        """Return which topics the brokers do not have; None: they could not be asked.

        They are asked once a second at most, however many ask us.
        """
        if self._producer is None:
            return None
        now = time.monotonic()
        if self._asking is None or (self._asking.done() and now - self._asked_at > _ASK_EVERY_S):
            self._asked_at = now
            self._asking = asyncio.create_task(_topics_at(self._producer))
        known = await asyncio.shield(self._asking)
        return None if known is None else sorted(self.topics - known)

    def _failed(self, producer: AIOKafkaProducer, error: Exception) -> NotStoredError:
        """Say what is told of a batch that failed; the producer may have to be replaced."""
        if not getattr(error, "retriable", False) and producer is self._producer:
            _log.error("the producer is replaced after %s", type(error).__name__)
            self._retire()
        for_ever = isinstance(error, _FOR_EVER)
        return NotStoredError(f"the brokers did not take it: {type(error).__name__}", for_ever=for_ever)

    async def _connected(self) -> AIOKafkaProducer:
        while True:
            producer = AIOKafkaProducer(**self._arguments)
            try:
                await producer.start()
                for topic in self.topics:
                    # known before the first webhook; a topic that is missing does not keep the others waiting
                    producer.client.add_topic(topic)
                await producer.client.force_metadata_update()
            except KafkaError as error:
                _log.warning("no connection to the brokers: %s", type(error).__name__)
                await producer.stop()
                await asyncio.sleep(_RECONNECT_S)
            except BaseException:
                await producer.stop()
                raise
            else:
                return producer

    def _retire(self) -> None:
        if self._producer is not None:
            # it waits for what is on its way, which takes as long as the brokers are away
            task = asyncio.create_task(_stop(self._producer, list(self._lanes.values())))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self._producer = self._asking = None
            self._lanes = {}
            self._gathered = {}
            self._replace.set()


def topics_of(settings: Settings) -> set[str]:
    """Return the topics that the endpoints write to."""
    return {str(RAW_TOPICS[endpoint.provider]) for endpoint in settings.endpoints.values()}


async def _topics_at(producer: AIOKafkaProducer) -> set[str] | None:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            metadata = await producer.client.fetch_all_metadata()
    except (KafkaError, TimeoutError):
        return None
    return set(metadata.topics())


async def _stop(producer: AIOKafkaProducer, lanes: list[Lane]) -> None:
    for lane in lanes:
        await lane.finish()
    await producer.stop()
