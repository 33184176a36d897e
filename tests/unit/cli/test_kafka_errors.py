"""Why Kafka could not be reached, for whoever reads the one line."""

import logging

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from app.broker.server import free_ports
from app.cli.kafka_errors import KafkaFailedError, kafka_errors_named
from app.settings import Settings

SOMEWHERE = Settings(bootstrap_servers="kafka:9092")
LOG = logging.getLogger("aiokafka")


def fail(error: KafkaError, *logged: Exception) -> None:
    """Do as aiokafka does: log each broker's error, raise one in the end."""
    for each in logged:
        LOG.error('Unable connect to "%s:%s": %s', "kafka", 9092, each)
    raise error


async def test_the_reason_of_each_broker_is_told() -> None:
    """The client library itself raises nothing but that all failed."""
    first, second = free_ports(2)
    settings = Settings(bootstrap_servers=f"127.0.0.1:{first},127.0.0.1:{second}")
    client = AIOKafkaClient(bootstrap_servers=settings.bootstrap_servers)

    with pytest.raises(KafkaFailedError) as raised, kafka_errors_named(settings):
        await client.bootstrap()

    text = str(raised.value)
    assert text.startswith(f"Kafka at 127.0.0.1:{first},127.0.0.1:{second}: [Errno ")
    assert text.count("Connect call failed") == 2


def test_the_same_reason_of_several_brokers_is_told_once() -> None:
    """One without a text is told by its name."""
    with pytest.raises(KafkaFailedError) as raised, kafka_errors_named(SOMEWHERE):
        fail(KafkaConnectionError("Unable to bootstrap from []"), TimeoutError(), TimeoutError())

    assert str(raised.value) == "Kafka at kafka:9092: TimeoutError"


def test_an_error_that_tells_its_own_reason_is_told_as_it_is() -> None:
    """A broker that could not be reached before is not why."""
    with pytest.raises(KafkaFailedError) as raised, kafka_errors_named(SOMEWHERE):
        fail(UnknownTopicOrPartitionError(), TimeoutError())

    assert str(raised.value) == "Kafka at kafka:9092: [Error 3] UnknownTopicOrPartitionError"


def test_nothing_is_listened_to_afterwards() -> None:
    before = list(LOG.handlers)

    with kafka_errors_named(SOMEWHERE):
        assert len(LOG.handlers) == len(before) + 1

    assert LOG.handlers == before
