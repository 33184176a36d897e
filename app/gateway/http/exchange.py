"""One request between its first byte and its answer."""

from typing import TYPE_CHECKING, Protocol

from app.gateway.http.answers import Answer, refusal
from app.gateway.http.request import HeadBuilder, Visit

if TYPE_CHECKING:
    from app.gateway.http.connections import Connections


class Owner(Protocol):
    """The connection of an exchange."""

    address: str

    def finish(self, exchange: "Exchange", answer: Answer) -> None:
        """Write the answer."""


class Exchange:
    """See :class:`app.gateway.http.request.Exchange`."""

    __slots__ = (
        *("_body", "_connections", "_held", "builder", "head_only", "keep_alive", "owner", "refused", "size"),
        *("started", "visit"),
    )

    def __init__(self, owner: Owner, connections: "Connections") -> None:
        self.owner: Owner | None = owner
        """None once it is answered or given up."""
        self._connections = connections
        self.builder = HeadBuilder()
        self.visit: Visit | None = None
        self.refused: Answer | None = None
        self._body: bytes | bytearray = b""
        self._held = 0
        """Bytes of the body that count as in flight."""
        self.size = 0
        """Bytes of the body that came."""
        self.keep_alive = True
        self.head_only = False
        self.started = connections.now()
        """When it began; from the end of its headers on, when those were complete."""

    @property
    def admitted(self) -> bool:
        """Whether its headers are complete."""
        return self.visit is not None or self.refused is not None

    def admit(self, method: bytes, address: str, received_at_us: int) -> None:
        """Have the application look at its headers; what is wrong with them refuses it."""
        if self._connections.overloaded:
            self.refuse(503, "overloaded", retry_after_s=1)
        elif self.builder.fault:
            self.keep_alive = False
            self.refuse(400, self.builder.fault)
        else:
            found = self._connections.application.admit(self.builder.head(method, address, received_at_us))
            if isinstance(found, Answer):
                self.refused = found
            else:
                self.visit = found

    def refuse(self, status: int, cause: str, retry_after_s: int = 0) -> None:
        """Let it be answered so when its turn comes; the first refusal counts."""
        if self.refused is not None:
            return
        self.refused = refusal(status, cause, retry_after_s)
        if self.visit is None:
            self._connections.application.refused(status, cause)
        else:
            self.visit.given_up(status, cause)
            self.visit = None

    def answer(self, answer: Answer) -> None:
        """Answer it; what comes after the first answer is dropped."""
        if self.owner is not None:
            self.owner.finish(self, answer)

    def give_up(self, cause: str) -> None:
        """Forget it without an answer."""
        self.drop_body()
        self.owner = None
        if self.visit is not None:
            self.visit.given_up(0, cause)
            self.visit = None

    def keep(self, piece: bytes) -> None:
        """Keep a piece of the body, if there is room; a body of many small ones takes no more than it holds."""
        if self.owner is None or not self._connections.hold(self.owner.address, len(piece)):
            self.drop_body()
            self.refuse(503, "overloaded", retry_after_s=1)
            return
        self._held += len(piece)
        if not self._body:
            self._body = piece
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece

    def take_body(self) -> bytes:
        """Return the body, which counts as in flight until the answer."""
        body, self._body = bytes(self._body), b""
        return body

    def drop_body(self) -> None:
        """Keep the body no longer."""
        self._body = b""
        if self._held and self.owner is not None:
            self._connections.release(self.owner.address, self._held)
            self._held = 0
