"""Workers that are killed, frozen, refused or late at an exact point of their work lose nothing and double nothing."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.broker import Cluster
from app.faust_batches.faults import POINTS
from tests.chaos.stepping import Trial, ended, frozen

RECORDS = 240
AT_ONCE = 6
STARTING = POINTS[: POINTS.index("closed")]
"""Points that a worker passes once, before its first batch."""


@pytest.fixture
def own_kafka() -> Iterator[Cluster]:
    """Run a broker that nobody else needs."""
    with Cluster() as cluster:
        yield cluster


async def survive(trial: Trial, point: str) -> bool:
    """Let a worker be killed at a point, and another one finish; tell whether all came out right."""
    await trial.create_topics()
    await trial.produce(RECORDS)
    if point == "recovering":
        # something must be there to recover
        with trial.worker(kill_at="stored:3") as first:
            assert await ended(first) == -signal.SIGKILL
    with trial.worker(kill_at=f"{point}:{1 if point in STARTING else 3}") as second:
        assert await ended(second) == -signal.SIGKILL
    with trial.worker() as last:
        await trial.finish(last)
        last.terminate()
        assert await ended(last) == 0
    return await trial.result() == trial.exactly_once


async def test_a_kill_at_any_point_of_the_work_costs_nothing(kafka: Cluster, tmp_path: Path) -> None:
    """Killed at each point of a worker's life in turn: every record comes out once and counts once."""
    few = asyncio.Semaphore(AT_ONCE)

    async def one(point: str) -> bool:
        async with few:
            return await survive(Trial(kafka.bootstrap, f"point-{point}", tmp_path), point)

    survived = await asyncio.gather(*map(one, POINTS))
    assert dict(zip(POINTS, survived, strict=True)) == dict.fromkeys(POINTS, True)


async def test_a_worker_frozen_in_a_transaction_does_not_win(kafka: Cluster, tmp_path: Path) -> None:
    """All but the commit was done when it froze: its successor did the work again, and it goes on as a member anew."""
    trial = Trial(kafka.bootstrap, "frozen", tmp_path)
    await trial.create_topics()
    await trial.produce(RECORDS)
    with trial.worker(freeze_at="delivered:3") as late:
        await frozen(late)
        with trial.worker() as successor:
            await trial.finish(successor)
            late.send_signal(signal.SIGCONT)
            await trial.produce(RECORDS)
            await trial.finish(successor)
            successor.kill()
            await trial.produce(RECORDS)
            await trial.finish(late)
    assert await trial.result() == trial.exactly_once


async def test_a_transaction_that_times_out_is_done_again(kafka: Cluster, tmp_path: Path) -> None:
    """The broker ended the transaction of a worker that took too long: the same worker does the work again."""
    trial = Trial(kafka.bootstrap, "timed-out", tmp_path, transaction_timeout_s=1)
    await trial.create_topics()
    await trial.produce(RECORDS)
    with trial.worker(freeze_at="delivered:3") as late:
        await frozen(late)
        await trial.wait_until_no_transaction_is_open()
        late.send_signal(signal.SIGCONT)
        await trial.finish(late)
    assert await trial.result() == trial.exactly_once


async def test_a_refused_produce_stops_the_worker_and_loses_nothing(kafka: Cluster, tmp_path: Path) -> None:
    """The broker refuses the output: the worker ends with nothing committed, and the next one does all of it."""
    trial = Trial(kafka.bootstrap, "refused", tmp_path)
    await trial.create_topics()
    await trial.limit_output(80)
    await trial.produce(RECORDS)
    with trial.worker() as refused:
        assert await ended(refused) != 0
    assert await trial.result() == (Counter(), 0)
    await trial.limit_output(1_000_000)
    with trial.worker() as successor:
        await trial.finish(successor)
    assert await trial.result() == trial.exactly_once


async def test_a_broker_that_stalls_costs_time_only(own_kafka: Cluster, tmp_path: Path) -> None:
    """A broker that answers nobody for longer than the session time-out; `make chaos` does it for a minute."""
    trial = Trial(own_kafka.bootstrap, "stalled", tmp_path)
    await trial.create_topics()
    await trial.produce(RECORDS)
    with trial.worker(freeze_at="delivered:3") as worker:
        await frozen(worker)
        own_kafka.brokers[0].pause()
        worker.send_signal(signal.SIGCONT)
        await asyncio.sleep(10)
        own_kafka.brokers[0].resume()
        await trial.finish(worker)
        await trial.produce(RECORDS)
        await trial.finish(worker)
    assert await trial.result() == trial.exactly_once
