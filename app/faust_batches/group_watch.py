"""Looks at the group's coordination, which aiokafka stops at any error that it did not expect, until somebody looks."""

import asyncio
import contextlib
import logging
import time
from typing import Any

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    KafkaError,
    TopicAuthorizationFailedError,
)

log = logging.getLogger(__name__)

LOOK_S = 1.0
_REFUSALS = (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    TopicAuthorizationFailedError,
)
"""What a person must mend."""


class GroupWatch:
    """Watches over one consumer; ``patience_s``: how long errors in a row may go on."""

    def __init__(self, consumer: Any, patience_s: float) -> None:
        self._consumer = consumer
        self._coordinator: Any = consumer._coordinator  # noqa: SLF001 - pinned version
        self._patience_s = patience_s
        self._failing_since: float | None = None

    async def until_it_fails(self) -> BaseException | None:
        """Look again and again, whether anything runs or not.

        Returns the error that does not pass, or has not in time; None when the consumer was closed.
        """
        while not self._consumer._closed:  # noqa: SLF001 - pinned version
            # says that the consumer is alive: an idle one leaves its group
            with self._consumer._fetcher._subscriptions.fetch_context():  # noqa: SLF001
                await asyncio.sleep(LOOK_S)
            error = self._error()
            if error is None:
                self._failing_since = None
            elif self._consumer._closed:  # noqa: SLF001
                break
            elif not self._outlasts(error):
                return error
        return None

    def _error(self) -> BaseException | None:
        ended = self._coordinator._coordination_task  # noqa: SLF001 - pinned version
        ending: BaseException | None = ended.exception() if ended.done() and not ended.cancelled() else None
        pending: BaseException | None = self._coordinator._pending_exception  # noqa: SLF001
        return ending or pending

    def _outlasts(self, error: BaseException) -> bool:
        """Go on after an error, as a member anew."""
        now = time.monotonic()
        self._failing_since = self._failing_since or now
        fatal = isinstance(error, _REFUSALS) or self._coordinator._coordination_task.done()  # noqa: SLF001 - pinned version
        if fatal or now - self._failing_since > self._patience_s:
            return False
        log.warning("group: %s, still trying", type(error).__name__)
        with contextlib.suppress(KafkaError):
            self._coordinator.check_errors()
        if not getattr(error, "retriable", False):
            self._coordinator.request_rejoin()
        return True
