"""Java servers on this machine that end with the process that started them."""

import logging
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

from app.errors import BrokerError

# Below the ports that systems give to outgoing connections (from 32768 on): a client that keeps dialling a stopped
# server could be given that very port as its own, connect to itself and keep the server from coming back.
_PORTS = range(20_000, 32_000)

# The second `read` ends with the input, and the input with our process, however that ends. `prctl(PR_SET_PDEATHSIG)`
# would watch the thread that started the server instead, and exists on Linux alone.
_GUARD = 'read -r pid; read -r end; [ -n "$pid" ] && kill -9 "$pid"'

_POLL_S = 0.05
_READY_TIMEOUT_S = 90.0
_STOP_TIMEOUT_S = 10.0
"""Brokers that stop together may leave the last one without a controller to agree with; its data outlives a kill."""
_LOG_LINES_SHOWN = 20

_log = logging.getLogger(__name__)


class PortTakenError(BrokerError):
    """Another process took the port between its choice and its use."""


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Different ports of 127.0.0.1 that nobody listens on now; somebody may before they are used."""
    found: list[int] = []
    for port in SystemRandom().sample(_PORTS, len(_PORTS)):
        if len(found) == count:
            return tuple(found)
        if is_free(port):
            found.append(port)
    raise BrokerError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop}")


class _Guard:
    """A shell that kills one process as soon as ours has ended."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(  # noqa: S603 - the command is ours
            ["/bin/sh", "-c", _GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        """Kill this process in the end, unless dismissed."""
        if self._shell.stdin is None:
            raise AssertionError("the shell was started with a pipe")
        self._shell.stdin.write(f"{pid}\n".encode())
        self._shell.stdin.flush()

    def dismiss(self) -> None:
        """End the shell and spare the process."""
        self._shell.kill()
        self._shell.communicate()


class LocalServer(ABC):
    """One server process with its folder, log file and ports; it is killed when our process ends without `stop`.

    All methods block. `launch` and `wait_until_ready` are the halves of `start`, for servers that wait for each other.
    """

    def __init__(self, name: str, folder: Path, ports: Sequence[int]) -> None:
        self.name = name
        self.folder = folder
        self.log_file = folder / "server.log"
        self._ports = ports
        self._log_start = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: _Guard | None = None

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return the command line; it runs in the server's folder."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the running process serves clients."""

    @property
    def pid(self) -> int:
        """The id of the running process; raises BrokerError if there is none."""
        return self._running().pid

    def start(self) -> None:
        """Start the server and return when it serves; raises BrokerError with the end of its log if it does not."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start the process without waiting for it."""
        if self._process is not None:
            raise BrokerError(f"{self.name} is running already")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._guard = _Guard()  # before the server: no moment in which our end would leave it behind
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal is for us; we stop the servers in order
            )
        self._guard.watch(self._process.pid)

    def wait_until_ready(self) -> None:
        """Return when the server serves.

        Raises PortTakenError if another process has its port, BrokerError with the end of the log otherwise; the
        process is gone then.
        """
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not self.is_ready():
            if (code := self._running().poll()) is not None:
                self._forget()
                for port in self._ports:
                    if not is_free(port):
                        raise PortTakenError(f"{self.name}: port {port} is taken by another process")
                raise BrokerError(f"{self.name} ended with exit code {code} before it served; {self._log_end()}")
            if time.monotonic() > deadline:
                self.kill()
                raise BrokerError(f"{self.name} did not serve within {_READY_TIMEOUT_S:.0f} s; {self._log_end()}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End the process in order, by force after 10 s; does nothing if it does not run."""
        self.terminate()
        self.wait_until_stopped()

    def terminate(self) -> None:
        """Ask the process to end, without waiting for it; does nothing if it does not run."""
        if self._process is not None:
            self._process.terminate()
            self._process.send_signal(signal.SIGCONT)  # a paused process acts on nothing else

    def wait_until_stopped(self) -> None:
        """Return when the process has ended, by force after 10 s."""
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            _log.warning("%s did not end within %.0f s and was killed", self.name, _STOP_TIMEOUT_S)
            self._process.kill()
            self._process.wait()
        self._forget()

    def kill(self) -> None:
        """End the process at once, as a crash would (SIGKILL); does nothing if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._forget()

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): its sockets stay open and nobody answers."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        self._running().send_signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop the server if it runs, and start it with the same ports and data."""
        self.stop()
        self.start()

    def log_text(self) -> str:
        """Return what the process has logged since its last start."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _log_end(self) -> str:
        return "\n".join([f"the end of {self.log_file}:", *self.log_text().splitlines()[-_LOG_LINES_SHOWN:]])

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise BrokerError(f"{self.name} is not running")
        return self._process

    def _forget(self) -> None:
        if self._guard is not None:
            self._guard.dismiss()  # the id of an ended process may soon be somebody else's
        self._guard = self._process = None
