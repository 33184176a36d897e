"""What a person reads when Kafka cannot be reached or refuses something."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError

from app.errors import UndeliveredError
from app.settings import Settings
from app.stream.first_contact import reasons_kept


class KafkaFailedError(UndeliveredError):
    """Kafka could not be reached, or it refused; the text names the brokers that were asked, and says why."""


@contextmanager
def kafka_errors_named(settings: Settings, *, quiet: bool = False) -> Iterator[None]:
    """Turn the client library's errors into ours; ``quiet``: what it logs itself would only come before our line."""
    with reasons_kept(quiet=quiet) as reasons:
        try:
            yield
        except KafkaError as error:
            raise KafkaFailedError(f"Kafka at {settings.bootstrap_servers}: {reasons.of(error)}") from error
