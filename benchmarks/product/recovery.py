"""A worker starts on a full table: in memory, and in RocksDB for the first time and again."""

import time
from collections.abc import AsyncGenerator, Sequence

from benchmarks.product.figures import Figure
from benchmarks.product.load import Publisher
from benchmarks.product.reader import Reader
from benchmarks.product.rows import copy_rows, rows_of
from benchmarks.product.servers import MEGABYTE, Checkout, Store
from benchmarks.product.stack import Stack
from benchmarks.progress import say

_JUDGED = 64
_STARTS: Sequence[tuple[str, Store]] = (
    ("memory", "memory"),
    ("rocksdb, first", "rocksdb"),
    ("rocksdb, after a clean stop", "rocksdb"),
)


async def measure(checkout: Checkout, rows: int) -> AsyncGenerator[Figure, None]:
    """Measure each start from the command to /readyz.

    The rows are the checkout's own: it judges a few recipients, and their rows are written again under other numbers.
    """
    async with Stack(checkout) as stack:
        for figure in await _start(stack, "no rows", "memory", _JUDGED):
            yield figure
        say(f"{checkout.name}: {rows:,} rows")
        await copy_rows(stack.bootstrap, await rows_of(stack.bootstrap), rows)
        for name, store in _STARTS:
            for figure in await _start(stack, name, store, 0):
                yield figure


async def _start(stack: Stack, name: str, store: Store, webhooks: int) -> Sequence[Figure]:
    say(f"{stack.name}: start, {name}")
    started = time.monotonic()
    worker = stack.launch_worker(store)
    await worker.ready()
    took, resident = time.monotonic() - started, worker.resident_bytes()
    if webhooks:
        async with Reader(stack.bootstrap) as reader, Publisher(stack.bootstrap) as publisher:
            await reader.wait_for(await publisher.publish(range(webhooks)), [worker, stack.broker])
    await worker.stop()
    return (
        Figure(f"{name}: ready after", "s", took),
        Figure(f"{name}: memory then", "MB", resident / MEGABYTE),
        Figure(f"{name}: most until then", "MB", worker.most_resident_bytes / MEGABYTE),
    )
