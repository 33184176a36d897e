"""One connection: bytes to requests, answers to bytes, each within its time and size."""

import asyncio
import ssl
import time
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

import httptools

from app.gateway.http.answers import CONTINUE, Answer, encode, refusal
from app.gateway.http.request import MOST_HEAD_BYTES, HeadBuilder, Visit

if TYPE_CHECKING:
    from app.gateway.http.connections import Connections

_LINGER_S = 1.0
"""How long what still comes is thrown away after a last answer: closed at once, the client might never read it."""


class _State(Enum):
    IDLE = auto()
    """Nothing of a request is there."""
    HEAD = auto()
    BODY = auto()
    WORKING = auto()
    """A whole request waits for its answer."""
    LINGERING = auto()
    """The last answer is written."""
    CLOSED = auto()


class _Exchange:
    """One request; see :class:`app.gateway.http.request.Exchange`."""

    __slots__ = ("builder", "chunks", "connection", "head_only", "keep_alive", "refused", "size", "started", "visit")

    def __init__(self, connection: "Connection", started: float) -> None:
        self.connection: Connection | None = connection
        """None once it is answered or given up."""
        self.builder = HeadBuilder()
        self.visit: Visit | None = None
        self.refused: Answer | None = None
        self.chunks: list[bytes] = []
        self.size = 0
        self.keep_alive = True
        self.head_only = False
        self.started = started

    @property
    def admitted(self) -> bool:
        """Whether its headers are complete."""
        return self.visit is not None or self.refused is not None

    def answer(self, answer: Answer) -> None:
        """Answer it."""
        if self.connection is not None:
            self.connection.finish(self, answer)


