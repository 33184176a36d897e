"""What the gateway shows to those who look after it."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.gateway.http.answers import Answer, refusal
from app.gateway.http.request import Exchange, Head, Visit


class Page:
    """A page that is the same for everybody, made anew for each request."""

    def __init__(self, make: Callable[[], Awaitable[Answer]]) -> None:
        self._make = make
        self._making: set[asyncio.Task[None]] = set()

    def take(self, body: bytes, exchange: Exchange) -> None:  # noqa: ARG002 - nobody sends one
        """Make it."""
        task = asyncio.create_task(self._answer(exchange))
        self._making.add(task)
        task.add_done_callback(self._making.discard)

    def given_up(self, status: int, cause: str) -> None:
        """Nothing depends on it."""

    async def _answer(self, exchange: Exchange) -> None:
        exchange.answer(await self._make())


def health(obstacle: Callable[[], Awaitable[str]], *, reasons: bool) -> dict[str, Visit]:
    """Return ``/livez`` and ``/readyz``; ``obstacle`` says what keeps webhooks from being stored.

    Strangers learn only whether something does: ``reasons`` are for those who look after it.
    """

    async def live() -> Answer:
        return Answer(200, orjson.dumps({"live": True}))

    async def ready() -> Answer:
        reason = await obstacle()
        told = {"ready": not reason} | ({"reason": reason} if reason and reasons else {})
        return Answer(503 if reason else 200, orjson.dumps(told))

    return {"/livez": Page(live), "/readyz": Page(ready)}


def _registry() -> CollectorRegistry:
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


class Metrics:
    """The application on the metrics' own port."""

    def __init__(self, pages: Mapping[str, Visit]) -> None:
        async def metrics() -> Answer:
            return Answer(200, generate_latest(_registry()), CONTENT_TYPE_LATEST)

        self._pages = {**pages, "/metrics": Page(metrics)}

    def admit(self, head: Head) -> Visit | Answer:
        """Look for the page."""
        page = self._pages.get(head.path)
        if page is None:
            return refusal(404, "path")
        return page if head.method in {"GET", "HEAD"} else refusal(405, "method")

    def refused(self, status: int, cause: str) -> None:
        """Nobody counts these."""
