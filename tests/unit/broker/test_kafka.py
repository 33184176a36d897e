"""The configuration of the embedded brokers."""

from pathlib import Path

import pytest

from app.broker.cluster import brokers
from app.broker.kafka import Broker, Node, server_properties
from app.errors import BrokerError

ALONE = Node(1, 20001, 20002)
THREE = [Node(1, 20001, 20011), Node(2, 20002, 20012), Node(3, 20003, 20013)]
REPLICATED = {
    "default.replication.factor",
    "min.insync.replicas",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "share.coordinator.state.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
}


def parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


def test_a_single_broker_is_its_own_quorum_and_replicates_nothing() -> None:
    assert parsed(server_properties(ALONE, [ALONE])) == {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": "1@127.0.0.1:20002",
        "listeners": "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002",
        "advertised.listeners": "PLAINTEXT://127.0.0.1:20001",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": "data",
        "auto.create.topics.enable": "false",
        **dict.fromkeys(REPLICATED, "1"),
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "4",
        "group.initial.rebalance.delay.ms": "0",
        "log.cleaner.dedupe.buffer.size": "16777216",
    }


def test_three_brokers_form_one_quorum_and_bear_the_loss_of_one() -> None:
    properties = parsed(server_properties(THREE[1], THREE))

    assert properties["node.id"] == "2"
    assert properties["controller.quorum.voters"] == "1@127.0.0.1:20011,2@127.0.0.1:20012,3@127.0.0.1:20013"
    assert properties["listeners"] == "PLAINTEXT://127.0.0.1:20002,CONTROLLER://127.0.0.1:20012"
    assert {key: properties[key] for key in REPLICATED} == {
        key: "3" if key.endswith("replication.factor") else "2" for key in REPLICATED
    }


def test_properties_of_one_s_own_stand_beside_ours_or_in_their_place() -> None:
    """A key that stood twice would be the last one's by accident."""
    node = Node(1, 20001, 20002, extra={"log.cleaner.enable": "false", "log.dirs": "elsewhere"})

    text = server_properties(node, [node])

    assert parsed(text) == {**parsed(server_properties(ALONE, [ALONE])), **node.extra}
    assert text.count("log.dirs=") == 1


def test_a_formatted_broker_gets_its_new_ports_and_keeps_its_data(tmp_path: Path) -> None:
    """Formatting would fail here: there is no Java in this command line."""
    meta = tmp_path / "data" / "meta.properties"
    meta.parent.mkdir()
    meta.write_text("version=1\n")

    Broker(ALONE, [ALONE], tmp_path, ["/nowhere/java"]).configure("cluster")

    assert (tmp_path / "server.properties").read_text() == server_properties(ALONE, [ALONE])
    assert meta.read_text() == "version=1\n"


def test_a_failed_format_shows_what_java_said(tmp_path: Path) -> None:
    broken = ["/bin/sh", "-c", "echo no such disk >&2; exit 3", "java"]

    with pytest.raises(BrokerError, match=r"Kafka broker 1: formatting .* failed:\nno such disk"):
        Broker(ALONE, [ALONE], tmp_path, broken).configure("cluster")


def test_a_folder_serves_only_clusters_of_its_size(tmp_path: Path) -> None:
    (tmp_path / "broker-1").mkdir()

    with pytest.raises(BrokerError, match="holds a cluster of 1 brokers, not of 3"):
        brokers(tmp_path, THREE, ["/nowhere/java"])
