"""A request as it comes in."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from app.gateway.http.answers import Answer

MOST_HEAD_BYTES = 16_384
MOST_HEADERS = 100

_LISTS = frozenset(
    {
        *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection", "cookie"),
        *("forwarded", "pragma", "te", "trailer", "via", "warning", "x-forwarded-for", "x-forwarded-host"),
        *("x-forwarded-port", "x-forwarded-proto", "keep-alive"),
    }
)
"""Headers that may come several times; any other one would be read in two ways."""


class Head(NamedTuple):
    """A request without its body."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """By lower-case name; lists are joined by commas."""
    address: str
    """Of whoever opened the connection."""
    received_at_us: int
    """End of the headers, microseconds since 1970."""


class Exchange(Protocol):
    """One request on its way to an answer, as the application sees it."""

    def answer(self, answer: Answer) -> None:
        """Answer it; what comes after the first answer, or after its time, is dropped."""


class Visit(Protocol):
    """What the application makes of a request whose headers are in order."""

    def take(self, body: bytes, exchange: Exchange) -> None:
        """Take the whole body, and answer sooner or later."""

    def given_up(self, status: int, cause: str) -> None:
        """Be told that it is answered otherwise, or not at all (status 0): the client went, or the time was over."""


class Application(Protocol):
    """What stands behind the HTTP side."""

    def admit(self, head: Head) -> Visit | Answer:
        """Look at a request before its body is read: an Answer refuses it."""

    def refused(self, status: int, cause: str) -> None:
        """Be told of what was refused before it could be admitted; status 0: without an answer."""


class HeadBuilder:
    """Collects the parts of a head within its bounds."""

    __slots__ = ("fault", "headers", "parts", "url")

    def __init__(self) -> None:
        self.url = b""
        self.parts: list[tuple[bytes, bytes]] = []
        """Headers as they came, trailers behind them."""
        self.headers: dict[str, str] = {}
        self.fault = ""
        """What is wrong with it; the first fault counts."""

    def read_headers(self) -> None:
        """Read what has come; values are taken byte by byte, since nobody knows their encoding."""
        size = len(self.url)
        headers = self.headers
        for name, value in self.parts:
            size += len(name) + len(value)
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            if key not in headers:
                headers[key] = text
            elif key in _LISTS:
                headers[key] = f"{headers[key]}, {text}"
            else:
                self.fault = self.fault or "repeated_header"
        if size > MOST_HEAD_BYTES:
            self.fault = self.fault or "long_headers"
        if len(self.parts) > MOST_HEADERS:
            self.fault = self.fault or "too_many_headers"

    def head(self, method: bytes, address: str, received_at_us: int) -> Head:
        """Return the whole head; a target that is no path of this server becomes an empty path."""
        path, _, query = self.url.decode("latin-1").partition("?")
        if path[:7].lower() == "http://" or path[:8].lower() == "https://":
            # as to a proxy; servers are to take it too
            path = "/" + path.split("//", 1)[1].partition("/")[2]
        if not path.startswith("/"):
            path = ""
        return Head(method.decode("latin-1"), path, query, self.headers, address, received_at_us)
