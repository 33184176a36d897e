"""``docker-compose.kafka.yml`` against what the product needs of a production cluster."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import Settings

COMPOSE = Path(__file__).parents[2] / "docker-compose.kafka.yml"
REPLICAS = 3


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return loaded


def test_topics_can_be_created_as_the_header_says(services: dict[str, Any]) -> None:
    """The settings named in the file's header fit its brokers."""
    settings = Settings(replication=REPLICAS, min_insync_replicas=2)
    for service in services.values():
        environment = service["environment"]
        assert len(services) == settings.replication == environment["KAFKA_DEFAULT_REPLICATION_FACTOR"]
        assert settings.min_insync_replicas == environment["KAFKA_MIN_INSYNC_REPLICAS"]


def test_transactions_and_offsets_survive_one_broker(services: dict[str, Any]) -> None:
    """Internal topics are as safe as the data."""
    for service in services.values():
        environment = service["environment"]
        assert environment["KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR"] == REPLICAS
        assert environment["KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"] == REPLICAS
        assert environment["KAFKA_TRANSACTION_STATE_LOG_MIN_ISR"] == 2
        assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_each_broker_is_reached_on_its_own_port(services: dict[str, Any]) -> None:
    """What a broker advertises to the host is what is published, on the loopback address only."""
    published = []
    for name, service in services.items():
        environment = service["environment"]
        advertised = dict(part.split("://") for part in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
        listened = dict(part.split("://") for part in environment["KAFKA_LISTENERS"].split(","))
        port = advertised["HOST"].removeprefix("127.0.0.1:")
        assert listened["HOST"] == f":{port}"
        assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert advertised["INTERNAL"] == f"{name}:9092"
        assert f"{environment['KAFKA_NODE_ID']}@{name}:9093" in environment["KAFKA_CONTROLLER_QUORUM_VOTERS"]
        published.append(port)
    assert len(set(published)) == REPLICAS
