import asyncio
import errno
import os
import re
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.gateway.spool import Spool, SpoolError, open_spool
from app.gateway.spool.entries import encode
from tests.unit.gateway.spool.small_entries import MIB, entry, everything

ONE = len(encode(entry(1)))
NO_SPACE = re.escape(os.strerror(errno.ENOSPC))


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    """The entry 0 is there already."""
    spool = await open_spool(tmp_path, MIB)
    await spool.add(entry(0))
    yield spool
    await spool.close()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], pytest.MonkeyPatch]:
    """Make a function of ``os`` fail as on a full disk."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "secret")

    def start(name: str) -> pytest.MonkeyPatch:
        monkeypatch.setattr(os, name, fail)
        return monkeypatch

    return start


def half_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full after half of what is to be written."""
    real = os.write
    rooms = [ONE // 2]

    def write(descriptor: int, data: memoryview) -> int:
        if not rooms:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[: rooms.pop()])

    monkeypatch.setattr(os, "write", write)


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.glob("0*"))}


async def test_what_a_full_disk_took_of_an_entry_is_cut_off_again(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        half_writes(patch)
        with pytest.raises(SpoolError, match=rf"^spool {re.escape(str(tmp_path))}: {NO_SPACE}$"):
            await spool.add(entry(1))
    assert sizes(tmp_path) == {"00000001.log": ONE}
    assert (spool.depth, spool.bytes) == (1, ONE)
    await spool.add(entry(2))
    assert sizes(tmp_path) == {"00000001.log": 2 * ONE}
    assert await everything(spool) == [0, 2]


async def test_a_segment_that_cannot_be_cut_off_is_not_appended_to(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: Callable[[str], pytest.MonkeyPatch]
) -> None:
    with monkeypatch.context() as patch:
        half_writes(patch)
        failing("ftruncate")
        with pytest.raises(SpoolError):
            await spool.add(entry(1))
    monkeypatch.undo()
    await spool.add(entry(2))
    assert sizes(tmp_path) == {"00000001.log": ONE + ONE // 2, "00000002.log": ONE}
    await spool.close()
    spool = await open_spool(tmp_path, MIB)
    assert await everything(spool) == [0, 2]
    assert sizes(tmp_path) == {}
    await spool.close()


async def test_after_a_failed_sync_a_new_segment_begins(
    spool: Spool, tmp_path: Path, failing: Callable[[str], pytest.MonkeyPatch]
) -> None:
    patch = failing("fsync")
    for _ in range(3):
        with pytest.raises(SpoolError, match=NO_SPACE):
            await spool.add(entry(1))
    # attempts leave no files behind
    assert sizes(tmp_path) == {"00000001.log": ONE}
    patch.undo()
    await spool.add(entry(2))
    assert list(sizes(tmp_path).values()) == [ONE, ONE]
    assert (spool.depth, spool.bytes) == (2, 2 * ONE)
    assert await everything(spool) == [0, 2]
    assert spool.bytes == 0


async def test_new_segments_that_cannot_be_synced_do_not_pile_up(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names can, so that each is created."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        for _ in range(3):
            outcomes = await asyncio.gather(*(spool.add(entry(1)) for _ in range(3)), return_exceptions=True)
            assert [type(each) for each in outcomes] == [SpoolError] * 3
            assert len(set(map(id, outcomes))) == 3
    assert sizes(tmp_path) == {"00000001.log": ONE}
    await spool.add(entry(2))
    assert await everything(spool) == [0, 2]


async def test_a_first_segment_that_fails_leaves_nothing(
    tmp_path: Path, failing: Callable[[str], pytest.MonkeyPatch]
) -> None:
    for name in ("write", "fsync"):
        spool = await open_spool(tmp_path / name, MIB)
        patch = failing(name)
        with pytest.raises(SpoolError):
            await spool.add(entry(1))
        patch.undo()
        assert (spool.depth, spool.bytes, spool.oldest_us) == (0, 0, None)
        await spool.add(entry(2))
        assert spool.oldest_us == 2
        assert await everything(spool) == [2]
        assert sizes(tmp_path / name) == {}
        await spool.close()


async def test_entries_are_drained_though_the_position_cannot_be_written(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture, failing: Callable[[str], pytest.MonkeyPatch]
) -> None:
    for number in (1, 2):
        await spool.add(entry(number))
    patch = failing("write")
    await spool.peek(1, MIB)
    await spool.drop(1)
    patch.undo()
    assert caplog.messages == [f"the position of spool {tmp_path} cannot be written: {os.strerror(errno.ENOSPC)}"]
    assert await everything(spool) == [1, 2]


async def test_what_cannot_be_read_is_told_and_stays(spool: Spool, tmp_path: Path) -> None:
    path = tmp_path / "00000001.log"
    path.rename(tmp_path / "elsewhere")
    with pytest.raises(SpoolError, match=re.escape(os.strerror(errno.ENOENT))):
        await spool.peek(1, 1)
    assert spool.depth == 1
    (tmp_path / "elsewhere").rename(path)
    assert await everything(spool) == [0]


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "spool"):
        with pytest.raises(SpoolError, match=f"^spool {re.escape(str(folder))}: "):
            await open_spool(folder, MIB)


async def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, failing: Callable[[str], pytest.MonkeyPatch]
) -> None:
    failing("open")
    with pytest.raises(SpoolError, match=NO_SPACE):
        await open_spool(tmp_path, MIB)
