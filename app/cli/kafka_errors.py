"""What a person reads when Kafka cannot be reached or refuses something."""

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaConnectionError, KafkaError

from app.errors import UndeliveredError
from app.settings import Settings

_MOST_REASONS = 3

_client_log = logging.getLogger("aiokafka")


class KafkaFailedError(UndeliveredError):
    """Kafka could not be reached, or it refused; the text names the brokers that were asked, and says why."""


class _Reasons(logging.Handler):
    """Keeps why the last brokers could not be used, a wrong password or an unknown certificate.

    aiokafka logs each of these errors, and in the end raises one that tells none of them.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = deque[str](maxlen=_MOST_REASONS)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the errors among what the line is made of."""
        if isinstance(record.args, tuple):
            self._last += [str(each) or type(each).__name__ for each in record.args if isinstance(each, Exception)]

    def of(self, error: KafkaError) -> str:
        """Return why there was this error."""
        without_reason = isinstance(error, KafkaConnectionError) and "Unable to bootstrap" in str(error)
        return "; ".join(dict.fromkeys(self._last)) if without_reason and self._last else str(error)


@contextmanager
def kafka_errors_named(settings: Settings) -> Iterator[None]:
    """Turn the client library's errors into ours."""
    reasons = _Reasons()
    _client_log.addHandler(reasons)
    try:
        yield
    except KafkaError as error:
        raise KafkaFailedError(f"Kafka at {settings.bootstrap_servers}: {reasons.of(error)}") from error
    finally:
        _client_log.removeHandler(reasons)


@contextmanager
def one_line_on_failure(settings: Settings) -> Iterator[None]:
    """Do the same for a command that ends soon: the client library's own log would only come before our line."""
    _client_log.propagate = False
    try:
        with kafka_errors_named(settings):
            yield
    finally:
        _client_log.propagate = True
