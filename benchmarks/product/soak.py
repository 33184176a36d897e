"""A steady rate for minutes: what grows."""

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncGenerator

from benchmarks.product.figures import Figure
from benchmarks.product.load import Publisher
from benchmarks.product.reader import Reader
from benchmarks.product.servers import MEGABYTE, Checkout, Worker
from benchmarks.product.stack import Stack
from benchmarks.progress import Watched, say

_FIRST_MINUTE_S = 60
_SAMPLE_S = 1.0
_LAST = 100
"""Webhooks about new recipients: when they are through, everything before them is."""


async def measure(checkout: Checkout, rate: int, seconds: int) -> AsyncGenerator[Figure, None]:
    """Measure one worker; all recipients are met in the first minute, so that new rows are no growth after it."""
    warm_up_s = min(_FIRST_MINUTE_S, seconds / 2)
    recipients = max(1, int(rate * warm_up_s / 2))
    async with (
        Stack(checkout) as stack,
        Reader(stack.bootstrap) as reader,
        Publisher(stack.bootstrap) as publisher,
    ):
        worker = stack.launch_worker()
        await worker.ready()
        watched = (worker, stack.broker, reader, publisher)
        say(f"{checkout.name}: {rate} webhooks/s for {seconds} s about {recipients:,} recipients")
        async with publisher.publishing(rate, itertools.cycle(range(recipients))):
            await _sample(worker, publisher, warm_up_s, watched)
            files = worker.open_files()
            samples = await _sample(worker, publisher, seconds - warm_up_s, watched)
        await reader.wait_for(await publisher.publish(range(recipients, recipients + _LAST)), (worker, stack.broker))
        growth = statistics.linear_regression(*zip(*samples, strict=True)).slope
        yield Figure("growth a webhook", "bytes", growth)
        yield Figure("memory at the end", "MB", worker.resident_bytes() / MEGABYTE)
        yield Figure("open files after the first minute", "files", files)
        yield Figure("open files at the end", "files", worker.open_files())


async def _sample(
    worker: Worker, publisher: Publisher, seconds: float, watched: tuple[Watched, ...]
) -> list[tuple[int, int]]:
    """Return pairs: webhooks sent so far, and resident bytes."""
    end = time.monotonic() + seconds
    samples = []
    while time.monotonic() < end:
        await asyncio.sleep(_SAMPLE_S)
        for each in watched:
            each.check()
        samples.append((publisher.count, worker.resident_bytes()))
    return samples
