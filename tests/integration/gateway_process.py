"""`undelivered gateway` as a process of its own, with what it writes in a file."""

import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil

from app.broker.server import free_ports

SECRET = "a-signing-secret"
PATH = "/v1/webhooks/teekrr/shop"
_START_S = 60
_STOP_S = 20


def teekrr_signature(body: bytes, secret: str = SECRET) -> str:
    """Return what Teekrr sends in X-Teekrr-Signature."""
    key = hashlib.sha256(secret.encode()).hexdigest().encode()
    return hmac.digest(key, body, "sha256").hex()


def numbered(number: int) -> bytes:
    """Return a body that is told from all others."""
    return json.dumps({"event": "failed", "data": {"messageUuid": f"uuid-{number}"}}).encode()


def request(body: bytes, path: str = PATH) -> bytes:
    """Return a signed request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Teekrr-Signature: {teekrr_signature(body)}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(part)}" for name, part in value.items()) + "}"
    return "[" + ", ".join(map(_toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


class GatewayProcess:
    """Started and killed as a test likes; it keeps its port."""

    def __init__(self, bootstrap: str, folder: Path, **settings: object) -> None:
        self.port, self.metrics_port = free_ports(2)
        self.log = folder / "gateway.log"
        gateway = {"port": self.port, "metrics_port": self.metrics_port, **settings}
        self._variables = {"UNDELIVERED_BOOTSTRAP_SERVERS": bootstrap, "UNDELIVERED_GATEWAY": json.dumps(gateway)}
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.set_endpoint(secrets=[SECRET])

    def set_endpoint(self, **settings: object) -> None:
        """Write what it reads about its endpoint at its start and on SIGHUP."""
        endpoint = {"tenant": "acme", "provider": "teekrr", **settings}
        pairs = ", ".join(f"{name} = {_toml(value)}" for name, value in endpoint.items())
        (self.folder / "undelivered.toml").write_text(f"[endpoints]\nshop = {{{pairs}}}\n")

    def start(self, *arguments: str, before: Callable[[], None] | None = None) -> None:
        """Start it and wait until it is alive."""
        self.launch(*arguments, before=before)
        self.until("/livez", 200)

    def launch(self, *arguments: str, before: Callable[[], None] | None = None) -> None:
        """Start it."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNDELIVERED_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "gateway", *arguments],
                cwd=self.folder,
                env={**inherited, "PYTHONPATH": str(Path(__file__).parents[2]), **self._variables},
                stdout=log,
                stderr=log,
                preexec_fn=before,  # noqa: PLW1509 - the tests start no threads of their own before
            )

    def until(self, page: str, status: int) -> None:
        """Wait until a page has this status."""
        deadline = time.monotonic() + _START_S
        while self.status(page) != status:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def until_logged(self, text: str) -> None:
        """Wait until it has written a text."""
        deadline = time.monotonic() + _START_S
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.05)

    def post(self, body: bytes, secret: str = SECRET) -> int:
        """Post a webhook; returns the status."""
        url, headers = f"http://127.0.0.1:{self.port}{PATH}", {"X-Teekrr-Signature": teekrr_signature(body, secret)}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def status(self, page: str) -> int:
        """Return a page's status; 0: no answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{page}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def metrics(self) -> dict[str, float]:
        """Return all figures by name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if line and not line.startswith("#")]
        return {name: float(value) for name, value in pairs}

    def talk(self, data: bytes, timeout_s: float = 10) -> bytes:
        """Send bytes over a connection of their own; returns what comes back until it is closed or silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout_s) as connection:
            connection.sendall(data)
            answer = b""
            while not answer.endswith((b"}", b"\r\n\r\n")):
                part = connection.recv(65_536)
                if not part:
                    break
                answer += part
            return answer

    @property
    def children(self) -> list[int]:
        """Process ids of its children."""
        assert self._process is not None
        return [each.pid for each in psutil.Process(self._process.pid).children()]

    @property
    def resident_bytes(self) -> int:
        """Memory of the process."""
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        """Wait until it has ended by itself; returns its exit code."""
        assert self._process is not None
        return self._process.wait(_STOP_S)

    def stop(self) -> int:
        """End it in order; returns its exit code."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(_STOP_S)
        finally:
            self._process.kill()
