"""Errors of the group's coordination: outlasted, or the end of the worker."""

import asyncio
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    GroupAuthorizationFailedError,
    KafkaError,
    UnknownError,
)

from app.faust_batches import group_watch
from app.faust_batches.group_watch import GroupWatch

LOADING = CoordinatorLoadInProgressError()


class Coordinator:
    """Fails as it is told to, once each time somebody has looked; closes its consumer at the end."""

    def __init__(self, *errors: KafkaError | None) -> None:
        self._errors = list(errors)
        self._pending_exception: KafkaError | None = None
        self._coordination_task: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.seen: list[KafkaError] = []
        self.rejoins = 0
        self.consumer: Any = SimpleNamespace(
            _closed=False,
            _coordinator=self,
            _fetcher=SimpleNamespace(_subscriptions=SimpleNamespace(fetch_context=self._next)),
        )

    def _next(self) -> nullcontext[None]:
        if self._errors:
            self._pending_exception = self._errors.pop(0)
        else:
            self.consumer._closed = True
        return nullcontext()

    def check_errors(self) -> None:
        """Raise what is pending, as aiokafka does: with it the coordination goes on."""
        error, self._pending_exception = self._pending_exception, None
        assert error is not None
        self.seen.append(error)
        raise error

    def request_rejoin(self) -> None:
        """Count."""
        self.rejoins += 1


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_watch, "LOOK_S", 0)


async def test_an_error_that_passes_is_looked_at() -> None:
    """So that aiokafka goes on; one of its own retries needs no new membership."""
    coordinator = Coordinator(None, LOADING, None)
    assert await GroupWatch(coordinator.consumer, 60).until_it_fails() is None
    assert (coordinator.seen, coordinator.rejoins) == ([LOADING], 0)


async def test_an_error_that_aiokafka_does_not_retry_makes_it_a_member_anew() -> None:
    error = UnknownError()
    coordinator = Coordinator(error, error)
    assert await GroupWatch(coordinator.consumer, 60).until_it_fails() is None
    assert (coordinator.seen, coordinator.rejoins) == ([error, error], 2)


async def test_errors_in_a_row_end_it_after_a_while() -> None:
    """The worker then ends with the last of them."""
    coordinator = Coordinator(LOADING, LOADING)
    assert await GroupWatch(coordinator.consumer, -1).until_it_fails() is LOADING


async def test_the_time_begins_anew_after_a_look_without_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 150.0, 200.0])
    monkeypatch.setattr(group_watch, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    coordinator = Coordinator(LOADING, LOADING, None, LOADING)
    assert await GroupWatch(coordinator.consumer, 60).until_it_fails() is None
    assert len(coordinator.seen) == 3


async def test_a_refusal_ends_it_at_once() -> None:
    """Only a person can mend it."""
    refused = GroupAuthorizationFailedError()
    assert await GroupWatch(Coordinator(refused).consumer, 60).until_it_fails() is refused


async def test_a_coordination_that_has_ended_ends_it_at_once() -> None:
    """Nothing would ever join again."""
    coordinator = Coordinator(None, None)
    broken = RuntimeError("of the client library")
    coordinator._coordination_task.set_exception(broken)
    assert await GroupWatch(coordinator.consumer, 60).until_it_fails() is broken
