"""The first thing a worker asks of the brokers: they may be starting, or refuse it for good."""

import logging
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaConnectionError, KafkaError

from app.errors import RetriesExhaustedError
from app.faust_batches.wire.brokers import Attempts

_MOST_REASONS = 3

_client_log = logging.getLogger("aiokafka")


class Reasons(logging.Handler):
    """Keeps why the last brokers could not be used, a wrong password or an unknown certificate.

    aiokafka logs each of these errors, and in the end raises one that tells none of them.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = deque[Exception](maxlen=_MOST_REASONS)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the errors among what the line is made of."""
        if isinstance(record.args, tuple):
            self._last += [each for each in record.args if isinstance(each, Exception)]

    def of(self, error: KafkaError) -> str:
        """Return why there was this error."""
        without_reason = isinstance(error, KafkaConnectionError) and "Unable to bootstrap" in str(error)
        reasons = [str(each) or type(each).__name__ for each in self._last]
        return "; ".join(dict.fromkeys(reasons)) if without_reason and reasons else str(error)

    @property
    def refused(self) -> bool:
        """Whether a broker is there and will not have us, now or later."""
        return any(
            isinstance(each, ssl.SSLError) or (isinstance(each, KafkaError) and not each.retriable)
            for each in self._last
        )


@contextmanager
def reasons_kept(*, quiet: bool) -> Iterator[Reasons]:
    """Listen to what aiokafka logs; ``quiet``: nobody else hears it."""
    reasons = Reasons()
    _client_log.addHandler(reasons)
    propagated, _client_log.propagate = _client_log.propagate, _client_log.propagate and not quiet
    try:
        yield reasons
    finally:
        _client_log.removeHandler(reasons)
        _client_log.propagate = propagated


async def patiently(ask: Callable[[], Awaitable[None]], what: str, patience_s: float) -> None:
    """Ask until brokers that are starting have answered, as in a rolling restart.

    Raises the brokers' own error where asking again does not help, or has not for so long.
    """
    attempts = Attempts(what, patience_s)
    while True:
        with reasons_kept(quiet=True) as reasons:
            try:
                return await ask()
            except KafkaError as error:
                if reasons.refused:
                    raise
                problem = error
        try:
            await attempts.wait(problem)
        except RetriesExhaustedError:
            raise problem from None
