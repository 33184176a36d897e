import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.gateway.draining import Draining
from app.gateway.producer import NotStoredError, RawEntry
from app.gateway.spool import Entry, Spool, open_spool

TOO_SLOW = NotStoredError("the brokers are too slow")
TOO_LARGE = NotStoredError("MessageSizeTooLargeError", for_ever=True)


class Brokers:
    """A producer that takes as told: by value what they refuse, and at most so many at once."""

    def __init__(self, refused: dict[bytes, NotStoredError], at_once: int = 1000) -> None:
        self.refused = refused
        self.at_once = at_once
        self.values: list[bytes] = []
        self._under_way = 0

    def store(self, entry: RawEntry, stored: Callable[[NotStoredError | None], None]) -> None:
        if self._under_way >= self.at_once:
            raise TOO_SLOW
        self._under_way += 1
        asyncio.get_running_loop().call_soon(self._answer, entry, stored)

    def _answer(self, entry: RawEntry, stored: Callable[[NotStoredError | None], None]) -> None:
        self._under_way -= 1
        problem = self.refused.get(entry.value)
        if problem is None:
            self.values.append(entry.value)
        stored(problem)


async def spooled(folder: Path, *values: bytes) -> Spool:
    spool = await open_spool(folder, 10_000_000)
    for number, value in enumerate(values):
        await spool.add(Entry("raw.teekrr", b"k", value, [("tenant", b"acme")], number))
    return spool


async def drained(brokers: Brokers, spool: Spool, folder: Path, seconds: float = 0.5) -> None:
    task = asyncio.create_task(Draining(brokers).run(spool, folder))
    async with asyncio.timeout(20):
        for _ in range(int(seconds / 0.01)):
            await asyncio.sleep(0.01)
            if not spool.depth:
                break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_all_of_it_goes_in_order_however_little_is_taken_at_once(tmp_path: Path) -> None:
    values = [b"%d" % number for number in range(30)]
    spool = await spooled(tmp_path / "s", *values)
    brokers = Brokers({}, at_once=4)
    await drained(brokers, spool, tmp_path / "s", 5)
    assert (brokers.values, spool.depth) == (values, 0)
    await spool.close()


async def test_what_will_never_be_taken_is_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    spool = await spooled(tmp_path / "s", b"a", b"huge", b"b", b"huge", b"c")
    brokers = Brokers({b"huge": TOO_LARGE})
    await drained(brokers, spool, tmp_path / "s", 5)
    assert (sorted(set(brokers.values)), spool.depth) == ([b"a", b"b", b"c"], 0)
    aside = await open_spool(tmp_path / "s" / "refused", 10_000_000)
    assert [entry.value for entry in await aside.peek(10, 10_000)] == [b"huge", b"huge"]
    await aside.close()
    await spool.close()


@pytest.mark.parametrize("problem", [TOO_SLOW, NotStoredError("NotLeaderForPartitionError")])
async def test_what_may_be_taken_later_stays_and_holds_the_others_back(tmp_path: Path, problem: NotStoredError) -> None:
    spool = await spooled(tmp_path / "s", b"a", b"b", b"c")
    brokers = Brokers({b"b": problem})
    await drained(brokers, spool, tmp_path / "s", 0.3)
    assert spool.depth == 2
    brokers.refused.clear()
    await drained(brokers, spool, tmp_path / "s", 5)
    assert brokers.values[-2:] == [b"b", b"c"]
    await spool.close()


async def test_spools_that_were_left_behind_are_drained_too(tmp_path: Path) -> None:
    await (await spooled(tmp_path / "slot-2", b"a", b"b")).close()
    own = await spooled(tmp_path / "slot-1", b"mine")
    brokers = Brokers({})
    task = asyncio.create_task(Draining(brokers).run_left_behind(tmp_path))
    async with asyncio.timeout(20):
        while len(brokers.values) < 2:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (brokers.values, own.depth) == ([b"a", b"b"], 1)
    await own.close()
