"""Two workers under load, and what a reader notices when one goes, comes or dies."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

from benchmarks.product.figures import Figure, longest_pause
from benchmarks.product.load import Publisher
from benchmarks.product.reader import Reader
from benchmarks.product.servers import Checkout, Worker
from benchmarks.product.stack import Stack
from benchmarks.progress import say

_WITHIN_A_TRANSACTION = "delivered:100"
"""Everything of its hundredth commit is at the broker, nothing is committed."""


class _Bystander(NamedTuple):
    """Looks at the output while something happens to the workers."""

    stack: Stack
    reader: Reader
    publisher: Publisher
    seconds: int

    async def look(self, event: str, since: float, workers: Sequence[Worker]) -> Sequence[Figure]:
        """Measure from the event until everything is through that was sent until so many seconds from now.

        A worker's webhooks wait at every partition of the output, for other keys place them there: what shows how long
        it was missed is the wait of single webhooks.
        """
        say(f"{self.stack.name}: {event}")
        await asyncio.sleep(self.seconds)
        sent = {name: at for name, at in self.publisher.sent.items() if at >= since}
        await self.reader.wait_for(tuple(sent), [*workers, self.stack.broker, self.publisher])
        waits = [self.reader.seen[name] - at for name, at in sent.items()]
        return (
            Figure(f"{event}: longest wait of a webhook", "s", max(waits)),
            Figure(
                f"{event}: longest time without output",
                "s",
                longest_pause(self.reader.arrivals, since, time.monotonic()),
            ),
        )


async def measure(checkout: Checkout, rate: int, seconds: int, rows: int) -> AsyncGenerator[Figure, None]:
    """Measure the longest waits and pauses around each event; the load goes on all the time.

    ``rows`` people have rows before it begins: whoever takes a partition over has theirs to read.
    """
    async with (
        Stack(checkout) as stack,
        Reader(stack.bootstrap) as reader,
        Publisher(stack.bootstrap) as publisher,
    ):
        first, second = stack.launch_worker(), stack.launch_worker()
        await first.ready()
        await second.ready()
        bystander = _Bystander(stack, reader, publisher, seconds)
        say(f"{checkout.name}: {rows:,} rows")
        await reader.wait_for(await publisher.publish(range(rows)), [first, second, stack.broker])
        async with publisher.publishing(rate, itertools.count(rows)):
            await bystander.look("both have work", time.monotonic(), [first, second])
            for figure in await bystander.look("nothing happens", time.monotonic(), [first, second]):
                yield figure
            since = time.monotonic()
            await first.stop()
            for figure in await bystander.look("one stops in order", since, [second]):
                yield figure
            since = time.monotonic()
            third = stack.launch_worker()
            await third.ready()
            for figure in await bystander.look("one joins", since, [second, third]):
                yield figure
            since = time.monotonic()
            second.kill()
            for figure in await bystander.look("one is killed", since, [third]):
                yield figure
            fourth = stack.launch_worker(kill_at=_WITHIN_A_TRANSACTION)
            since = await fourth.is_killed()
            for figure in await bystander.look("one is killed within a transaction", since, [third]):
                yield figure
