"""Server processes: how they start, end and fail. Shell scripts stand in for Java."""

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from app.broker.server import LocalServer, PortTakenError, free_ports, is_free
from app.errors import BrokerError

FOREVER = "while true; do sleep 0.05; done"
POLITE = f"trap 'echo bye; exit 0' TERM; echo ready; {FOREVER}"
DEADLINE_S = 20
GONE = {"", "Z"}  # Z: dead, and nobody has asked for its exit code yet
ROOT = Path(__file__).parents[3]
PARENT = """
import sys, threading, time
from pathlib import Path
from app.broker.server import LocalServer

class Script(LocalServer):
    def command(self):
        return ["/bin/sh", "-c", "echo ready; while true; do sleep 0.05; done"]

    def is_ready(self):
        return "ready" in self.log_text()

server = Script("script", Path(sys.argv[1]), [])
starter = threading.Thread(target=server.start)
starter.start()
starter.join()
print(server.pid, flush=True)
time.sleep(60)
"""


class Script(LocalServer):
    """A shell script that serves once it has said so."""

    def __init__(self, folder: Path, script: str, ports: Sequence[int] = ()) -> None:
        super().__init__("script", folder, ports)
        self.script = script

    def command(self) -> Sequence[str]:
        """Return the shell that runs the script."""
        return ("/bin/sh", "-c", self.script)

    def is_ready(self) -> bool:
        """Whether the script has said so."""
        return "ready" in self.log_text()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Script]]:
    """Start scripts that end with the test."""
    started: list[Script] = []

    def run(script: str) -> Script:
        started.append(Script(tmp_path, script))
        started[-1].start()
        return started[-1]

    yield run
    for server in started:
        server.kill()


def state(pid: int) -> str:
    """Return the process's state as `ps` names it, empty if it is gone."""
    return subprocess.run(
        ["/bin/ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_stop_lets_the_process_end_in_order(start: Callable[[str], Script]) -> None:
    server = start(POLITE)
    pid = server.pid

    server.stop()

    assert server.log_text() == "ready\nbye\n"
    assert state(pid) == ""


def test_stop_reaches_a_paused_process(start: Callable[[str], Script]) -> None:
    server = start(POLITE)
    server.pause()

    server.stop()

    assert server.log_text() == "ready\nbye\n"


def test_stop_kills_a_process_that_does_not_end(
    start: Callable[[str], Script], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.broker.server._STOP_TIMEOUT_S", 0.2)
    server = start(f"trap '' TERM; echo ready; {FOREVER}")
    pid = server.pid

    with caplog.at_level(logging.WARNING):
        server.stop()

    assert caplog.messages == ["script did not end within 0 s and was killed"]
    assert state(pid) == ""


def test_kill_gives_the_process_no_time(start: Callable[[str], Script]) -> None:
    server = start(POLITE)
    pid = server.pid

    server.kill()

    assert server.log_text() == "ready\n"
    assert state(pid) == ""


def test_a_paused_process_stands_still_until_resumed(start: Callable[[str], Script]) -> None:
    server = start(POLITE)

    server.pause()
    assert eventually(lambda: state(server.pid).startswith("T"))

    server.resume()
    assert eventually(lambda: not state(server.pid).startswith("T"))


def test_restart_runs_a_new_process(start: Callable[[str], Script]) -> None:
    server = start(POLITE)
    first = server.pid

    server.restart()

    assert state(first) == ""
    assert state(server.pid) != ""
    assert server.log_text() == "ready\n"


def test_a_restart_is_not_ready_by_what_the_first_run_logged(start: Callable[[str], Script]) -> None:
    server = start(POLITE)
    server.script = "echo broken disk; exit 7"

    with pytest.raises(
        BrokerError, match=r"script ended with exit code 7 before it served; the end of .*\nbroken disk$"
    ):
        server.restart()


def test_a_server_that_never_serves_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.broker.server._READY_TIMEOUT_S", 0.2)
    server = Script(tmp_path, f"echo still thinking; {FOREVER}")
    server.launch()
    pid = server.pid

    with pytest.raises(BrokerError, match=r"script did not serve within 0 s; the end of .*\nstill thinking$"):
        server.wait_until_ready()

    assert state(pid) == ""


def test_a_port_of_another_process_is_named(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]

        with pytest.raises(PortTakenError, match=f"script: port {port} is taken by another process"):
            Script(tmp_path, "echo cannot bind; exit 1", [*free_ports(1), port]).start()


def test_a_server_that_does_not_run_says_so(tmp_path: Path) -> None:
    server = Script(tmp_path, POLITE)

    for forbidden in (lambda: server.pid, server.pause, server.resume):
        with pytest.raises(BrokerError, match="script is not running"):
            forbidden()
    server.stop()
    server.kill()


def test_a_running_server_is_not_started_twice(start: Callable[[str], Script]) -> None:
    server = start(POLITE)

    with pytest.raises(BrokerError, match="script is running already"):
        server.start()


def test_a_server_outlives_the_thread_that_started_it_and_ends_with_a_killed_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        before = state(pid)
        parent.kill()

    assert before[:1] not in GONE
    assert eventually(lambda: state(pid)[:1] in GONE)


def test_free_ports_differ_and_are_free() -> None:
    ports = free_ports(50)

    assert len(set(ports)) == 50
    assert all(is_free(port) for port in ports)


def test_a_port_with_a_listener_is_not_free() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        assert not is_free(other.getsockname()[1])
