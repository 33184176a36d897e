"""The take-over at an assignment: fence, recover, start, in this order; and what makes it happen again."""

import asyncio
import logging
from typing import Any, cast

from aiokafka import TopicPartition
from faust.tables.manager import TableManager
from faust.types import TP
from mode import Service

from app.errors import FencedError, RetriesExhaustedError
from app.faust_batches.wire.protocol import Membership
from app.faust_batches.work import Work

log = logging.getLogger(__name__)

_MOST_MIGRATIONS = 20
"""In a row, without a commit between them: beyond that something is wrong that going on does not mend."""
_PAUSE_S = 0.2
_STOP_DRAIN_S = 4.0
"""How long a commit may take when the worker is to stop: what was not committed is done again by the next owner."""


class BatchRecovery(Service):
    """Takes the place of Faust's changelog recovery: one take-over for each assignment of the group.

    A worker whose round fails since its partitions may have moved (FencedError) does not end: it lets go of all that it
    holds, and takes over anew what is still its own. When the group no longer counts it as a member it joins again.
    """

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.completed = asyncio.Event()
        self._requested = asyncio.Event()
        self._changes = 0
        """Beginnings and ends of rebalances so far; a take-over whose number is older must not let anything run."""
        self._wanted = 0
        """``_changes`` at the last assignment."""
        self._member: Membership | None = None
        self._taking_over: asyncio.Task[Any] | None = None
        self._running: asyncio.Task[None] | None = None
        self._rebalancing = False
        self._releasing = asyncio.Lock()
        self._migrations = 0

    async def begin_rebalance(self) -> None:
        """Let nothing run until the assignment that ends the rebalance."""
        self._rebalancing = True
        await self.release()

    async def release(self) -> None:
        """Let nothing run any more.

        When this returns our last transaction has ended, or is for the next owner to end.
        """
        self._changes += 1
        # whoever asks while somebody lets go already waits for the same end
        async with self._releasing:
            if self._taking_over is not None:
                self._taking_over.cancel()
                await asyncio.wait([self._taking_over])
            running, self._running = self._running, None
            await self.app.partition_tasks.drain(running, _STOP_DRAIN_S if self.app.should_stop else None)

    def on_partitions_revoked(self, revoked: set[TP]) -> None:  # noqa: ARG002 - called by Faust's TableManager
        """Say that the tables are not to be trusted until the next assignment."""
        self.completed.clear()

    async def on_rebalance(
        self,
        assigned: set[TP],  # noqa: ARG002 - called by Faust's TableManager
        revoked: set[TP],  # noqa: ARG002
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,
    ) -> None:
        """Ask for a take-over; it runs outside the group's callback, which must not last.

        While this callback runs the generation cannot become a newer one, but it may have been reset already.
        """
        self._changes += 1
        self._rebalancing = False
        member: Membership = self.app.consumer.membership()
        if member.generation < 0 or member.generation != generation_id or not member.member_id:
            log.warning("assigned in generation %d, which is lost already: waiting for the next", generation_id)
            return
        self._member = member
        self._ask_for_take_over()

    def _ask_for_take_over(self) -> None:
        self._wanted = self._changes
        self._requested.set()

    @Service.task
    async def _take_over_each_assignment(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(cast("Any", self._requested)):
                return
            self._requested.clear()
            await self._take_over(self._wanted)

    async def _take_over(self, wanted: int) -> None:
        if wanted != self._changes or self._member is None:
            return
        app = self.app
        self._taking_over = asyncio.create_task(self._recover_and_start(wanted, self._member))
        await asyncio.wait([self._taking_over])
        done, self._taking_over = self._taking_over, None
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, FencedError):
            await self._migrate(error)
        elif error is not None:
            await app.crash(error)

    async def _recover_and_start(self, wanted: int, member: Membership) -> None:
        app = self.app
        assignment = {TopicPartition(*tp) for tp in app.consumer.assignment()}
        await app.partition_tasks.take_over(assignment, member)
        # whoever must know something before records are processed waits in here
        await app.on_rebalance_complete.send()
        # a rebalance may have begun at any await; from here to the flow there is none
        if wanted != self._changes:
            return
        work = app.partition_tasks.start()
        if work is not None:
            self._running = asyncio.create_task(self._guard(work))
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()  # noqa: SLF001 - as Faust's own recovery does
        if wanted != self._changes:
            return
        app.tables.on_actives_ready()
        app.tables.on_standbys_ready()
        self.completed.set()
        app.on_rebalance_end()
        log.info("worker ready: %s", app.partition_tasks.summary())

    async def _guard(self, work: Work) -> None:
        """Run the work; tell apart errors after which partitions are taken over anew, and those that end the worker."""
        try:
            await work.run()
        except FencedError as error:
            if work.commits:
                self._migrations = 0
            # not here: migrating waits for this very task to end
            self.add_future(self._migrate(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be committed after it
            if not self.app.should_stop:
                await self.app.crash(error)

    async def _migrate(self, error: FencedError) -> None:
        """Let go of everything, and take over again what is ours: as a member anew where the group has let us go."""
        self._migrations += 1
        if self._migrations > _MOST_MIGRATIONS:
            await self.app.crash(RetriesExhaustedError(f"fenced {self._migrations} times without a commit: {error}"))
            return
        log.warning("partitions are taken over anew: %s", error)
        self.completed.clear()
        self.app.consumer.stop_flow()
        await self.release()
        changes = self._changes
        await asyncio.sleep(_PAUSE_S * self._migrations)
        if self._rebalancing or changes != self._changes:
            return
        if error.lost_generation or self._member != self.app.consumer.membership():
            await self.app.consumer.rejoin()
        else:
            self._ask_for_take_over()


class BatchTableManager(TableManager):
    """Faust's table manager with the recovery above."""

    async def on_start(self) -> None:
        """Start, without the second that Faust's own waits first: whoever subscribes waits for the agents anyway."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()

    @property
    def recovery(self) -> Any:
        """The recovery service, made at first use."""
        if self._recovery is None:
            self._recovery = cast("Any", BatchRecovery(self.app, beacon=self.beacon, loop=self.loop))
        return self._recovery
