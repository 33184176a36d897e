import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.gateway.spool import open_spool
from tests.unit.gateway.spool.small_entries import MIB, everything

ROOT = Path(__file__).parents[4]


def run_and_kill(folder: Path, seconds: float) -> tuple[set[int], list[int]]:
    """Return which entries were acknowledged, and which drained, before the process was killed."""
    command = [sys.executable, "-m", "tests.unit.gateway.spool.small_entries", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        # it starts when the first entry is acknowledged
        lines = [process.stdout.readline()]
        until = time.monotonic() + seconds
        # its pipe holds little: if nobody read, it would wait
        for line in process.stdout:
            lines.append(line)
            if time.monotonic() > until:
                process.kill()
    # the last line may be half a line
    words = [line.split() for line in lines if line.endswith("\n")]
    told: dict[str, list[int]] = {"added": [], "drained": []}
    for what, number in words:
        told[what].append(int(number))
    return set(told["added"]), told["drained"]


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.4, 1.2])
async def test_what_was_acknowledged_before_a_kill_is_there_and_comes_in_order(tmp_path: Path, seconds: float) -> None:
    added, drained = await asyncio.to_thread(run_and_kill, tmp_path, seconds)
    assert added
    assert drained == list(range(len(drained)))
    spool = await open_spool(tmp_path, 1024 * MIB)
    left = await everything(spool)
    await spool.close()
    assert left == list(range(left[0], left[-1] + 1))
    assert added <= {*drained, *left}
    # twice at most for what was dropped since the position was written, never not at all
    assert left[0] <= len(drained)
