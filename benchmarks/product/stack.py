"""A broker with the product's topics, and workers, all of one checkout."""

from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from app.faust_batches.faults import VARIABLE
from benchmarks.product.processes import Process
from benchmarks.product.servers import Broker, Checkout, Store, Worker
from benchmarks.progress import say

PARTITIONS = 8


class Stack:
    """The processes of one checkout within an `async with` block; all end with it."""

    def __init__(self, checkout: Checkout) -> None:
        self.name = checkout.name
        self.bootstrap = ""
        self._command = checkout.command
        self._scratch = TemporaryDirectory(prefix="undelivered-bench-")
        self._folder = Path(self._scratch.name)
        self._workers: list[Worker] = []

    async def __aenter__(self) -> Self:
        say(f"{self.name}: broker and topics")
        self.broker = Broker(self._command, self._folder)
        try:
            self.bootstrap = await self.broker.address()
            await self._create_topics()
        except BaseException:
            self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def launch_worker(self, store: Store = "memory", kill_at: str = "") -> Worker:
        """Start a worker without waiting for it; see `Worker.ready`.

        ``kill_at``: where it is to die, a point of :mod:`app.faust_batches.faults` and how often it is passed before.
        """
        name = f"worker {len(self._workers) + 1}"
        variables = {**self._variables, VARIABLE: kill_at} if kill_at else self._variables
        self._workers.append(Worker(name, self._command, self._folder, variables, store))
        return self._workers[-1]

    @property
    def _variables(self) -> dict[str, str]:
        return {"UNDELIVERED_BOOTSTRAP_SERVERS": self.bootstrap, "UNDELIVERED_PARTITIONS": str(PARTITIONS)}

    async def _create_topics(self) -> None:
        command: list[str | Path] = [self._command, "topics", "create"]
        with Process("topics create", command, self._folder, self._variables) as process:
            await process.finish()

    def _end(self) -> None:
        for worker in self._workers:
            worker.kill()
        self.broker.end()  # by force it would leave its folder behind
        self._scratch.cleanup()
