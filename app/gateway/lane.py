"""The records of one partition, gathered into batches."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from app.errors import UndeliveredError

_log = logging.getLogger(__name__)

_MOST_WAITING = 4
"""Batches of one partition that may wait for the brokers: more would only grow old."""

Failed = Callable[[AIOKafkaProducer, Exception], UndeliveredError]
"""Turns what a batch met into what is told of its records."""


class _Gathering:
    """A batch that takes records."""

    __slots__ = ("builder", "waiting")

    def __init__(self, builder: Any) -> None:  # noqa: ANN401 - untyped
        self.builder = builder
        self.waiting: list[Callable[[Any], None]] = []


class Lane:
    """Hands one batch after the other to the producer; records that come meanwhile share the next one."""

    def __init__(
        self, producer: AIOKafkaProducer, tp: TopicPartition, failed: Failed, moved: Callable[[int], None]
    ) -> None:
        self._producer = producer
        self._tp = tp
        self._failed = failed
        self._moved = moved
        """Is told how many batches more, or less, are under way."""
        self._batches: deque[_Gathering] = deque()
        """The last one takes records."""
        self._sending: asyncio.Task[None] | None = None

    def add(
        self, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]], stored: Callable[[Any], None]
    ) -> bool:
        """Take a record; False: too much waits already."""
        if not self._batches or not self._append(self._batches[-1], key, value, headers, stored):
            if len(self._batches) >= _MOST_WAITING:
                return False
            gathering = _Gathering(self._producer.create_batch())
            self._append(gathering, key, value, headers, stored)
            self._batches.append(gathering)
        return True

    def send(self) -> None:
        """Send what has been gathered."""
        if self._sending is None and self._batches:
            self._sending = asyncio.create_task(self._send())

    async def finish(self) -> None:
        """Wait until nothing waits."""
        self.send()
        if self._sending is not None:
            await asyncio.wait([self._sending])

    @staticmethod
    def _append(
        gathering: _Gathering,
        key: bytes | None,
        value: bytes,
        headers: list[tuple[str, bytes]],
        stored: Callable[[Any], None],
    ) -> bool:
        if gathering.builder.append(timestamp=None, key=key, value=value, headers=headers) is None:
            return False
        gathering.waiting.append(stored)
        return True

    async def _send(self) -> None:
        try:
            while self._batches:
                await self._send_one(self._batches.popleft())
        finally:
            self._sending = None

    async def _send_one(self, gathering: _Gathering) -> None:
        self._moved(1)
        try:
            delivery = await self._producer.send_batch(gathering.builder, self._tp.topic, partition=self._tp.partition)
        except Exception as error:  # noqa: BLE001 - whatever it is, its records are not stored
            self._tell(gathering, self._failed(self._producer, error))
            self._moved(-1)
            return
        delivery.add_done_callback(lambda done: self._delivered(gathering, done))

    def _delivered(self, gathering: _Gathering, done: "asyncio.Future[Any]") -> None:
        error = asyncio.CancelledError() if done.cancelled() else done.exception()
        if error is None:
            self._tell(gathering, None)
        else:
            problem = error if isinstance(error, Exception) else ConnectionError()
            self._tell(gathering, self._failed(self._producer, problem))
        self._moved(-1)

    @staticmethod
    def _tell(gathering: _Gathering, problem: UndeliveredError | None) -> None:
        for stored in gathering.waiting:
            try:
                stored(problem)
            except Exception:  # noqa: BLE001
                # about one of them: the others are to hear as well
                _log.exception("what became of a record could not be told")
