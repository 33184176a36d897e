"""Bytes to requests."""

from typing import Protocol

import httptools

from app.gateway.http.exchange import Exchange

_VERSIONS = frozenset({"1.0", "1.1"})


class Malformed(Exception):  # noqa: N818 - a client's doing, no error of ours
    """What came is no HTTP; nothing more can be read."""


class Reader(Protocol):
    """What becomes of what is read."""

    def begin(self) -> Exchange | None:
        """Begin a request; None: no further one is wanted."""

    def head(self, exchange: Exchange, method: bytes, *, keep_alive: bool) -> None:
        """Take its headers; ``builder.fault`` may already say what is wrong with them."""

    def body(self, exchange: Exchange, piece: bytes) -> None:
        """Take a piece of its body."""

    def whole(self, exchange: Exchange) -> None:
        """Be told that it is complete."""


class Reading:
    """Feeds a parser, whose callbacks these are."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._parser = httptools.HttpRequestParser(self)
        self.exchange: Exchange | None = None
        """Being read; None: nothing is, or the rest of it is passed over."""

    def feed(self, data: bytes) -> None:
        """Read on; raises Malformed, and whatever the reader raises."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # it has been refused
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ or error from None
        except httptools.HttpParserError:
            raise Malformed from None

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.exchange = self._reader.begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of its target."""
        if self.exchange is not None:
            self.exchange.builder.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer, which nobody reads."""
        if self.exchange is not None and not self.exchange.admitted:
            self.exchange.builder.parts.append((name, value))

    def on_headers_complete(self) -> None:
        """Look whether its body is wanted."""
        exchange, parser = self.exchange, self._parser
        if exchange is None:
            return
        version = parser.get_http_version()
        builder = exchange.builder
        builder.read_headers()
        if parser.should_upgrade():
            builder.fault = "upgrade"  # the parser would pass its body over
        elif version not in _VERSIONS:
            builder.fault = "version"
        elif version == "1.1" and "host" not in builder.headers:
            builder.fault = builder.fault or "no_host"
        elif builder.headers.get("transfer-encoding", "chunked").lower() != "chunked":
            builder.fault = "transfer_encoding"
        self._reader.head(exchange, parser.get_method(), keep_alive=parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if self.exchange is not None:
            self._reader.body(self.exchange, body)

    def on_message_complete(self) -> None:
        """Let a whole request have its turn."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            self._reader.whole(exchange)
