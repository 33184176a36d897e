"""Raw records on their way to Kafka: written when all in-sync replicas have them, or not known to be written."""

import asyncio
import logging

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from app.errors import UndeliveredError
from app.settings import Settings, kafka_security
from app.topics import RAW_TOPICS
from app.vocabulary import Provider

# longer than any answer may take, far shorter than aiokafka's 40 s: a frozen broker is given up soon
_REQUEST_TIMEOUT_MS = 10_000
_MAX_BATCH_BYTES = 256 * 1024
_RECONNECT_S = 1.0
_PROBE_TIMEOUT_S = 2.0
_FLUSH_TIMEOUT_S = 5.0

_log = logging.getLogger(__name__)


class NotStoredError(UndeliveredError):
    """The brokers have not acknowledged a record; it may still arrive, so whoever sends it again may double it."""


class RawProducer:
    """An idempotent producer that connects by itself, for the raw topics.

    An idempotent aiokafka producer that once met an error which cannot be retried fails ever after, because there is a
    gap in its sequence numbers. It is replaced then. While brokers are away it keeps at most two batches a partition.
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
        self._topics = {str(RAW_TOPICS[endpoint.provider]) for endpoint in settings.endpoints.values()}
        self._producer: AIOKafkaProducer | None = None
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

    async def store(self, provider: Provider, key: bytes | None, body: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Write a record and return when it is acknowledged; raises NotStoredError otherwise.

        Safe to be cancelled; like an error, that leaves open whether the record arrives.
        """
        producer = self._producer
        if producer is None:
            raise NotStoredError("not connected to the brokers")
        try:
            await producer.send_and_wait(RAW_TOPICS[provider], body, key, headers=headers)
        except KafkaError as error:
            if not error.retriable and producer is self._producer:
                _log.error("the producer is replaced after %s", type(error).__name__)
                self._retire()
            raise NotStoredError(f"the brokers did not take it: {type(error).__name__}") from error

    async def obstacle(self) -> str:
        """Return what keeps webhooks from being stored now, asking the brokers; empty if nothing does."""
        if self._producer is None:
            return "not connected to the brokers"
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                metadata = await self._producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError):
            return "the brokers do not answer"
        missing = self._topics - metadata.topics()
        return f"topics are missing: {', '.join(sorted(missing))}" if missing else ""

    async def _connected(self) -> AIOKafkaProducer:
        while True:
            producer = AIOKafkaProducer(**self._arguments)
            try:
                await producer.start()
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
            task = asyncio.create_task(self._producer.stop())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
            self._producer = None
            self._replace.set()
