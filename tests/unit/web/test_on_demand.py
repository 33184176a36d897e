import asyncio
import logging

import pytest
from aiohttp import web
from aiokafka.errors import KafkaConnectionError

from app.web.on_demand import OverviewOnDemand
from app.web.overview import Overview

SOON_S = 0.05


class _Source:
    """Stands in for the topics."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.followed: list[Overview] = []
        self.open = 0

    async def follow(self, overview: Overview) -> None:
        self.followed.append(overview)
        self.open += 1
        try:
            if self.broken:
                raise KafkaConnectionError("broker 10.0.0.1 is away")
            overview.caught_up = True
            await asyncio.Event().wait()
        finally:
            self.open -= 1


def on_demand(source: _Source, *, unwatched_s: float = SOON_S, retry_s: float = SOON_S) -> OverviewOnDemand:
    return OverviewOnDemand(source.follow, unwatched_s=unwatched_s, retry_s=retry_s)


async def test_nothing_is_read_before_somebody_asks() -> None:
    """The first answer is not caught up, a later one is."""
    source = _Source()
    reader = on_demand(source, unwatched_s=60)
    await asyncio.sleep(0)
    assert source.followed == []
    assert not reader.read().caught_up
    await asyncio.sleep(0)
    assert reader.read().caught_up
    assert len(source.followed) == 1
    await reader.close(web.Application())


async def test_it_goes_on_while_somebody_asks() -> None:
    source = _Source()
    reader = on_demand(source, unwatched_s=0.3)
    for _ in range(10):
        reader.read()
        await asyncio.sleep(SOON_S)
    assert (len(source.followed), source.open) == (1, 1)
    await reader.close(web.Application())


async def test_it_stops_and_forgets_when_nobody_asks_for_a_while() -> None:
    """Whoever asks then begins anew."""
    source = _Source()
    reader = on_demand(source)
    first = reader.read()
    await asyncio.sleep(4 * SOON_S)
    assert source.open == 0
    second = reader.read()
    assert second is not first
    assert not second.caught_up
    await asyncio.sleep(0)
    assert (len(source.followed), source.open, reader.read()) == (2, 1, second)
    await reader.close(web.Application())


async def test_an_error_ends_the_reading_and_the_next_request_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the kind of error and where, not what it says."""
    source = _Source(broken=True)
    reader = on_demand(source, unwatched_s=60, retry_s=0)
    with caplog.at_level(logging.WARNING):
        reader.read()
        await asyncio.sleep(0)
    assert len(caplog.messages) == 1
    assert "stopped reading: KafkaConnectionError in test_on_demand.py:" in caplog.messages[0]
    assert "10.0.0.1" not in caplog.text
    source.broken = False
    reader.read()
    await asyncio.sleep(0)
    assert reader.read().caught_up
    await reader.close(web.Application())


async def test_requests_soon_after_an_error_do_not_hammer_the_brokers(caplog: pytest.LogCaptureFixture) -> None:
    """They are answered with an overview that is not caught up, and leave no line in the log."""
    source = _Source(broken=True)
    reader = on_demand(source, unwatched_s=60, retry_s=60)
    for _ in range(20):
        assert not reader.read().caught_up
        await asyncio.sleep(0)
    assert (len(source.followed), len(caplog.messages)) == (1, 1)
    await reader.close(web.Application())


async def test_closing_waits_until_what_was_opened_is_closed() -> None:
    source = _Source()
    reader = on_demand(source, unwatched_s=60)
    reader.read()
    await asyncio.sleep(0)
    await reader.close(web.Application())
    await reader.close(web.Application())
    assert source.open == 0
