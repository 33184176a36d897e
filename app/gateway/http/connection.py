"""One connection: bytes to requests, answers to bytes, each within its time and size."""

import asyncio
import logging
import ssl
import time
from collections import deque
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from app.gateway.http.answers import CONTINUE, Answer, encode, refusal
from app.gateway.http.exchange import Exchange
from app.gateway.http.reading import Malformed, Reading
from app.gateway.http.request import MOST_HEAD_BYTES

if TYPE_CHECKING:
    from app.gateway.http.connections import Connections

_LINGER_S = 1.0
"""How long what still comes is thrown away after a last answer: closed at once, the client might never read it."""
_MOST_AT_ONCE = 16
"""Requests that may come in one read, before their answers; what comes behind them is dropped, and the connection."""

_log = logging.getLogger(__name__)


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


class Connection(asyncio.Protocol):
    """Speaks HTTP/1.0 and 1.1; requests that are sent ahead wait for their turn."""

    def __init__(self, connections: "Connections") -> None:
        self._connections = connections
        self._limits = connections.limits
        self._now = connections.now
        self._reading = Reading(self)
        self._transport: asyncio.Transport | None = None
        self._state = _State.IDLE
        self._over = False
        """The last answer is written, or the client is gone: what comes is thrown away."""
        self._working: Exchange | None = None
        self._ahead: deque[Exchange] = deque()
        self._is_taking_turns = False
        self._at_once = 0
        """Requests in the present read."""
        self._head_bytes = 0
        self._paused = False
        self._choked = False
        """The client does not read what is written."""
        self._securing: asyncio.Task[None] | None = None
        self._early: list[bytes] | None = None
        """What came with the last bytes of the TLS handshake."""
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
            self._early = []
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
            return
        early, self._early = self._early or [], None
        for data in early:
            self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever it was, the client is gone
        """Forget what was on its way."""
        self._state, self._over = _State.CLOSED, True
        self._connections.forget(self)
        for exchange in (self._working, *self._ahead, self._reading.exchange):
            if exchange is not None:
                exchange.give_up("hung_up")
        self._ahead.clear()
        self._working = self._reading.exchange = None

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._early is not None:
            self._early.append(data)
            return
        if self._over:
            return
        self._at_once = 0
        was_in_head = self._state is _State.HEAD
        try:
            self._reading.feed(data)
        except Malformed:
            if not self._over:
                self._refuse_now(400, "malformed")
        except Exception as error:  # noqa: BLE001 - of ours: this client is told, the others notice nothing
            _log.exception("a request met %s", type(error).__name__)
            if not self._over:
                self._refuse_now(500, "fault")
        if was_in_head and self._state is _State.HEAD:
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
        self._choked = True
        self._read_no_further()

    def resume_writing(self) -> None:
        """Read on."""
        self._choked = False
        if not self._ahead:
            self._read_on()

    def _read_no_further(self) -> None:
        # only where a client sends ahead: most never do, and to pause costs more than to read
        if self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._transport is not None and self._paused and not self._choked:
            self._paused = False
            self._transport.resume_reading()

    # of what is read

    def begin(self) -> Exchange | None:
        """Begin a request."""
        if self._over:
            return None
        self._at_once += 1
        if self._at_once > _MOST_AT_ONCE:
            self._cut_off()
            return None
        if self._working is None:
            self._state = _State.HEAD
            self._head_bytes = 0
            self.deadline = self._now() + self._limits.header_timeout_s
            self._connections.busy(self)
        return Exchange(self, self._connections)

    def _cut_off(self) -> None:
        """Take no more requests of this client, and close when those before are answered."""
        last = self._ahead[-1] if self._ahead else self._working
        if last is None:
            self._linger()
        else:
            last.keep_alive = False

    def head(self, exchange: Exchange, method: bytes, *, keep_alive: bool) -> None:
        """Look whether its body is wanted."""
        exchange.started = self._now()
        exchange.keep_alive = keep_alive and not self._connections.stopping
        exchange.head_only = method == b"HEAD"
        if self._working is None:
            self._state = _State.BODY
            self.deadline = exchange.started + self._limits.answer_timeout_s
        exchange.admit(method, self.address, time.time_ns() // 1000)
        headers = exchange.builder.headers
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced[:20]) > self._limits.body_bytes:
            self._refuse_now(413, "too_large")
        elif "expect" in headers and exchange.refused is not None:
            self._answer_now()
        elif headers.get("expect", "").lower() == "100-continue" and self._transport and self._working is None:
            self._transport.write(CONTINUE)

    def body(self, exchange: Exchange, piece: bytes) -> None:
        """Keep a piece of the body, while it is wanted and there is room."""
        exchange.size += len(piece)
        if exchange.size > self._limits.body_bytes:
            self._refuse_now(413, "too_large")
        elif exchange.refused is None:
            exchange.keep(piece)

    def whole(self, exchange: Exchange) -> None:
        """Let a whole request have its turn."""
        if self._working is None and not self._is_taking_turns:
            self._work(exchange)
        else:
            self._ahead.append(exchange)
            self._read_no_further()

    # of its own

    def _work(self, exchange: Exchange) -> None:
        self._working = exchange
        self._state = _State.WORKING
        self.deadline = exchange.started + self._limits.answer_timeout_s
        if exchange.refused is not None or exchange.visit is None:
            exchange.answer(exchange.refused or refusal(400, "malformed"))
        else:
            try:
                exchange.visit.take(exchange.take_body(), exchange)
            except Exception as error:  # noqa: BLE001 - of ours: this client is told, the others notice nothing
                _log.exception("a request met %s", type(error).__name__)
                exchange.answer(refusal(500, "fault"))

    def finish(self, exchange: Exchange, answer: Answer) -> None:
        """Write the answer to the request that is worked on."""
        exchange.drop_body()
        exchange.owner = None
        keep_alive = exchange.keep_alive and not self._connections.stopping
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode(answer, keep_alive=keep_alive, head_only=exchange.head_only))
        self._working = None
        if not keep_alive:
            self._linger()
        elif not self._is_taking_turns:
            self._take_turns()

    def _take_turns(self) -> None:
        """Go on with what was sent ahead: in a loop, for each of them may be answered at once."""
        self._is_taking_turns = True
        try:
            while self._ahead and self._working is None and not self._over:
                self._work(self._ahead.popleft())
        finally:
            self._is_taking_turns = False
        if self._working is None and not self._over:
            self._await_next()

    def _await_next(self) -> None:
        self._read_on()
        reading = self._reading.exchange
        if reading is None:
            self._state = _State.IDLE
            self.deadline = self._now() + self._limits.idle_timeout_s
            self._connections.idle(self)
        else:
            # a part of the next request came with the last one
            self._state = _State.BODY if reading.admitted else _State.HEAD
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
        """Close it: at once where that was tried before, or where a client does not read what is written."""
        if self._transport is None:
            return
        if self._state is _State.LINGERING or self._choked or self._transport.is_closing():
            self._transport.abort()
        else:
            self._transport.close()

    def drop(self) -> None:
        """Close it to make room; what a slow client has not read is lost to it."""
        if self._transport is not None and self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self.close()

    def _refuse_now(self, status: int, cause: str) -> None:
        """Refuse what is being read, if it is not refused already, and answer it."""
        exchange = self._reading.exchange or Exchange(self, self._connections)
        self._reading.exchange = exchange
        exchange.refuse(status, cause)
        self._answer_now()

    def _answer_now(self) -> None:
        """Answer what is being read and refused, without the rest of it, and read no further."""
        exchange, self._reading.exchange = self._reading.exchange, None
        if exchange is None:
            return
        exchange.drop_body()
        exchange.keep_alive = False
        if self._working is None and not self._ahead:
            self._working = exchange
            exchange.answer(exchange.refused or refusal(400, "malformed"))
        else:
            self._ahead.append(exchange)

    def _linger(self) -> None:
        self._state, self._over = _State.LINGERING, True
        self.deadline = self._now() + _LINGER_S
        for exchange in self._ahead:
            exchange.give_up("sent_ahead")
        self._ahead.clear()
        if self._transport is not None:
            self._read_on()
            if self._transport.can_write_eof():
                with suppress(OSError):  # it is reset already
                    self._transport.write_eof()
            else:
                self._transport.close()
