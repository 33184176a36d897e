"""Asks brokers until they have done it: coordinators move, leaders change and connections break."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError

from app.errors import RetriesExhaustedError
from app.faust_batches.wire.codes import COORDINATOR_MOVED, PASSING, STALE_LEADERS, Code, check, names

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 15_000
"""A broker that stands still is given up after this, and asked again over a new connection."""
_BACKOFF_S = 0.005
_CONCURRENT_S = 0.001
"""The coordinator ends the transaction before in a few milliseconds."""
_LONGEST_BACKOFF_S = 0.5

NO_NODE = -1

CodesOf = Callable[[Any], Iterable[int]]
"""From an answer to its error codes."""
Ask = Callable[[int, list[TopicPartition]], Awaitable[Mapping[TopicPartition, tuple[int, Any]]]]
"""From a node and its partitions to an error code and an answer for each of them."""


class Brokers:
    """The connections of a worker beside its consumer's; one for the life of the process.

    ``patience_s``: how long one thing is tried before the worker gives up.
    """

    def __init__(self, connection: Mapping[str, Any], client_id: str, patience_s: float) -> None:
        self._connection = connection
        self._client_id = client_id
        self.patience_s = patience_s
        self._started: AIOKafkaClient | None = None
        self._coordinators: dict[tuple[int, str], int] = {}

    @property
    def _client(self) -> AIOKafkaClient:
        if self._started is None:
            raise RuntimeError("asked before the start, or after the stop")
        return self._started

    async def start(self) -> None:
        """Connect; does nothing when connected."""
        if self._started is not None:
            return
        client = AIOKafkaClient(
            **self._connection,
            client_id=self._client_id,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=20,
        )
        attempt = Attempts("connect", self.patience_s)
        while True:
            try:
                await client.bootstrap()
                break
            except KafkaError as error:
                await attempt.wait(error)
        self._started = client

    async def stop(self) -> None:
        """Close the connections; an open transaction is left to the next owner's fencing."""
        if self._started is not None:
            client, self._started = self._started, None
            await client.close()

    async def ask_transactions(self, what: str, transactional_id: str, request: Any, codes: CodesOf) -> Any:
        """Have a transaction's coordinator do something; returns its answer."""
        return await self._ask_coordinator(what, CoordinationType.TRANSACTION, transactional_id, request, codes)

    async def ask_group(
        self, what: str, group: str, request: Any, codes: CodesOf, *, patience_s: float | None = None
    ) -> Any:
        """Have a group's coordinator do something; returns its answer."""
        return await self._ask_coordinator(what, CoordinationType.GROUP, group, request, codes, patience_s)

    async def _ask_coordinator(
        self, what: str, kind: int, key: str, request: Any, codes: CodesOf, patience_s: float | None = None
    ) -> Any:
        attempts = Attempts(what, patience_s or self.patience_s)
        while True:
            try:
                node = self._coordinators.get((kind, key))
                if node is None:
                    node = self._coordinators[kind, key] = await self._client.coordinator_lookup(kind, key)
                response = await self._client.send(node, request, group=ConnectionGroup.COORDINATION)
            except KafkaError as error:
                self._coordinators.pop((kind, key), None)
                await attempts.wait(error)
                continue
            passing = check(what, codes(response))
            if not passing:
                return response
            if passing & COORDINATOR_MOVED:
                self._coordinators.pop((kind, key), None)
            await attempts.wait(passing)

    async def ask_leaders(
        self,
        what: str,
        partitions: Iterable[TopicPartition],
        ask: Ask,
    ) -> dict[TopicPartition, Any]:
        """Have each partition's leader do something, again where it fails; returns the answers."""
        attempts = Attempts(what, self.patience_s)
        left, done = set(partitions), dict[TopicPartition, Any]()
        while left:
            answers = await asyncio.gather(*(self._ask_one(ask, *each) for each in self.by_leader(left).items()))
            failed: set[tuple[int, str]] = set()
            for tp, (code, answer) in (each for found in answers for each in found.items()):
                if code in {Code.NONE, Code.DUPLICATE_SEQUENCE}:
                    done[tp] = answer
                    left.discard(tp)
                else:
                    failed.add((code, tp.topic))
            if not left:
                break
            topics = ", ".join(sorted({topic for _, topic in failed}))
            codes = check(f"{what}: {topics}", {code for code, _ in failed})
            if codes & STALE_LEADERS:
                await self.look_up_leaders()
            await attempts.wait(codes)
        return done

    async def _ask_one(
        self, ask: Ask, node: int, partitions: list[TopicPartition]
    ) -> Mapping[TopicPartition, tuple[int, Any]]:
        gone = dict.fromkeys(partitions, (int(Code.NOT_LEADER), None))
        if node == NO_NODE:
            return gone
        try:
            return await ask(node, partitions)
        except KafkaError as error:
            if not error.retriable:
                raise
            return gone

    def by_leader(self, partitions: Iterable[TopicPartition]) -> dict[int, list[TopicPartition]]:
        """Return partitions by the node that leads them, NO_NODE where none is known."""
        found: dict[int, list[TopicPartition]] = {}
        for tp in partitions:
            leader = self._client.cluster.leader_for_partition(tp)
            if leader is None:
                self._client.add_topic(tp.topic)
            found.setdefault(NO_NODE if leader is None else leader, []).append(tp)
        return found

    async def send(self, node: int, request: Any, connection: object = ConnectionGroup.DEFAULT) -> Any:
        """Send a request to a node, over a connection of this name; raises KafkaError."""
        return await self._client.send(node, request, group=connection)

    async def look_up_leaders(self) -> None:
        """Ask anew who leads the partitions; comes back in any case, for it is asked for again where it failed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
                await self._client.force_metadata_update()

    async def partition_count(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        attempts = Attempts(f"partitions of {topic}", self.patience_s)
        while True:
            found = self._client.cluster.partitions_for_topic(topic)
            if found:
                return len(found)
            self._client.add_topic(topic)
            await self.look_up_leaders()
            await attempts.wait({3})


class Attempts:
    """Waits between attempts at one thing, a little longer each time, and gives up when they have gone on too long."""

    def __init__(self, what: str, patience_s: float) -> None:
        self._what = what
        self._deadline = time.monotonic() + patience_s
        self._patience_s = patience_s
        self._backoff_s = _BACKOFF_S
        self._told = False

    async def wait(self, problem: KafkaError | set[int]) -> None:
        """Wait before the next attempt.

        Raises RetriesExhaustedError, or the error itself where no attempt can help.
        """
        if isinstance(problem, KafkaError) and not (problem.retriable or getattr(problem, "errno", 0) in PASSING):
            raise problem
        text = type(problem).__name__ if isinstance(problem, KafkaError) else names(problem)
        if time.monotonic() > self._deadline:
            raise RetriesExhaustedError(f"{self._what}: tried for {self._patience_s:.0f} s, last {text}")
        if problem == {Code.CONCURRENT_TRANSACTIONS}:
            await asyncio.sleep(_CONCURRENT_S)
            return
        if self._backoff_s >= _LONGEST_BACKOFF_S and not self._told:
            self._told = True
            log.warning("%s: still trying, last %s", self._what, text)
        await asyncio.sleep(self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, _LONGEST_BACKOFF_S)
