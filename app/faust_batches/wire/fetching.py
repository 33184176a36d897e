"""Follows partitions at their leaders: committed records, in order, as they come."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError

from app.errors import BrokersError, FencedError
from app.faust_batches.wire.brokers import NO_NODE, Attempts, Brokers
from app.faust_batches.wire.codes import STALE_LEADERS, check
from app.faust_batches.wire.fetch_session import FetchSession
from app.faust_batches.wire.inflating import InflatedBatchError
from app.faust_batches.wire.offsets import Gap
from app.faust_batches.wire.unpacking import Unpacking

_CONNECTION = "fetch"
"""Of its own: a broker answers the requests of a connection one after the other, and a fetch may wait for records."""
_OUT_OF_RANGE = 1
_PACE_S = 0.005
"""Least time from one request to the next: under load an answer then carries several records instead of one."""
_SLICE_S = 0.004
"""How long an answer is unpacked before others have their turn, of this thread's own time."""
_SESSION_LOST = frozenset({70, 71})


class DamagedBatchError(KafkaError):  # type: ignore[misc] # no types are published
    """A batch whose checksum is wrong."""

    retriable = True


class Fetched(NamedTuple):
    """What has come from a partition."""

    partition: TopicPartition
    records: list[Any]
    """As :class:`Unpacking` takes them out; maybe none, for commit markers and aborted records occupy offsets."""
    next_offset: int
    reaches_end: bool
    """There is nothing more in the partition now, as far as transactions have ended."""
    passed_over: Gap | None = None
    """Records that are too large to be unpacked."""


class FetchSizes(NamedTuple):
    """Bytes of an answer, and of each partition in it; a larger record comes alone."""

    answer: int
    partition: int


class Fetching:
    """Follows partitions from given positions.

    ``deliver`` gets what has come, each partition in its order; ``room`` is awaited before anything more is fetched.
    """

    def __init__(
        self,
        brokers: Brokers,
        positions: Mapping[TopicPartition, int],
        sizes: FetchSizes,
        deliver: Callable[[Fetched], None],
        room: Callable[[], Awaitable[None]],
    ) -> None:
        self._brokers = brokers
        self.positions = dict(positions)
        self._sizes = sizes
        self._deliver = deliver
        self._room = room

    def _new_attempts(self, partitions: list[TopicPartition]) -> Attempts:
        first = f"{partitions[0].topic}/{partitions[0].partition}"
        more = f" and {len(partitions) - 1} more" if len(partitions) > 1 else ""
        return Attempts(f"fetch {first}{more}", self._brokers.patience_s)

    async def run(self) -> None:
        """Follow until cancelled.

        Raises FencedError where a position is out of range, so that all are looked up anew, and what brokers refuse.
        """
        while True:
            followers = [
                asyncio.create_task(self._follow(node, partitions))
                for node, partitions in self._brokers.by_leader(self.positions).items()
            ]
            try:
                done, _ = await asyncio.wait(followers, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in followers:
                    each.cancel()
                await asyncio.wait(followers)
            for each in done:
                each.result()
            await self._brokers.look_up_leaders()

    async def _follow(self, node: int, partitions: list[TopicPartition]) -> None:
        """Follow the partitions of one leader until somebody else leads one of them."""
        attempts = self._new_attempts(partitions)
        session = FetchSession(partitions, self._sizes.answer, self._sizes.partition)
        asked_at = 0.0
        while True:
            await self._room()
            await asyncio.sleep(asked_at + _PACE_S - time.monotonic())
            asked_at = time.monotonic()
            passing = set(STALE_LEADERS) if node == NO_NODE else await self._fetch(node, session)
            if not passing:
                attempts = self._new_attempts(partitions)
                continue
            session.reset()
            await attempts.wait(passing)
            await self._brokers.look_up_leaders()
            if self._brokers.by_leader(partitions).keys() != {node}:
                return

    async def _fetch(self, node: int, session: FetchSession) -> set[int] | KafkaError:
        """Fetch once; returns the errors that may pass, empty where there are none."""
        try:
            response = await self._brokers.send(node, session.request(self.positions), _CONNECTION)
            if response.error_code in _SESSION_LOST:
                session.reset()
                return set()
            if response.error_code:
                return check("fetch", [response.error_code])
            session.answered(response.session_id)
            return await self._take(response)
        except KafkaError as error:
            return error

    async def _take(self, response: Any) -> set[int]:
        """Deliver what is in an answer; returns the errors that may pass."""
        codes: set[int] = set()
        started = time.thread_time()
        for topic, partitions in response.topics:
            for number, code, _, stable_end, _, aborted, _, data in partitions:
                tp = TopicPartition(topic, number)
                if code == _OUT_OF_RANGE:
                    raise FencedError(
                        f"fetch: {topic}/{number} at {self.positions[tp]} is out of range", lost_generation=False
                    )
                if code:
                    codes |= check(f"fetch: {topic}", [code])
                elif data:
                    self._deliver(self._unpack(tp, data, aborted, stable_end))
                    if time.thread_time() - started > _SLICE_S:
                        await asyncio.sleep(0)
                        started = time.thread_time()
        return codes

    def _unpack(self, tp: TopicPartition, data: bytes, aborted: list[tuple[int, int]], stable_end: int) -> Fetched:
        position = self.positions[tp]
        unpacking = Unpacking(position)
        try:
            unpacking.read(data, aborted)
        except InflatedBatchError as error:
            # what came before it is delivered, and it is told as a gap
            self.positions[tp] = error.next_offset
            passed_over = Gap(tp, error.base_offset, error.next_offset)
            return Fetched(tp, unpacking.records, error.next_offset, reaches_end=False, passed_over=passed_over)
        except CorruptRecordException as error:
            # bytes that changed on their way: fetched again, for as long as there is patience
            raise DamagedBatchError from error
        except Exception as error:
            raise BrokersError(
                f"fetch: {tp.topic}/{tp.partition} from {position} cannot be unpacked: {type(error).__name__}"
            ) from error
        self.positions[tp] = unpacking.next_offset
        return Fetched(tp, unpacking.records, unpacking.next_offset, unpacking.next_offset >= stable_end)
