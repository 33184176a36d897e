"""From a webhook on its way into `raw.teekrr` to its suppression, readable for those who read committed records."""

import itertools
import time
from collections.abc import AsyncGenerator, Iterator, Sequence

from benchmarks.product.figures import Figure, milliseconds, percentile
from benchmarks.product.load import Publisher
from benchmarks.product.processes import Process
from benchmarks.product.reader import Reader
from benchmarks.product.servers import Checkout
from benchmarks.product.stack import Stack
from benchmarks.progress import say

_FEWEST = 20
"""Webhooks at any rate."""
_WARM_UP = 200


async def measure(checkout: Checkout, rates: Sequence[int], seconds: int) -> AsyncGenerator[Figure, None]:
    """Measure one worker at each rate in turn, each webhook about another recipient."""
    async with (
        Stack(checkout) as stack,
        Reader(stack.bootstrap) as reader,
        Publisher(stack.bootstrap) as publisher,
    ):
        worker = stack.launch_worker()
        await worker.ready()
        processes = (worker, stack.broker)
        recipients = itertools.count()
        await reader.wait_for(await publisher.publish(itertools.islice(recipients, _WARM_UP)), processes)
        for rate in rates:
            say(f"{checkout.name}: {rate} webhooks/s")
            chosen = itertools.islice(recipients, max(rate * seconds, _FEWEST))
            sent, cores = await _cores_used(processes, publisher, rate, chosen)
            await reader.wait_for(sent, processes)
            waits = [reader.seen[each] - publisher.sent[each] for each in sent]
            yield milliseconds(f"{rate}/s p50", percentile(waits, 50))
            yield milliseconds(f"{rate}/s p99", percentile(waits, 99))
            yield Figure(f"{rate}/s worker", "cores", cores[0])
            yield Figure(f"{rate}/s broker", "cores", cores[1])


async def _cores_used(
    processes: Sequence[Process], publisher: Publisher, rate: int, recipients: Iterator[int]
) -> tuple[list[str], list[float]]:
    before, started = [each.cpu_s() for each in processes], time.monotonic()
    sent = await publisher.publish_at(rate, recipients)
    took = time.monotonic() - started
    return sent, [(each.cpu_s() - cpu_s) / took for each, cpu_s in zip(processes, before, strict=True)]
