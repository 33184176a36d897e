"""A connection without a socket."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.gateway.http.answers import Answer, refusal
from app.gateway.http.connection import Connection
from app.gateway.http.connections import Connections
from app.gateway.http.limits import Limits
from app.gateway.http.request import Exchange, Head, Visit

LIMITS = Limits(
    connections=100,
    connections_per_address=100,
    bytes_in_flight=100_000,
    body_bytes=10_000,
    header_timeout_s=10,
    idle_timeout_s=60,
    answer_timeout_s=4,
)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        super().__init__({"peername": (address, 4711)})
        self.written = b""
        self.closed = False
        self.paused = False
        self.unread = 0
        self.is_reset = False
        self.aborted = False

    def write(self, data: Any) -> None:  # noqa: ANN401 - as asyncio has it
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_size(self) -> int:
        return self.unread

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self.is_reset:
            raise OSError(107, "not connected")

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    @property
    def statuses(self) -> list[int]:
        """Of all answers so far."""
        return [int(part[:3]) for part in self.written.split(b"HTTP/1.1 ")[1:]]


class Notes(Visit):
    """A visit that answers when it is told to."""

    def __init__(self, office: "Office") -> None:
        self.office = office

    def take(self, body: bytes, exchange: Exchange) -> None:
        self.office.bodies.append(body)
        if body == b"bang":
            raise RuntimeError("a fault of ours")
        if self.office.answers_at_once:
            exchange.answer(Answer(200))
        else:
            self.office.waiting.append(exchange)

    def given_up(self, status: int, cause: str) -> None:
        self.office.given_up.append((status, cause))


class Office:
    """An application that takes everything, but what is posted to ``/no``."""

    def __init__(self, *, answers_at_once: bool = True) -> None:
        self.answers_at_once = answers_at_once
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []
        self.waiting: list[Exchange] = []
        self.given_up: list[tuple[int, str]] = []
        self.refusals: list[tuple[int, str]] = []

    def admit(self, head: Head) -> Visit | Answer:
        self.heads.append(head)
        return refusal(401, "unauthorized") if head.path == "/no" else Notes(self)

    def refused(self, status: int, cause: str) -> None:
        self.refusals.append((status, cause))


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """Connections of one office."""

    def __init__(self, office: Office, limits: Limits = LIMITS) -> None:
        self.office = office
        self.clock = Clock()
        self.connections = Connections(office, limits, lambda address: address == "192.0.2.99")
        self.connections.now = self.clock

    def connect(self, address: str = "192.0.2.1") -> tuple[Connection, Wire]:
        """Open a connection."""
        connection, wire = self.connections.new(), Wire(address)
        connection.connection_made(wire)
        return connection, wire

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and what is due then happen."""
        self.clock.now += seconds
        self.connections.expire_due()


@contextmanager
def talking(office: Office, data: bytes) -> Iterator[tuple[Bench, Wire]]:
    """Send some bytes over a connection; at the end nothing is held any more."""
    bench = Bench(office)
    connection, wire = bench.connect()
    connection.data_received(data)
    yield bench, wire
    connection.connection_lost(None)
    assert bench.connections.bytes_in_flight == 0
    assert len(bench.connections) == 0
