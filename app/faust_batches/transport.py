"""A Faust transport whose consumer is there for the group alone: what it is assigned is fetched by the rounds."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import aiokafka
from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from app.faust_batches.group_watch import LOOK_S, GroupWatch
from app.faust_batches.wire import lenient_records
from app.faust_batches.wire.brokers import REQUEST_TIMEOUT_MS
from app.faust_batches.wire.protocol import Membership

lenient_records.install()

_A_DAY_MS = 24 * 3600 * 1000
_NO_MESSAGES: tuple[tuple[TP, Any], ...] = ()


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The aiokafka consumer, in its own thread and event loop so that heartbeats never wait for an agent."""

    _looking_after: asyncio.Task[None]

    async def on_start(self) -> None:
        """Start the consumer, and keep its fetcher from fetching."""
        await super().on_start()
        # no requests to fetch or to look up offsets; no leader is missing; look again in a day
        consumer = self._ensure_consumer()
        consumer._fetcher._get_actions_per_node = lambda _: ([], {}, _A_DAY_MS / 1000, False, [])  # noqa: SLF001 - pinned version
        self._looking_after = asyncio.create_task(self._look_after_group(consumer))

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ARG002 - Faust's signature
        conf = self.app.conf
        # tables' partitions follow the agents' partitions through Faust's assignor
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            **cast("Any", self.app).options.connection,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            # nobody polls: what the worker does is seen by its commits
            max_poll_interval_ms=_A_DAY_MS,
            request_timeout_ms=max(REQUEST_TIMEOUT_MS, int(conf.broker_session_timeout * 1000)),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int((conf.broker_rebalance_timeout or 60) * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            retry_backoff_ms=50,
        )

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002
        max_records: int | None = None,  # noqa: ARG002
    ) -> Any:
        """Fetch nothing, now and then."""
        if consumer._closed:  # noqa: SLF001 - pinned version
            raise ConsumerStoppedError
        await asyncio.sleep(LOOK_S)
        return {}

    async def _look_after_group(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        error = await GroupWatch(consumer, cast("Any", self.app).options.patience_s).until_it_fails()
        if error is not None:
            asyncio.run_coroutine_threadsafe(self.app.crash(error), self.app.loop)

    async def rejoin(self) -> None:
        """Join the group anew."""
        await self.call_thread(self._rejoin)

    async def _rejoin(self) -> None:
        self._ensure_consumer()._coordinator.request_rejoin()  # noqa: SLF001 - pinned version

    def membership(self) -> Membership:
        """Return who we are in the group at this moment; callable from any thread."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - pinned version
        return Membership(coordinator.group_id, coordinator.generation, coordinator.member_id)


class BatchConsumer(driver.Consumer):
    """A member of the group; hands no message to Faust and never commits by itself."""

    _thread: BatchConsumerThread

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Look after the group; yields nothing."""
        if not self.flow_active:
            await self.wait(cast("Any", self.can_resume_flow))
        await self._getmany(set(), timeout)
        for message in _NO_MESSAGES:
            yield message

    async def rejoin(self) -> None:
        """Join the group anew."""
        await self._thread.rejoin()

    def membership(self) -> Membership:
        """Return who we are in the group at this moment."""
        return self._thread.membership()

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - Faust's signature
        """Commit nothing: offsets travel in the transactions of the rounds."""
        return False

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Report nothing: Faust's livelock detector looks at commits it makes itself."""


class BatchTransport(driver.Transport):
    """The aiokafka transport with the consumer above."""

    Consumer = BatchConsumer
