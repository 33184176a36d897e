"""A checkout of the product, and its `undelivered broker` and `undelivered worker` as processes."""

import re
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import aiohttp

from app.broker.server import free_ports
from benchmarks.product.processes import Process
from benchmarks.progress import BenchmarkError, Patience

MEGABYTE = 1_000_000

Store = Literal["memory", "rocksdb"]

_ADDRESS = re.compile(r"(?:127\.0\.0\.1|localhost):\d+")
_PROBE_S = 5
_OK = 200


class Checkout(NamedTuple):
    """A folder with the product and its environment."""

    name: str
    folder: Path

    @property
    def command(self) -> Path:
        """The product's command; raises BenchmarkError if it is not installed."""
        path = self.folder.absolute() / ".venv" / "bin" / "undelivered"
        if not path.is_file():
            raise BenchmarkError(f"{path} is missing: run `make setup` in {self.folder}")
        return path


class Broker(Process):
    """`undelivered broker` with its Java process."""

    def __init__(self, command: Path, folder: Path) -> None:
        super().__init__("broker", [command, "broker"], folder, {})

    async def address(self) -> str:
        """Return where it serves, as soon as it does; the first time ever it downloads Kafka."""
        patience = Patience("broker serves", [self])
        while not (found := _ADDRESS.search(self.log_text())):
            await patience.look(f"{self.cpu_s():.0f} s of processor time")
        return found[0]


class Worker(Process):
    """`undelivered worker`."""

    def __init__(self, name: str, command: Path, folder: Path, variables: Mapping[str, str], store: Store) -> None:
        (self._port,) = free_ports(1)
        self._rows = folder / "rows"
        own = {
            "UNDELIVERED_WEB_PORT": str(self._port),
            "UNDELIVERED_STORE": store,
            "UNDELIVERED_DATA_DIR": str(self._rows),
        }
        super().__init__(name, [command, "worker"], folder, {**variables, **own})
        self.most_resident_bytes = 0
        """Highest resident memory seen on the way to ready."""

    async def ready(self) -> None:
        """Return when /readyz answers 200.

        What moves until then is memory or files: an idle worker uses the processor as well.
        """
        patience = Patience(f"{self.name} gets ready", [self])
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PROBE_S)) as session:
            while not await self._is_ready(session):
                self.most_resident_bytes = max(self.most_resident_bytes, self.resident_bytes())
                files = sum(_size(path) for path in self._rows.rglob("*"))
                memory_mb, files_mb = self.most_resident_bytes // MEGABYTE, files // MEGABYTE
                await patience.look(f"{memory_mb} MB of memory, {files_mb} MB of files")
        self.most_resident_bytes = max(self.most_resident_bytes, self.resident_bytes())

    async def is_killed(self) -> float:
        """Wait until it is killed; returns when that was, by the monotonic clock.

        Raises BenchmarkError if it ends in another way, or does nothing any more.
        """
        patience = Patience(f"{self.name} is killed", [])
        cpu_s = 0.0
        while self.exit_code is None:
            with suppress(BenchmarkError):  # it has just been killed
                cpu_s = self.cpu_s()
            await patience.look(f"{cpu_s:.1f} s of processor time")
        if self.exit_code != -signal.SIGKILL:
            self.check()
        return time.monotonic()

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"http://127.0.0.1:{self._port}/readyz") as response:
                return response.status == _OK
        except (aiohttp.ClientError, TimeoutError):
            return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # files come and go while a store is at work
        return 0
