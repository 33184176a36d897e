"""A backlog: everything is in `raw.teekrr` before the worker starts."""

import time
from collections.abc import AsyncGenerator
from typing import NamedTuple

from benchmarks.product.figures import Figure
from benchmarks.product.load import Publisher
from benchmarks.product.reader import Reader
from benchmarks.product.servers import Checkout, Worker
from benchmarks.product.stack import Stack
from benchmarks.progress import BenchmarkError, say

_MICRO = 1e6


class _Moment(NamedTuple):
    at: float
    seen: int
    worker_cpu_s: float
    broker_cpu_s: float


async def measure(checkout: Checkout, events: int) -> AsyncGenerator[Figure, None]:
    """Measure from the worker's readiness to the last suppression that becomes readable; its start is left out."""
    async with Stack(checkout) as stack, Reader(stack.bootstrap) as reader:
        say(f"{checkout.name}: {events:,} webhooks before the worker")
        async with Publisher(stack.bootstrap) as publisher:
            sent = await publisher.publish(range(events))
        worker = stack.launch_worker()
        await worker.ready()
        first = _moment(stack, worker, reader)
        await reader.wait_for(sent, [worker, stack.broker])
        last = _moment(stack, worker, reader)
    done = last.seen - first.seen
    if not done:
        raise BenchmarkError(f"{events:,} webhooks were done before the worker was ready: too few to measure")
    yield Figure("webhooks", "a second", done / (max(reader.seen.values()) - first.at))
    yield Figure("worker, a webhook", "CPU µs", (last.worker_cpu_s - first.worker_cpu_s) / done * _MICRO)
    yield Figure("broker, a webhook", "CPU µs", (last.broker_cpu_s - first.broker_cpu_s) / done * _MICRO)


def _moment(stack: Stack, worker: Worker, reader: Reader) -> _Moment:
    return _Moment(time.monotonic(), len(reader.seen), worker.cpu_s(), stack.broker.cpu_s())
