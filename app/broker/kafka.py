"""Apache Kafka in KRaft mode on this machine: one process a broker, each a controller as well."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.broker.server import LocalServer
from app.errors import BrokerError

_DATA = "data"


@dataclass(frozen=True, slots=True)
class Node:
    """A broker's place in its cluster."""

    id: int
    """From 1 on."""
    port: int
    """For clients and other brokers."""
    controller_port: int
    """For the metadata quorum."""
    extra: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Server properties beside ours, or in their place."""


def server_properties(node: Node, nodes: Sequence[Node]) -> str:
    """Return the configuration of one broker among these nodes; paths are relative to the broker's folder."""
    replicas = min(len(nodes), 3)
    in_sync = max(replicas - 1, 1)
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.id,
        "controller.quorum.voters": ",".join(f"{each.id}@127.0.0.1:{each.controller_port}" for each in nodes),
        "listeners": f"PLAINTEXT://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{node.port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": _DATA,
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        # how long a killed broker's ghost keeps it from coming back; the default is 9 s
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # a production cluster has 50 of each; they cost time at every start
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        # the default, 128 MB, is a quarter of our heap
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    return "".join(f"{key}={value}\n" for key, value in {**settings, **node.extra}.items())


class Broker(LocalServer):
    """One Apache Kafka process in its own folder."""

    def __init__(self, node: Node, nodes: Sequence[Node], folder: Path, java: Sequence[str]) -> None:
        super().__init__(f"Kafka broker {node.id}", folder, (node.port, node.controller_port))
        self.node = node
        self.java = java
        self._nodes = nodes

    @property
    def bootstrap(self) -> str:
        """The address of this broker, `host:port`."""
        return f"127.0.0.1:{self.node.port}"

    def configure(self, cluster_id: str) -> None:
        """Write the configuration, and format the storage if it is new; only then does `cluster_id` count."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "server.properties").write_text(server_properties(self.node, self._nodes), encoding="ascii")
        if (self.folder / _DATA / "meta.properties").exists():
            return
        tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "--config=server.properties")
        done = subprocess.run(  # noqa: S603 - the command is ours
            [*self.java, *tool], cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BrokerError(f"{self.name}: formatting {self.folder} failed:\n{done.stdout}{done.stderr}")

    def command(self) -> Sequence[str]:
        """Return the command line of the broker."""
        return (*self.java, "kafka.Kafka", "server.properties")

    def is_ready(self) -> bool:
        """Whether the broker is registered with the controller and accepts requests: it logs this line then."""
        return "Kafka Server started" in self.log_text()
