import logging
import os
import shutil
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from app.gateway.spool import Spool, open_spool
from app.gateway.spool.entries import encode
from tests.unit.gateway.spool.small_entries import MIB, entry, everything

SIZES = [len(encode(entry(number, 10 * number))) for number in range(4)]


def damages() -> float:
    return REGISTRY.get_sample_value("undelivered_spool_damaged_segments_total") or 0.0


async def filled(folder: Path, segment_bytes: int = MIB) -> Spool:
    """Return a spool with the entries 0 to 3."""
    spool = await open_spool(folder, MIB, segment_bytes)
    for number in range(4):
        await spool.add(entry(number, 10 * number))
    return spool


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("0*"))


def flip(path: Path, at: int) -> None:
    """Change one byte, in the same file."""
    with path.open("r+b") as file:
        file.seek(at)
        changed = file.read(1)[0] ^ 0x41
        file.seek(at)
        file.write(bytes([changed]))


async def test_a_file_cut_off_at_any_byte_holds_the_whole_entries_before_and_takes_more(tmp_path: Path) -> None:
    await (await filled(tmp_path / "whole")).close()
    data = (tmp_path / "whole" / "00000001.log").read_bytes()
    assert len(data) == sum(SIZES)
    before = damages()
    for length in range(len(data) + 1):
        folder = tmp_path / "cut"
        folder.mkdir()
        (folder / "00000001.log").write_bytes(data[:length])
        spool = await open_spool(folder, MIB)
        whole = [number for number in range(4) if sum(SIZES[: number + 1]) <= length]
        assert spool.depth == len(whole)
        await spool.add(entry(9))
        assert await everything(spool) == [*whole, 9]
        await spool.close()
        assert names(folder) == []
        shutil.rmtree(folder)
    assert damages() == before


async def test_a_byte_changed_anywhere_never_gives_a_wrong_entry_and_what_follows_is_kept(tmp_path: Path) -> None:
    await (await filled(tmp_path / "whole")).close()
    path = tmp_path / "whole" / "00000001.log"
    for at in range(sum(SIZES)):
        flip(path, at)
        damaged = path.read_bytes()
        folder = tmp_path / "damaged"
        folder.mkdir()
        (folder / "00000001.log").write_bytes(damaged)
        (folder / "00000002.log").write_bytes(encode(entry(5)))
        spool = await open_spool(folder, MIB)
        sound = [number for number in range(4) if sum(SIZES[: number + 1]) <= at]
        assert spool.depth == len(sound) + 1
        assert await everything(spool) == [*sound, 5]
        # it takes room on the disk until somebody has looked at it
        assert spool.bytes == len(damaged)
        await spool.close()
        assert names(folder) == ["00000001.damaged"]
        assert (folder / "00000001.damaged").read_bytes() == damaged
        shutil.rmtree(folder)
        flip(path, at)


async def test_damage_is_told_with_its_place_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await (await filled(tmp_path)).close()
    path = tmp_path / "00000001.log"
    flip(path, SIZES[0] + 3)
    before = damages()
    with caplog.at_level(logging.ERROR):
        spool = await open_spool(tmp_path, MIB)
        assert await everything(spool) == [0]
        await spool.close()
    assert damages() == before + 1
    (message,) = caplog.messages
    assert message.startswith(f"{path} is damaged at byte {SIZES[0]};")


async def test_the_number_of_a_damaged_segment_is_not_used_again(tmp_path: Path) -> None:
    await (await filled(tmp_path)).close()
    flip(tmp_path / "00000001.log", 0)
    for _ in range(2):
        spool = await open_spool(tmp_path, MIB)
        await spool.add(entry(7))
        assert names(tmp_path) == ["00000001.damaged", "00000002.log"]
        assert spool.bytes == sum(SIZES) + len(encode(entry(7)))
        assert await everything(spool) == [7]
        await spool.close()
    assert names(tmp_path) == ["00000001.damaged"]


async def test_damage_among_what_is_drained_already_does_not_matter(tmp_path: Path) -> None:
    spool = await filled(tmp_path)
    await spool.peek(2, MIB)
    await spool.drop(2)
    await spool.close()
    flip(tmp_path / "00000001.log", 1)
    spool = await open_spool(tmp_path, MIB)
    assert await everything(spool) == [2, 3]
    await spool.close()


@pytest.mark.parametrize(("number", "left"), [(0, [2, 3]), (1, [0, 2, 3]), (2, [0, 1]), (3, [0, 1, 2])])
async def test_damage_that_comes_while_the_spool_is_open_is_passed_over(
    tmp_path: Path, number: int, left: list[int]
) -> None:
    """Two entries are in each segment, and the second segment is still being appended to."""
    spool = await filled(tmp_path, segment_bytes=SIZES[2] + SIZES[3])
    path = tmp_path / f"0000000{1 + number // 2}.log"
    flip(path, SIZES[number - 1] + 20 if number % 2 else 20)
    kept = path.read_bytes()
    assert await everything(spool) == left
    assert (spool.depth, spool.bytes, spool.oldest_us) == (0, len(kept), None)
    assert path.with_suffix(".damaged").read_bytes() == kept
    await spool.add(entry(8))
    assert await everything(spool) == [8]
    await spool.close()


async def test_nothing_is_appended_behind_damage(tmp_path: Path) -> None:
    spool = await filled(tmp_path)
    flip(tmp_path / "00000001.log", sum(SIZES) - 1)
    assert len(await spool.peek(100, MIB)) == 3
    await spool.add(entry(8))
    assert await everything(spool) == [0, 1, 2, 8]
    assert names(tmp_path) == ["00000001.damaged"]
    await spool.close()


async def test_a_segment_that_is_shorter_than_its_position_is_drained_again(tmp_path: Path) -> None:
    spool = await filled(tmp_path)
    await spool.peek(2, MIB)
    await spool.drop(2)
    await spool.close()
    os.truncate(tmp_path / "00000001.log", SIZES[0] + 3)
    spool = await open_spool(tmp_path, MIB)
    assert await everything(spool) == [0]
    await spool.close()


@pytest.mark.parametrize("missing", [3, SIZES[3] - 5, SIZES[3]])
async def test_a_segment_that_got_shorter_while_the_spool_is_open_is_damaged(tmp_path: Path, missing: int) -> None:
    spool = await filled(tmp_path)
    os.truncate(tmp_path / "00000001.log", sum(SIZES) - missing)
    before = damages()
    assert await everything(spool) == [0, 1, 2]
    assert (spool.depth, damages()) == (0, before + 1)
    await spool.add(entry(4))
    assert await everything(spool) == [4]
    await spool.close()
