"""Brokers that form one cluster, with the Kafka they run fetched on first use."""

import logging
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from app.broker.artifacts import fetch, locked
from app.broker.java import RUNTIME, java_command
from app.broker.kafka import Broker, Node
from app.broker.server import PortTakenError, free_ports, is_free
from app.errors import BrokerError

_RELEASE = "kafka-4.1.2"
_ATTEMPTS = 3
_FLAGS = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    # with it, Java 25 mistakes some cached adapters for others, notices and warns at every start
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",
)

_log = logging.getLogger(__name__)


class Cluster:
    """One broker, or several that form one cluster, running within a `with` block.

    The first use ever downloads Kafka (45 MB). With a folder the data stays there, and the next cluster of the same
    size goes on with it; without one it goes with the cluster. `port` is the first broker's; the other ports are any
    free ones. Three brokers replicate every topic three times and serve `acks=all` with one of them down.

    Entering blocks until all brokers serve; it raises BrokerError, and leaves none running, if one does not.
    """

    def __init__(
        self, size: int = 1, *, folder: Path | None = None, port: int | None = None, heap_mb: int = 512
    ) -> None:
        self.brokers: tuple[Broker, ...] = ()
        self._size = size
        self._folder = folder
        self._port = port
        self._heap_mb = heap_mb
        self._running = ExitStack()

    def __enter__(self) -> Self:
        java = kafka_java(self._heap_mb)
        with ExitStack() as started:
            folder = self._folder or Path(started.enter_context(TemporaryDirectory(prefix="undelivered-kafka-")))
            started.callback(self._stop)
            for attempts_left in reversed(range(_ATTEMPTS)):
                self.brokers = brokers(folder.absolute(), self._nodes(), java)
                try:
                    self._start()
                    break
                except PortTakenError:
                    self._stop()
                    if not attempts_left:
                        raise
            self._running = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, `host:port,host:port`; empty until they were started."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def _nodes(self) -> tuple[Node, ...]:
        if self._port is not None and not is_free(self._port):
            raise BrokerError(f"port {self._port} is taken by another process")
        ports = free_ports(2 * self._size)
        clients = (self._port or ports[0], *ports[1 : self._size])
        return tuple(map(Node, range(1, self._size + 1), clients, ports[self._size :]))

    def _start(self) -> None:
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.wait_until_ready()

    def _stop(self) -> None:
        for broker in self.brokers:
            if self._folder is None:
                broker.kill()  # nobody will read its data: an orderly end of three brokers takes 5 s
            else:
                broker.terminate()
        for broker in self.brokers:
            broker.wait_until_stopped()


def brokers(folder: Path, nodes: Sequence[Node], java: Sequence[str]) -> tuple[Broker, ...]:
    """Return the brokers of a cluster, configured in their folders and not started; new folders get formatted.

    Raises BrokerError if the folder holds a cluster of another size.
    """
    found = len(list(folder.glob("broker-*")))
    if found not in {0, len(nodes)}:
        raise BrokerError(f"{folder} holds a cluster of {found} brokers, not of {len(nodes)}; choose another folder")
    members = tuple(Broker(node, nodes, folder / f"broker-{node.id}", java) for node in nodes)
    # the same for the same folder: formatting that was interrupted can go on
    cluster_id = urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_URL, folder.as_uri()).bytes).decode().rstrip("=")
    for broker in members:
        broker.configure(cluster_id)
    return members


def kafka_java(heap_mb: int) -> tuple[str, ...]:
    """Return the command line of Java with Kafka on its class path, fetched and verified.

    Java's ahead-of-time cache makes a broker start in 0.7 s instead of 1.6 s; it is made once, by a broker that starts
    and stops. A Java that cannot use the cache starts without it.
    """
    jars = fetch(_RELEASE, locked(_RELEASE))
    cache = jars[0].parent.with_name(f"kafka-{RUNTIME}.aot")
    java = (*java_command(jars, heap_mb), *_FLAGS)
    if not cache.exists():
        _make_startup_cache(cache, java)
    return (*java, f"-XX:AOTCache={cache}")


def _make_startup_cache(cache: Path, java: Sequence[str]) -> None:
    _log.info("preparing Kafka for quick starts, once")
    with TemporaryDirectory(prefix="startup-", dir=cache.parent) as scratch:
        made = Path(scratch, cache.name)
        (broker,) = brokers(Path(scratch), [Node(1, *free_ports(2))], java)
        broker.java = (*java, f"-XX:AOTCacheOutput={made}")
        try:
            broker.start()
        finally:
            broker.stop()
        if made.exists():
            made.replace(cache)
        else:
            _log.warning("Java made no startup cache; Kafka starts more slowly")
