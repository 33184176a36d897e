"""One request between its first byte and its answer."""

from typing import Protocol

from app.gateway.http.answers import Answer
from app.gateway.http.request import HeadBuilder, Visit


class Owner(Protocol):
    """The connection of an exchange."""

    def finish(self, exchange: "Exchange", answer: Answer) -> None:
        """Write the answer."""


class Exchange:
    """See :class:`app.gateway.http.request.Exchange`."""

    __slots__ = ("_body", "builder", "head_only", "held", "keep_alive", "owner", "refused", "size", "started", "visit")

    def __init__(self, owner: Owner, started: float) -> None:
        self.owner: Owner | None = owner
        """None once it is answered or given up."""
        self.builder = HeadBuilder()
        self.visit: Visit | None = None
        self.refused: Answer | None = None
        self._body: bytes | bytearray = b""
        self.size = 0
        """Bytes of the body that came."""
        self.held = 0
        """Of these, counted as in flight."""
        self.keep_alive = True
        self.head_only = False
        self.started = started

    @property
    def admitted(self) -> bool:
        """Whether its headers are complete."""
        return self.visit is not None or self.refused is not None

    def answer(self, answer: Answer) -> None:
        """Answer it; what comes after the first answer is dropped."""
        if self.owner is not None:
            self.owner.finish(self, answer)

    def keep(self, piece: bytes) -> None:
        """Keep a piece of the body; a body of many small ones takes no more than it holds."""
        if not self._body:
            self._body = piece
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece

    def take_body(self) -> bytes:
        """Return the body, and keep it no longer."""
        body, self._body = bytes(self._body), b""
        return body
