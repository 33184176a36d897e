"""The gateway beside the obvious handler: the same requests, the same broker, in turn."""

import asyncio
import hashlib
import hmac
import itertools
import json
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import NamedTuple

from app.broker.server import free_ports
from benchmarks.product.figures import Figure
from benchmarks.product.load import webhook
from benchmarks.product.processes import Process
from benchmarks.product.servers import Checkout
from benchmarks.product.stack import Stack
from benchmarks.progress import BenchmarkError, Patience, say

CONNECTIONS = 64
ROUNDS = 3
_SECRET = "a-signing-secret"  # noqa: S105 - of this benchmark
_KEY = hashlib.sha256(_SECRET.encode()).hexdigest().encode()
_WARM_UP_S = 2
_MICRO = 1e6
_MILLI = 1e3


class _Result(NamedTuple):
    per_s: float
    cpu_us: float
    broker_us: float
    p50_ms: float
    p99_ms: float


async def measure(checkout: Checkout, seconds: int) -> AsyncGenerator[Figure, None]:
    """Measure requests a second, processor time of the server for one, and how long they take."""
    found: dict[str, list[_Result]] = {"gateway": [], "obvious": []}
    async with Stack(checkout) as stack:
        with TemporaryDirectory(prefix="undelivered-bench-") as folder:
            for number, name in itertools.product(range(ROUNDS), found):
                say(f"{checkout.name}: {name}, round {number + 1} of {ROUNDS}")
                with _server(name, checkout, stack.bootstrap, Path(folder)) as (process, port):
                    await _alive(process, port)
                    await _load(port, _WARM_UP_S)
                    found[name].append(await _measured(process, stack.broker, port, seconds))
    for field, unit in (
        ("per_s", "a second"),
        ("cpu_us", "CPU µs"),
        ("broker_us", "CPU µs"),
        ("p50_ms", "ms"),
        ("p99_ms", "ms"),
    ):
        for name, results in found.items():
            yield Figure(f"{name}, {field.partition('_')[0]}", unit, median(getattr(each, field) for each in results))


class _Server:
    def __init__(self, process: Process, port: int) -> None:
        self._pair = process, port

    def __enter__(self) -> tuple[Process, int]:
        return self._pair

    def __exit__(self, *_: object) -> None:
        self._pair[0].end()


def _server(name: str, checkout: Checkout, bootstrap: str, folder: Path) -> _Server:
    port, metrics_port = free_ports(2)
    if name == "obvious":
        command = [sys.executable, str(Path(__file__).with_name("obvious_gateway.py")), bootstrap, str(port), _SECRET]
        return _Server(Process(name, command, folder, {}), port)
    endpoints = {"shop": {"tenant": "acme", "provider": "teekrr", "secrets": [_SECRET]}}
    variables = {
        "UNDELIVERED_BOOTSTRAP_SERVERS": bootstrap,
        "UNDELIVERED_ENDPOINTS": json.dumps(endpoints),
        "UNDELIVERED_GATEWAY__PORT": str(port),
        "UNDELIVERED_GATEWAY__METRICS_PORT": str(metrics_port),
    }
    return _Server(Process(name, [checkout.command, "gateway"], folder, variables), port)


async def _alive(process: Process, port: int) -> None:
    patience = Patience(f"{process.name} serves", [process])
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await patience.look(f"{process.cpu_s():.0f} s of processor time")
        else:
            writer.close()
            return


async def _measured(process: Process, broker: Process, port: int, seconds: int) -> _Result:
    cpu_s, broker_s, started = process.cpu_s(), broker.cpu_s(), time.monotonic()
    waits = await _load(port, seconds)
    spent_s = time.monotonic() - started
    cpu_us, broker_us = (
        (now - before) / len(waits) * _MICRO for now, before in ((process.cpu_s(), cpu_s), (broker.cpu_s(), broker_s))
    )
    p50_ms, p99_ms = median(waits) * _MILLI, quantiles(waits, n=100)[98] * _MILLI
    return _Result(len(waits) / spent_s, cpu_us, broker_us, p50_ms, p99_ms)


async def _load(port: int, seconds: float) -> list[float]:
    """Post over so many connections, each the next as soon as the last is answered; returns how long each took."""
    waits: list[float] = []
    until = time.monotonic() + seconds
    numbers = itertools.count()
    await asyncio.gather(*(_client(port, numbers, until, waits) for _ in range(CONNECTIONS)))
    if not waits:
        raise BenchmarkError("no request was answered 200")
    return waits


async def _client(port: int, numbers: Iterator[int], until: float, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while time.monotonic() < until:
            started = time.monotonic()
            writer.write(_request(next(numbers)))
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            if head.startswith(b"HTTP/1.1 200"):
                waits.append(time.monotonic() - started)
            else:
                await asyncio.sleep(0.05)
    finally:
        writer.close()


def _request(number: int) -> bytes:
    body = webhook(number, number % 10_000_000).body
    signature = hmac.digest(_KEY, body, "sha256").hex()
    head = "POST /v1/webhooks/teekrr/shop HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}X-Teekrr-Signature: {signature}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
