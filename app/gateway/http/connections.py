"""All connections: how many, of whom, and what they hold; here is decided who has to go."""

import asyncio
import logging
import ssl
import time
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable

from app.gateway.http.connection import Connection
from app.gateway.http.limits import Limits
from app.gateway.http.request import Application

_SWEEP_S = 0.2
_log = logging.getLogger(__name__)
_NOT_THERE = object()
_LATE_S = 0.4
_STILL_LATE_S = 0.1
_SHARES = 4
"""One address may hold a quarter of the bytes in flight."""


class Connections:
    """Makes a protocol for each connection, and sees to it that none stays for ever.

    ``unlimited`` tells of an address whether it may open as many as it likes: that of a proxy of one's own.
    """

    now: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(
        self,
        application: Application,
        limits: Limits,
        unlimited: Callable[[str], bool],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.application = application
        self.limits = limits
        self.tls = tls
        self.stopping = False
        self.bytes_in_flight = 0
        self.overloaded = False
        """More comes than can be done: what is refused now spares the others from being too late."""
        self._unlimited = unlimited
        self._all: dict[Connection, None] = {}
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        """The oldest first."""
        self._idle_of: defaultdict[str, OrderedDict[Connection, None]] = defaultdict(OrderedDict)
        """The same by address."""
        self._of_address: Counter[str] = Counter()
        self._bytes_of: Counter[str] = Counter()
        self._left = asyncio.Event()

    def __len__(self) -> int:
        return len(self._all)

    def new(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self)

    def admit(self, connection: Connection) -> bool:
        """Let a connection in, for which the oldest idle one of its address, or of all, may have to go."""
        address = connection.address
        if self.stopping:
            return False
        if self._of_address[address] >= self.limits.connections_per_address and not self._unlimited(address):
            self.application.refused(0, "connections_of_one_address")
            if not self._make_room(self._idle_of.get(address, OrderedDict())):
                return False
        elif len(self._all) >= self.limits.connections:
            self.application.refused(0, "connections")
            if not self._make_room(self._idle):
                return False
        self._all[connection] = None
        self._of_address[address] += 1
        self.idle(connection)
        return True

    def _make_room(self, idle: OrderedDict[Connection, None]) -> bool:
        if not idle:
            return False
        oldest = next(iter(idle))
        oldest.drop()
        self.forget(oldest)
        return True

    def forget(self, connection: Connection) -> None:
        """Count a connection no more."""
        if connection not in self._all:
            return
        del self._all[connection]
        self.busy(connection)
        self._of_address[connection.address] -= 1
        if not self._of_address[connection.address]:
            del self._of_address[connection.address]
        if not self._all:
            self._left.set()

    def idle(self, connection: Connection) -> None:
        """Note that a connection has nothing to do."""
        if connection in self._all:
            self._idle[connection] = self._idle_of[connection.address][connection] = None
        if self.stopping:
            connection.close()

    def busy(self, connection: Connection) -> None:
        """Note that it has."""
        if self._idle.pop(connection, _NOT_THERE) is _NOT_THERE:
            return
        of_address = self._idle_of[connection.address]
        del of_address[connection]
        if not of_address:
            del self._idle_of[connection.address]

    def hold(self, address: str, size: int) -> bool:
        """Make room for a part of a body; False: there is none, or the address has its share."""
        if self.bytes_in_flight + size > self.limits.bytes_in_flight:
            return False
        share = self._bytes_of[address] + size
        if share * _SHARES > self.limits.bytes_in_flight and not self._unlimited(address):
            return False
        self._bytes_of[address] = share
        self.bytes_in_flight += size
        return True

    def release(self, address: str, size: int) -> None:
        """Give room back."""
        self.bytes_in_flight -= size
        self._bytes_of[address] -= size
        if not self._bytes_of[address]:
            del self._bytes_of[address]

    async def sweep(self) -> None:
        """End what is over its time, until cancelled."""
        while True:
            due = self.now() + _SWEEP_S
            await asyncio.sleep(_SWEEP_S)
            self.note_lag(self.now() - due)
            self.expire_due()

    def note_lag(self, seconds: float) -> None:
        """Note by how much this process comes too late to what is due."""
        self.overloaded = seconds > (_STILL_LATE_S if self.overloaded else _LATE_S)

    def expire_due(self) -> None:
        """End what is over its time now."""
        now = self.now()
        for connection in [each for each in self._all if each.deadline <= now]:
            try:
                connection.expire()
            except Exception:  # noqa: BLE001
                # of ours, or of a socket that is gone: the others still have their ends
                _log.exception("a connection could not be ended in order")
                connection.drop()
                self.forget(connection)

    async def stop(self, patience_s: float) -> None:
        """Let nobody in any more, answer what is on its way, and close everything."""
        self.stopping = True
        for connection in list(self._idle):
            connection.close()
        self._left.clear()
        if self._all:
            try:
                async with asyncio.timeout(patience_s):
                    await self._left.wait()
            except TimeoutError:
                for connection in list(self._all):
                    connection.close()
