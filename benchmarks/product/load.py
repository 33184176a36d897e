"""Webhooks, and how they get into their raw topic."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson
from aiokafka import AIOKafkaProducer

from benchmarks.progress import say

TOPIC = "raw.teekrr"
_BATCH_BYTES = 262_144
_KEPT_UP = 0.95
_SHOW_S = 10.0


class Webhook(NamedTuple):
    """A failure that suppresses its recipient at once."""

    recipient: str
    key: bytes
    body: bytes


def webhook(number: int, recipient: int) -> Webhook:
    """Return the failure of a message; recipients are below ten million."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    message = str(uuid.UUID(int=number))
    data = {
        "messageUuid": message,
        "broadcastUuid": str(uuid.UUID(int=1)),
        "channel": "whatsapp",
        "msisdn": f"6012{recipient:07d}",
        "failedAt": at,
        "errorCode": "131026",
        "errorMessage": "Message undeliverable",
    }
    body = orjson.dumps({"event": "failed", "timestamp": at, "data": data})
    return Webhook(f"+6012{recipient:07d}", message.encode(), body)


class Publisher:
    """Writes webhooks into the raw topic as the gateway would, within an `async with` block."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=_BATCH_BYTES)
        self.count = 0
        """Webhooks so far."""
        self._running: asyncio.Task[list[str]] | None = None
        self._error: BaseException | None = None
        self.sent: dict[str, float] = {}
        """When the first webhook about a recipient was handed to the producer, by the monotonic clock."""

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._producer.stop()

    def check(self) -> None:
        """Raise the error of a webhook that could not be written, or of the load in the background."""
        if self._error is not None:
            raise self._error
        if self._running is not None and self._running.done():
            self._running.result()

    def last_words(self) -> str:
        """Return nothing: its errors speak."""
        return ""

    async def publish(self, recipients: Iterable[int]) -> list[str]:
        """Write a webhook about each as fast as the broker takes them; returns their addresses."""
        sent = [await self._send(recipient) for recipient in recipients]
        await self._producer.flush()
        self.check()
        return sent

    async def publish_at(self, rate: int, recipients: Iterable[int]) -> list[str]:
        """Write so many a second, by the clock: a slow product slows nothing down; returns their addresses."""
        sent: list[str] = []
        started = shown = time.monotonic()
        for number, recipient in enumerate(recipients):
            await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            sent.append(await self._send(recipient))
            self.check()
            if time.monotonic() - shown > _SHOW_S:
                shown = time.monotonic()
                say(f"  {rate}/s for {shown - started:.0f} s")
        achieved = len(sent) / (time.monotonic() - started)
        if achieved < _KEPT_UP * rate:
            say(f"  this machine sent {achieved:.0f}/s instead of {rate}/s")
        await self._producer.flush()
        return sent

    @asynccontextmanager
    async def publishing(self, rate: int, recipients: Iterable[int]) -> AsyncIterator[None]:
        """Write in the background for the length of the block."""
        self._running = asyncio.create_task(self.publish_at(rate, recipients))
        try:
            yield
        finally:
            running, self._running = self._running, None
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def _send(self, recipient: int) -> str:
        self.count += 1
        found = webhook(self.count, recipient)
        headers = [
            ("tenant", b"acme"),
            ("received-at", b"%d" % (time.time_ns() // 1000)),
            ("source", b"benchmark"),
            ("verified", b"true"),
        ]
        self.sent.setdefault(found.recipient, time.monotonic())
        delivery = await self._producer.send(TOPIC, found.body, key=found.key, headers=headers)
        delivery.add_done_callback(self._delivered)
        return found.recipient

    def _delivered(self, delivery: asyncio.Future[Any]) -> None:
        if not delivery.cancelled() and (error := delivery.exception()) is not None:
            self._error = error
