import asyncio
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import StoreError
from app.gateway.spool import SpoolError, adopt, open_spool
from tests.unit.gateway.spool.small_entries import MIB, entry, everything


async def test_a_folder_is_for_one_at_a_time(tmp_path: Path) -> None:
    spool = await open_spool(tmp_path, MIB)
    with pytest.raises(SpoolError, match="locked by another process") as raised:
        await open_spool(tmp_path, MIB)
    assert isinstance(raised.value, StoreError)
    await spool.close()
    await (await open_spool(tmp_path, MIB)).close()


@pytest.fixture
def locked_elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that another process has locked."""
    code = "import fcntl,sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    (tmp_path / "lock").touch()
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield tmp_path
        process.communicate()


async def test_another_process_is_kept_out_as_well(locked_elsewhere: Path) -> None:
    with pytest.raises(SpoolError, match="locked by another process"):
        await open_spool(locked_elsewhere, MIB)


async def test_an_opening_that_is_cancelled_leaves_the_folder_unlocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, go_on = fcntl.flock, threading.Event()
    monkeypatch.setattr(fcntl, "flock", lambda *arguments: (go_on.wait(5), real(*arguments))[1])
    opening = asyncio.create_task(open_spool(tmp_path, MIB))
    await asyncio.sleep(0.02)
    opening.cancel()
    await asyncio.wait([opening])
    go_on.set()
    await (await open_spool(tmp_path, MIB)).close()


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
async def test_nobody_else_can_read_it_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    folder = tmp_path / "spool"
    before = os.umask(mask)
    try:
        spool = await open_spool(folder, MIB)
        for number in range(2):
            await spool.add(entry(number))
        await spool.peek(1, MIB)
        await spool.drop(1)
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"lock": 0o600, "position": 0o600, "00000001.log": 0o600}
    await spool.close()


async def test_a_folder_that_others_could_read_is_made_private(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(0o755)
    await (await open_spool(folder, MIB)).close()
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_what_ended_processes_have_left_can_be_drained_by_another(tmp_path: Path) -> None:
    mine, *others = [await open_spool(tmp_path / name, MIB) for name in ("mine", "in_use", "left", "empty")]
    for number, spool in enumerate([mine, *others[:2]]):
        await spool.add(entry(number))
    (tmp_path / "no_spool").mkdir()
    (tmp_path / "file").touch()
    for ended in others[1:]:
        await ended.close()
    (left,) = adopt(tmp_path)
    assert left == tmp_path / "left"
    adopted = await open_spool(left, MIB)
    assert adopt(tmp_path) == []
    assert await everything(adopted) == [2]
    for spool in (adopted, mine, others[0]):
        await spool.close()
    assert adopt(tmp_path) == [tmp_path / "in_use", tmp_path / "mine"]
    assert adopt(tmp_path / "missing") == []
