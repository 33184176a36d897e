"""A Faust transport that hands over one batch per partition and fetches that partition again when it is released."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, cast

import aiokafka
from aiokafka.errors import ConsumerStoppedError
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from app.faust_batches.batch import Batch


class BatchSchema(Schema[Any, Any]):
    """Leaves a batch as it is: records are decoded by the agent, where a bad one becomes a dead letter."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Return the decoder that Faust's conductor calls once a batch."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001 - the conductor's protocol
            return app.create_event(None, message.value, None, message)

        return decode


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The aiokafka consumer, in its own thread and event loop so that heartbeats never wait for an agent."""

    seeks = 0
    """How often positions were set back to the committed offsets."""
    seeks_at_fetch = 0
    """``seeks`` when the last fetch took its records: with an older one they will be read again."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:  # noqa: ARG002 - Faust's signature
        conf = self.app.conf
        app = cast("Any", self.app)
        # tables' partitions follow the agents' partitions through Faust's assignor
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            **app.connection,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            partition_assignment_strategy=[self._assignor],
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=app.batch_max_records,
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 0) * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=500,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int((conf.broker_rebalance_timeout or 60) * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            retry_backoff_ms=50,
        )

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Any:
        """Take what has arrived for the active partitions, waiting at most ``timeout`` seconds for it.

        aiokafka's own wait is not used: it would go on across a rebalance and hand out, as if they were old, records
        that it took after the seek; and it would take every partition when none is active.
        """
        fetcher = consumer._fetcher  # noqa: SLF001 - pinned version
        deadline = self.thread_loop.time() + (timeout or 0.0)
        while self.consumer.flow_active:
            if consumer._closed or fetcher._closed:  # noqa: SLF001
                raise ConsumerStoppedError
            self.seeks_at_fetch = self.seeks
            # read anew each time: a partition released meanwhile joins the fetch that is waiting
            if wanted := set(active_partitions):
                with fetcher._subscriptions.fetch_context():  # noqa: SLF001
                    records = await fetcher.fetched_records(wanted, timeout=0, max_records=max_records)
                if records:
                    return records
            waiter = fetcher._create_fetch_waiter()  # noqa: SLF001
            done, _ = await asyncio.wait([waiter], timeout=max(0.0, deadline - self.thread_loop.time()))
            if not done:
                waiter.cancel()
                break
            waiter.result()
        return {}

    def wake_fetch(self) -> None:
        """Let a waiting fetch look again at which partitions it may take; callable from any thread."""

        def wake() -> None:
            for waiter in list(self._ensure_consumer()._fetcher._fetch_waiters):  # noqa: SLF001 - pinned version
                if not waiter.done():
                    waiter.set_result(None)

        self.thread_loop.call_soon_threadsafe(wake)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition but the changelogs' to its committed offset, or to its beginning.

        A partition without a committed offset may have been fetched already and dropped at a rebalance: leaving its
        position alone would skip those records.
        """
        return cast("Mapping[TP, int]", await self.call_thread(self._seek_to_committed))

    async def _seek_to_committed(self) -> Mapping[TP, int]:
        consumer = self._ensure_consumer()
        self.seeks += 1
        changelogs = self.app.tables.changelog_topics
        partitions = [tp for tp in consumer.assignment() if tp.topic not in changelogs]
        if not partitions:
            return {}
        coordinator = consumer._coordinator  # noqa: SLF001 - one request for all partitions, pinned version
        committed = await coordinator.fetch_committed_offsets(partitions)
        known = {tp: committed[tp].offset for tp in partitions if tp in committed and committed[tp].offset >= 0}
        fresh = [tp for tp in partitions if tp not in known]
        if fresh:
            known.update(await consumer.beginning_offsets(fresh))
        if not consumer.assignment().issuperset(partitions):
            # partitions went elsewhere meanwhile: the next assignment seeks anew
            return {}
        for tp, offset in known.items():
            consumer.seek(tp, offset)
        return cast("Mapping[TP, int]", known)


class BatchConsumer(driver.Consumer):
    """Yields one message per partition whose value is a :class:`Batch`; never commits by itself."""

    _thread: BatchConsumerThread

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Fetch what has arrived for the partitions that have no batch in flight."""
        if not self.flow_active:
            await self.wait(cast("Any", self.can_resume_flow))
        active = self._get_active_partitions()
        fetched = await self._getmany(active, timeout)
        for partition, records in fetched.items():
            if self.should_stop or not self.flow_active or self._thread.seeks_at_fetch != self._thread.seeks:
                # a rebalance came in between: what is dropped here is read again after its seek
                return
            tp = TP(partition.topic, partition.partition)
            active.discard(tp)
            yield tp, self._batch_message(tp, records)

    def _batch_message(self, tp: TP, records: list[Any]) -> ConsumerMessage:
        first = records[0]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            first.offset,
            first.timestamp / 1000,
            first.timestamp_type,
            [],
            None,
            cast("Any", Batch(tp.topic, tp.partition, records)),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    def release(self, batches: Iterable[Batch]) -> None:
        """Let the partitions of committed batches be fetched again."""
        tps = {TP(batch.topic, batch.partition) for batch in batches}
        if tps and self.flow_active and not self.should_stop:
            self._get_active_partitions().update(tps & self.assignment())
            self._thread.wake_fetch()

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 - Faust's signature
        """Commit nothing: offsets travel in the tasks' transactions."""
        return False

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no record of gaps: they decide nothing here, and every commit marker is one."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Report nothing: Faust's livelock detector looks at commits it makes itself."""


class BatchTransport(driver.Transport):
    """The aiokafka transport with the consumer above."""

    Consumer = BatchConsumer