class Connection(asyncio.Protocol):
    """Speaks HTTP/1.0 and 1.1; requests that are sent ahead wait for their turn."""

    def __init__(self, connections: "Connections") -> None:
        self._connections = connections
        self._limits = connections.limits
        self._now = connections.now
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._state = _State.IDLE
        self._over = False
        """The last answer is written, or the client is gone: what comes is thrown away."""
        self._incoming: _Exchange | None = None
        """Being read."""
        self._working: _Exchange | None = None
        self._ahead: deque[_Exchange] = deque()
        self._head_bytes = 0
        self._paused = False
        self._securing: asyncio.Task[None] | None = None
        self.address = ""
        self.deadline = 0.0
        """When :meth:`expire` is to be called."""

    # of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, if there is room for it."""
        self._transport = stream = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.deadline = self._now() + self._limits.header_timeout_s
        if not self._connections.admit(self):
            self._state, self._over = _State.CLOSED, True
            stream.abort()
        elif self._connections.tls is not None:
            # only now: whoever says nothing at all is counted as well
            stream.pause_reading()
            self._securing = asyncio.create_task(self._secure(stream, self._connections.tls))

    async def _secure(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        loop, patience_s = asyncio.get_running_loop(), self._limits.header_timeout_s
        try:
            self._transport = await loop.start_tls(
                transport, self, context, server_side=True, ssl_handshake_timeout=patience_s
            )
        except (OSError, ssl.SSLError):
            self._connections.application.refused(0, "tls")
            transport.abort()
            self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever it was, the client is gone
        """Forget what was on its way."""
        self._state, self._over = _State.CLOSED, True
        self._connections.forget(self)
        for exchange in (self._working, *self._ahead, self._incoming):
            if exchange is not None:
                self._give_up(exchange, "hung_up")
        self._ahead.clear()
        self._working = self._incoming = None

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._over:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # it has been refused
        except httptools.HttpParserError:
            if not self._over:
                self._refuse_now(400, "malformed")
        if self._state is _State.HEAD:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse_now(431, "long_headers")

    def eof_received(self) -> bool:
        """Let an answer still go out to who sends no more."""
        if self._working is None and self._transport is not None:
            self._transport.close()
        return self._working is not None

    def pause_writing(self) -> None:
        """Read nothing more from a client that does not read."""
        self._read_no_further()

    def resume_writing(self) -> None:
        """Read on."""
        if self._transport is not None and self._paused and not self._ahead:
            self._paused = False
            self._transport.resume_reading()

    # of the parser

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._over:
            return
        self._incoming = _Exchange(self, self._now())
        if self._working is None:
            self._state = _State.HEAD
            self._head_bytes = 0
            self.deadline = self._now() + self._limits.header_timeout_s
            self._connections.busy(self)

    def on_url(self, url: bytes) -> None:
        """Take a part of its target."""
        if self._incoming is not None:
            self._incoming.builder.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which nobody reads."""
        if self._incoming is not None:
            self._incoming.builder.parts.append((name, value))

    def on_headers_complete(self) -> None:
        """Look whether its body is wanted."""
        exchange = self._incoming
        if exchange is None:
            return
        exchange.started = self._now()
        method = self._parser.get_method()
        exchange.keep_alive = self._parser.should_keep_alive() and not self._connections.stopping
        exchange.head_only = method == b"HEAD"
        if self._working is None:
            self._state = _State.BODY
            self.deadline = exchange.started + self._limits.answer_timeout_s
        if self._parser.should_upgrade():
            exchange.builder.fault = "upgrade"  # the parser would pass its body over
        exchange.builder.read_headers()
        self._admit(exchange, method)
        expected = exchange.builder.headers.get("expect", "")
        announced = exchange.builder.headers.get("content-length", "")
        if announced.isdigit() and int(announced[:20]) > self._limits.body_bytes:
            self._refuse(exchange, 413, "too_large")
            self._refuse_now(0, "")
        elif expected and exchange.refused is not None:
            self._refuse_now(0, "")
        elif expected.lower() == "100-continue" and self._transport is not None and self._working is None:
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, while it is wanted and there is room."""
        exchange = self._incoming
        if exchange is None:
            return
        exchange.size += len(body)
        if exchange.size > self._limits.body_bytes:
            self._drop_body(exchange)
            self._refuse(exchange, 413, "too_large")
            self._refuse_now(0, "")
        elif exchange.refused is None:
            if self._connections.hold(self.address, len(body)):
                exchange.chunks.append(body)
            else:
                self._drop_body(exchange)
                self._refuse(exchange, 503, "overloaded", retry_after_s=1)

    def on_message_complete(self) -> None:
        """Let a whole request have its turn."""
        exchange, self._incoming = self._incoming, None
        if exchange is None:
            return
        if self._working is None:
            self._work(exchange)
        else:
            self._ahead.append(exchange)
            self._read_no_further()

    # of its own

    def _read_no_further(self) -> None:
        # only where a client sends ahead: most never do, and to pause costs more than to read
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _admit(self, exchange: _Exchange, method: bytes) -> None:
        builder = exchange.builder
        if builder.fault:
            exchange.keep_alive = False
            self._refuse(exchange, 400, builder.fault)
            return
        visit = self._connections.application.admit(builder.head(method, self.address, time.time_ns() // 1000))
        if isinstance(visit, Answer):
            exchange.refused = visit
        else:
            exchange.visit = visit

    def _work(self, exchange: _Exchange) -> None:
        self._working = exchange
        self._state = _State.WORKING
        self.deadline = exchange.started + self._limits.answer_timeout_s
        if exchange.refused is not None or exchange.visit is None:
            exchange.answer(exchange.refused or refusal(400, "malformed"))
        else:
            exchange.visit.take(b"".join(exchange.chunks), exchange)

    def finish(self, exchange: _Exchange, answer: Answer) -> None:
        """Write the answer to the request that is worked on."""
        exchange.connection = None
        self._drop_body(exchange)
        keep_alive = exchange.keep_alive and not self._connections.stopping
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(answer, keep_alive=keep_alive, head_only=exchange.head_only))
        self._working = None
        if not keep_alive:
            self._linger()
        elif self._ahead:
            self._work(self._ahead.popleft())
        else:
            self._await_next()

    def _await_next(self) -> None:
        if self._transport is None or self._state is _State.CLOSED:
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        if self._incoming is None:
            self._state = _State.IDLE
            self.deadline = self._now() + self._limits.idle_timeout_s
            self._connections.idle(self)
        else:
            # a part of the next request came with the last one
            self._state = _State.BODY if self._incoming.admitted else _State.HEAD
            self._head_bytes = 0
            self.deadline = self._now() + self._limits.header_timeout_s

    def expire(self) -> None:
        """Do what is due when the deadline is over."""
        if self._state is _State.HEAD:
            self._refuse_now(408, "slow_headers")
        elif self._state is _State.BODY:
            self._refuse_now(408, "slow_body")
        elif self._state is _State.WORKING and self._working is not None:
            exchange = self._working
            exchange.keep_alive = False
            if exchange.visit is not None:
                exchange.visit.given_up(503, "late")
                exchange.visit = None
            exchange.answer(refusal(503, "not_stored", retry_after_s=5))
        else:
            self.close()

    def close(self) -> None:
        """Close it, after what is written already."""
        if self._transport is not None:
            self._transport.close() if self._state is not _State.LINGERING else self._transport.abort()

    def _refuse(self, exchange: _Exchange, status: int, cause: str, retry_after_s: int = 0) -> None:
        """Let a request be answered so when its turn comes; the first refusal counts."""
        if exchange.refused is not None:
            return
        exchange.refused = refusal(status, cause, retry_after_s)
        if exchange.visit is not None:
            exchange.visit.given_up(status, cause)
            exchange.visit = None
        else:
            self._connections.application.refused(status, cause)

    def _refuse_now(self, status: int, cause: str) -> None:
        """Answer what is being read, without the rest of it, and read no further; what was sent ahead is dropped."""
        exchange = self._incoming or _Exchange(self, self._now())
        self._incoming = None
        if status:
            self._refuse(exchange, status, cause)
        exchange.keep_alive = False
        if self._working is None:
            self._working = exchange
            exchange.answer(exchange.refused or refusal(400, "malformed"))
        else:
            self._drop_body(exchange)
            self._ahead.append(exchange)

    def _drop_body(self, exchange: _Exchange) -> None:
        if exchange.chunks:
            self._connections.release(self.address, sum(map(len, exchange.chunks)))
            exchange.chunks = []

    def _give_up(self, exchange: _Exchange, cause: str) -> None:
        exchange.connection = None
        self._drop_body(exchange)
        if exchange.visit is not None:
            exchange.visit.given_up(0, cause)
            exchange.visit = None

    def _linger(self) -> None:
        self._state, self._over = _State.LINGERING, True
        self.deadline = self._now() + _LINGER_S
        for exchange in self._ahead:
            self._give_up(exchange, "sent_ahead")
        self._ahead.clear()
        if self._transport is not None:
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
