"""The work of a run: workers on a load that is being published, and faults from its beginning to its end."""

import asyncio
import time
from collections.abc import Callable

from app.stream import alerting, crediting, normalizing, suppressing
from app.stream.worker import application_id
from app.topics import DECLARATIONS, RAW_TOPICS, Table, changelog
from app.vocabulary import Provider
from tests.chaos.faults import Injector
from tests.chaos.group_progress import GroupProgress
from tests.chaos.load import Load
from tests.chaos.product import Deployment, Pool

_INPUTS = (*normalizing.TOPICS, *suppressing.TOPICS, *crediting.TOPICS, *alerting.TOPICS)
_COUNTED = [provider for provider in Provider if provider is not Provider.PRELUDE]
"""Nothing is sent on in their raw topics: an offset is a webhook, and no commit marker takes one."""
_STALLED_S = 15
"""Longer than a rebalance after a kill."""
_EVERY_S = 30


class Watch:
    """Looks at a version at work: replaces workers that have ended, and says now and then how far they are."""

    def __init__(self, load: Load, version: Deployment, pool: Pool, say: Callable[[str], None]) -> None:
        self.progress = _progress(version)
        self._pool = pool
        self._say = say
        self._webhooks = max(1, sum(webhook.provider in _COUNTED for webhook in load.webhooks))
        self._told_at = time.monotonic()
        self._quiet_s = version.settings.quiet_s + _STALLED_S
        """After the last record all inputs count as read, also by a worker that has just started."""
        self.faults_left = 0

    @property
    def share(self) -> float:
        """Share of the work done: of webhooks read, for the rest follows them closely."""
        read = sum(self.progress.sums[RAW_TOPICS[provider]] for provider in _COUNTED)
        return min(1.0, read / self._webhooks)

    def look_after(self) -> None:
        """Do so once."""
        self._pool.look_after()
        if time.monotonic() - self._told_at > _EVERY_S:
            self._told_at = time.monotonic()
            crashed = f", {len(self._pool.crashed)} ended by themselves so far" if self._pool.crashed else ""
            workers = f"{len(self._pool.workers)} workers{crashed}"
            self._say(f"{self.share:5.0%} of the webhooks read, {workers}, {self.faults_left} faults left")

    async def suffer(self, injector: Injector, publishing: asyncio.Task[None], patience_s: float) -> None:
        """Let every fault happen in its time; those that are left when the work is over come late.

        Raises TimeoutError when nothing has moved for so long.
        """
        before, moved = self.progress.sums, time.monotonic()
        while (left := injector.left) or self._pool.armed:
            self.faults_left = left
            self.look_after()
            if publishing.done():
                publishing.result()
            await self.progress.look()
            acted = await injector.advance(self.share)
            if acted or self.progress.sums != before:
                before, moved = self.progress.sums, time.monotonic()
            still_s = time.monotonic() - moved
            if still_s > _STALLED_S and publishing.done() and await self.progress.is_idle():
                await injector.finish()
                if not injector.left:
                    self._pool.kill_armed()
            elif still_s > patience_s:
                raise TimeoutError(f"nothing has moved for {patience_s:.0f} s; {await self.progress.behind()}")
            await asyncio.sleep(0.2)
        self.faults_left = 0

    async def see_to_its_end(self, patience_s: float, not_before: float = 0) -> None:
        """Return when there is nothing left to do, also for the clock, and not before a moment.

        ``not_before`` is in seconds since 1970. Raises TimeoutError.
        """
        await self.progress.wait_until_idle(patience_s, self.look_after)
        until = max(time.time() + self._quiet_s, not_before)
        while time.time() < until:
            self.look_after()
            await asyncio.sleep(1)
        await self.progress.wait_until_idle(60, self.look_after)


def _progress(version: Deployment) -> GroupProgress:
    settings = version.settings
    group = application_id(settings)
    names = {declaration.name for declaration in DECLARATIONS} - {str(topic) for topic in _INPUTS}
    outputs = [*names, *(changelog(group, table).name for table in Table)]
    return GroupProgress(settings.bootstrap_servers, group, _INPUTS, outputs, settings.partitions)
