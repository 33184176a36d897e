"""Entries for tests of the spool, told apart by a number, and what a process does that is killed."""

import asyncio
import sys
from itertools import count
from pathlib import Path

from app.gateway.spool import Entry, Spool, open_spool

MIB = 1024 * 1024


def entry(number: int, size: int = 0) -> Entry:
    """Return the entry of a number, with a value of at least that many bytes."""
    value = b"%d" % number
    return Entry("raw.teekrr", b"key", value.ljust(size), [("tenant", b"acme"), ("source", b"")], number)


def numbers(entries: list[Entry]) -> list[int]:
    """Return the numbers of entries."""
    return [int(each.value) for each in entries]


async def everything(spool: Spool) -> list[int]:
    """Return the numbers of all entries, and drain them."""
    found: list[int] = []
    while some := await spool.peek(100, MIB):
        found += numbers(list(some))
        await spool.drop(len(some))
    return found


async def _add_and_drain(folder: Path) -> None:
    """Print ``added N`` for what is acknowledged and ``drained N`` for what is about to be dropped, until killed."""
    spool = await open_spool(folder, 256 * MIB, segment_bytes=20_000)
    following = count()

    async def add() -> None:
        while True:
            number = next(following)
            await spool.add(entry(number, number % 3000))
            print("added", number, flush=True)  # noqa: T201 - what the test reads

    async with asyncio.TaskGroup() as tasks:
        for _ in range(16):
            tasks.create_task(add())
        while True:
            await asyncio.sleep(0.01)
            for each in await spool.peek(5, MIB):
                print("drained", int(each.value), flush=True)  # noqa: T201 - what the test reads
                await spool.drop(1)


if __name__ == "__main__":
    asyncio.run(_add_and_drain(Path(sys.argv[1])))
