import sys
from pathlib import Path

import pytest

from benchmarks.product.processes import Process
from benchmarks.progress import BenchmarkError


async def test_a_process_that_fails_says_so_with_its_last_words(tmp_path: Path) -> None:
    code = "print('\\x1b[?25lbefore', flush=True); raise SystemExit('no such broker')"
    process = Process("a peer", [sys.executable, "-c", code], tmp_path, {})
    with process, pytest.raises(BenchmarkError) as raised:
        await process.finish()
    # without what would hide the cursor of whoever reads it
    assert str(raised.value) == "a peer ended with exit code 1\nlast lines of a peer:\nbefore\nno such broker"


async def test_a_process_has_its_own_settings_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDELIVERED_PARTITIONS", "3")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    code = "import os; print(sorted(n for n in os.environ if n.startswith(('UNDELIVERED_', 'PYTHONPATH'))))"
    with Process("settings", [sys.executable, "-c", code], tmp_path, {"UNDELIVERED_STORE": "memory"}) as process:
        await process.finish()
    assert process.log_text() == "['UNDELIVERED_STORE']\n"


async def test_what_a_process_costs(tmp_path: Path) -> None:
    with Process("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], tmp_path, {}) as process:
        assert process.cpu_s() < 60
        assert process.resident_bytes() > 1_000_000
        assert process.open_files() >= 3
    assert process.exit_code == -15
    with pytest.raises(BenchmarkError, match=r"sleeper ended with exit code -15\nsleeper wrote nothing"):
        process.cpu_s()
