"""Processes that a benchmark starts, with their output in a file, and what they cost."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.progress import BenchmarkError, Patience

_LINES_SHOWN = 20
_CHARACTERS_SHOWN = 3000
_END_S = 20
"""What is measured is over by then."""
_NOT_INHERITED = ("UNDELIVERED_", "PYTHONPATH")
"""Variables that would configure a process, or give it another checkout's code."""

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What hides cursors and colours text."""


class Process:
    """A process with its own settings and none of this one's."""

    def __init__(self, name: str, command: Sequence[str | Path], folder: Path, variables: Mapping[str, str]) -> None:
        self.name = name
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        self._log_file = folder / f"{name.replace(' ', '-')}.log"
        with self._log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                command,
                cwd=folder,
                env={**inherited, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._measured = psutil.Process(self._process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def log_text(self) -> str:
        """Return what it has written."""
        with self._log_file.open("rb") as log:
            log.seek(self._log_start)
            return _CONTROL.sub("", log.read().decode(errors="replace"))

    def last_words(self) -> str:
        """Return the end of what it has written."""
        lines = "\n".join(self.log_text().splitlines()[-_LINES_SHOWN:])[-_CHARACTERS_SHOWN:]
        return f"last lines of {self.name}:\n{lines}" if lines else f"{self.name} wrote nothing"

    def check(self) -> None:
        """Raise BenchmarkError if the process has ended."""
        if (code := self.exit_code) is not None:
            raise BenchmarkError(f"{self.name} ended with exit code {code}\n{self.last_words()}")

    def cpu_s(self) -> float:
        """Return the processor seconds it has used, its children's included."""
        with self._alive():
            return self._processor_s()

    def resident_bytes(self) -> int:
        """Return its resident memory, without its children's."""
        with self._alive():
            return int(self._measured.memory_info().rss)

    def open_files(self) -> int:
        """Return how many file descriptors it has open."""
        with self._alive():
            return int(self._measured.num_fds())

    def _processor_s(self) -> float:
        times = [each.cpu_times() for each in (self._measured, *self._measured.children(recursive=True))]
        return float(sum(each.user + each.system for each in times))

    @contextmanager
    def _alive(self) -> Iterator[None]:
        self.check()
        try:
            yield
        except psutil.NoSuchProcess:
            raise BenchmarkError(f"{self.name} or a child ended while it was measured\n{self.last_words()}") from None

    async def finish(self) -> None:
        """Wait until it has ended by itself; raises BenchmarkError unless its exit code is 0."""
        await self._ended(lambda: f"{self._processor_s():.0f} s of processor time")

    async def stop(self) -> None:
        """Ask it to end in order (SIGTERM) and wait for that; raises BenchmarkError unless its exit code is 0.

        What moves until then is its log: one that hangs may use the processor all the same.
        """
        self._process.terminate()
        await self._ended(lambda: f"{len(self.log_text())} characters of log")

    async def _ended(self, moved: Callable[[], str]) -> None:
        patience = Patience(f"{self.name} ends", [])
        state = ""
        while self.exit_code is None:
            with suppress(psutil.NoSuchProcess):
                state = moved()
            await patience.look(state)
        if self.exit_code:
            self.check()

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Leave no process behind: in order if that is soon done, else by force."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()
