"""What a person reads when Kafka cannot be reached or refuses something."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError

from app.errors import UndeliveredError
from app.settings import Settings


class KafkaFailedError(UndeliveredError):
    """Kafka could not be reached, or it refused; the text names the brokers that were asked."""


@contextmanager
def kafka_errors_named(settings: Settings) -> Iterator[None]:
    """Turn the client library's errors into ours."""
    try:
        yield
    except KafkaError as error:
        raise KafkaFailedError(f"Kafka at {settings.bootstrap_servers}: {error}") from error


@contextmanager
def one_line_on_failure(settings: Settings) -> Iterator[None]:
    """Do the same for a command that ends soon: the client library's own log would only come before our line."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with kafka_errors_named(settings):
        yield
