import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.gateway.spool import Spool, SpoolError, SpoolFullError, open_spool
from app.gateway.spool.entries import encode
from tests.unit.gateway.spool.small_entries import MIB, entry, everything, numbers

ONE = len(encode(entry(1)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
async def spool(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Spool]:
    """Three entries fit a segment; the position is written at the first drop and at the end."""
    monkeypatch.setattr("app.gateway.spool.log._POSITION_INTERVAL_S", 3600)
    spool = await open_spool(folder, MIB, segment_bytes=3 * ONE)
    yield spool
    await spool.close()


def slow_syncs(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[int]:
    """Make every sync take that long, and return the list that each is noted in."""
    real, syncs = os.fsync, list[int]()

    def fsync(descriptor: int) -> None:
        time.sleep(seconds)
        real(descriptor)
        syncs.append(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return syncs


def segments(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.log"))


async def test_entries_come_back_whole_and_in_order_until_dropped(spool: Spool) -> None:
    for number in range(8):
        await spool.add(entry(number))
    assert await spool.peek(2, MIB) == [entry(0), entry(1)]
    assert numbers(list(await spool.peek(5, MIB))) == [0, 1, 2, 3, 4]
    await spool.drop(4)
    await spool.add(entry(8))
    assert numbers(list(await spool.peek(100, MIB))) == [4, 5, 6, 7, 8]
    assert await everything(spool) == [4, 5, 6, 7, 8]
    assert await spool.peek(100, MIB) == []


async def test_a_peek_ends_at_its_bytes_but_holds_one_entry_at_least(spool: Spool) -> None:
    for number in range(6):
        await spool.add(entry(number))
    assert numbers(list(await spool.peek(100, 1))) == [0]
    assert numbers(list(await spool.peek(100, 4 * ONE))) == [0, 1, 2, 3]
    assert numbers(list(await spool.peek(100, 5 * ONE - 1))) == [0, 1, 2, 3]


async def test_only_what_was_peeked_at_can_be_dropped(spool: Spool) -> None:
    for number in range(3):
        await spool.add(entry(number))
    await spool.peek(2, MIB)
    with pytest.raises(ValueError, match="3 entries to drop, 2 peeked at"):
        await spool.drop(3)
    assert spool.depth == 3


async def test_the_figures_follow_every_step_and_survive_a_restart(spool: Spool, folder: Path) -> None:
    assert (spool.depth, spool.bytes, spool.oldest_us) == (0, 0, None)
    for number in range(5):
        await spool.add(entry(number))
    assert (spool.depth, spool.bytes, spool.oldest_us) == (5, 5 * ONE, 0)
    await spool.peek(2, MIB)
    await spool.drop(1)
    assert (spool.depth, spool.bytes, spool.oldest_us) == (4, 5 * ONE, 1)
    await spool.drop(1)
    assert (spool.depth, spool.bytes, spool.oldest_us) == (3, 5 * ONE, 2)
    await spool.close()
    spool = await open_spool(folder, MIB)
    assert (spool.depth, spool.bytes, spool.oldest_us) == (3, 5 * ONE, 2)
    assert await everything(spool) == [2, 3, 4]
    assert (spool.depth, spool.bytes, spool.oldest_us) == (0, 0, None)
    await spool.close()


async def test_segments_are_deleted_as_soon_as_they_are_drained(spool: Spool, folder: Path) -> None:
    for number in range(7):
        await spool.add(entry(number))
    assert segments(folder) == ["00000001.log", "00000002.log", "00000003.log"]
    await spool.peek(7, MIB)
    await spool.drop(2)
    assert len(segments(folder)) == 3
    await spool.drop(2)
    assert segments(folder) == ["00000002.log", "00000003.log"]
    await spool.drop(3)
    assert segments(folder) == []
    await spool.add(entry(7))
    assert segments(folder) == ["00000004.log"]
    assert await everything(spool) == [7]


async def test_a_position_in_a_segment_that_is_gone_fits_no_later_one(spool: Spool, folder: Path) -> None:
    """Numbers of segments are never used again: an old position would pass over entries."""
    for number in range(6):
        await spool.add(entry(number))
    await spool.peek(3, MIB)
    await spool.drop(1)  # writes the position
    await spool.drop(2)
    shutil.copytree(folder, folder.with_name("left"))
    left = await open_spool(folder.with_name("left"), MIB)
    assert await everything(left) == [3, 4, 5]
    await left.close()
    left = await open_spool(folder.with_name("left"), MIB)
    for number in range(6, 9):
        await left.add(entry(number))
    await left.close()
    left = await open_spool(folder.with_name("left"), MIB)
    assert await everything(left) == [6, 7, 8]
    await left.close()


async def test_a_drop_takes_place_though_it_is_cancelled(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        await spool.add(entry(number))
    await spool.peek(2, MIB)
    slow_syncs(monkeypatch, 0.1)
    adding = asyncio.create_task(spool.add(entry(3)))
    await asyncio.sleep(0.02)
    dropping = asyncio.create_task(spool.drop(2))
    await asyncio.sleep(0)
    dropping.cancel()
    await adding
    assert await everything(spool) == [2, 3]


async def test_without_a_close_entries_drained_last_come_again_and_none_is_missing(spool: Spool, folder: Path) -> None:
    for number in range(6):
        await spool.add(entry(number))
    await spool.peek(5, MIB)
    await spool.drop(1)  # writes the position
    await spool.drop(1)  # so soon after it does not
    left = folder.with_name("left")
    shutil.copytree(folder, left)
    copy = await open_spool(left, MIB)
    assert await everything(copy) == [1, 2, 3, 4, 5]
    await copy.close()


@pytest.mark.parametrize("content", [b"", b"1 2", b"1 80 7\n", b"\xff\x00", b"9" * 5000])
async def test_a_broken_position_means_the_beginning(folder: Path, content: bytes) -> None:
    spool = await open_spool(folder, MIB)
    for number in range(3):
        await spool.add(entry(number))
    await spool.peek(3, MIB)
    await spool.drop(1)
    await spool.close()
    (folder / "position").write_bytes(content)
    spool = await open_spool(folder, MIB)
    assert await everything(spool) == [0, 1, 2]
    await spool.close()


async def test_adds_at_the_same_time_share_a_few_syncs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = await open_spool(folder, MIB)
    syncs = slow_syncs(monkeypatch, 0.01)
    await asyncio.gather(*(spool.add(entry(number)) for number in range(64)))
    # the folder's, after the segment was created, and the segment's
    assert len(syncs) == 2
    first = asyncio.create_task(spool.add(entry(64)))
    await asyncio.sleep(0.005)
    await asyncio.gather(first, *(spool.add(entry(number)) for number in range(65, 128)))
    # the first one's, and one that all others waited for
    assert len(syncs) == 4
    assert await everything(spool) == list(range(128))
    await spool.close()


async def test_adds_at_the_same_time_are_spread_over_segments_in_order(spool: Spool, folder: Path) -> None:
    await asyncio.gather(*(spool.add(entry(number)) for number in range(8)), spool.add(entry(8, 10 * ONE)))
    assert segments(folder) == [f"0000000{number}.log" for number in range(1, 5)]
    assert await everything(spool) == list(range(9))


async def test_an_add_that_is_cancelled_leaves_the_others_alone(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    slow_syncs(monkeypatch, 0.2)
    under_way = [asyncio.create_task(spool.add(entry(number))) for number in (0, 1)]
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(spool.add(entry(number))) for number in (2, 3)]
    await asyncio.sleep(0)
    under_way[0].cancel()
    waiting[0].cancel()
    await asyncio.gather(under_way[1], waiting[1])
    assert under_way[0].cancelled()
    assert waiting[0].cancelled()
    # what was being written may be there all the same
    assert await everything(spool) == [0, 1, 3]
    await spool.add(entry(4))
    assert await everything(spool) == [4]


async def test_a_slow_disk_does_not_hold_up_the_event_loop(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    await spool.add(entry(0))
    slow_syncs(monkeypatch, 0.5)
    adding = asyncio.create_task(spool.add(entry(1)))
    longest = 0.0
    while not adding.done():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - before)
    await adding
    assert longest < 0.4


async def test_beyond_its_bound_it_takes_nothing_until_segments_are_drained(folder: Path) -> None:
    spool = await open_spool(folder, 4 * ONE, segment_bytes=2 * ONE)
    outcomes = await asyncio.gather(*(spool.add(entry(number)) for number in range(6)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [type(None)] * 4 + [SpoolFullError] * 2
    await spool.peek(2, MIB)
    await spool.drop(1)
    with pytest.raises(SpoolFullError, match="it is full"):
        await spool.add(entry(6))
    await spool.drop(1)
    await spool.add(entry(7))
    assert await everything(spool) == [2, 3, 7]
    await spool.close()


async def test_closing_writes_what_waits_and_ends_everything_else(folder: Path) -> None:
    spool = await open_spool(folder, MIB)
    adding = [asyncio.create_task(spool.add(entry(number))) for number in range(3)]
    await asyncio.sleep(0)
    await spool.close()
    await asyncio.gather(*adding)
    await spool.close()
    for refused in (spool.add(entry(4)), spool.peek(1, 1), spool.drop(0)):
        with pytest.raises(SpoolError, match="it is not open"):
            await refused
    spool = await open_spool(folder, MIB)
    assert await everything(spool) == [0, 1, 2]
    await spool.close()
