"""A worker that has worked and has nothing to do: cores, and transactions all the same."""

import asyncio
import time
from collections.abc import AsyncGenerator

from benchmarks.product.commits import commits_since, mark
from benchmarks.product.figures import Figure
from benchmarks.product.load import Publisher
from benchmarks.product.reader import Reader
from benchmarks.product.servers import Checkout
from benchmarks.product.stack import Stack
from benchmarks.progress import say

_WARM_UP = 200
_SETTLE_S = 10


async def measure(checkout: Checkout, seconds: int) -> AsyncGenerator[Figure, None]:
    """Measure for so long, with no other client on the cluster."""
    async with Stack(checkout) as stack:
        worker = stack.launch_worker()
        await worker.ready()
        processes = (worker, stack.broker)
        async with Reader(stack.bootstrap) as reader, Publisher(stack.bootstrap) as publisher:
            await reader.wait_for(await publisher.publish(range(_WARM_UP)), processes)
        say(f"{checkout.name}: idle, {_SETTLE_S} s to settle and {seconds} s measured")
        await asyncio.sleep(_SETTLE_S)
        since = await mark(stack.bootstrap)
        before, started = [each.cpu_s() for each in processes], time.monotonic()
        await asyncio.sleep(seconds)
        took = time.monotonic() - started
        cores = [(each.cpu_s() - cpu_s) / took for each, cpu_s in zip(processes, before, strict=True)]
        commits = await commits_since(stack.bootstrap, since)
        yield Figure("worker", "cores", cores[0])
        yield Figure("broker", "cores", cores[1])
        yield Figure("transactions", "a minute", commits / (time.monotonic() - started) * 60)
