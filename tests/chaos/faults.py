"""Which faults a run suffers and when: chosen by its seed, by how far the work has come, not by the clock."""

import asyncio
import signal
import time
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from app.broker import Cluster
from app.faust_batches.faults import POINTS
from tests.chaos.product import Pool

FROZEN_S = 10.0
"""Longer than the session time-out."""


class Plan(NamedTuple):
    """How many faults of each kind."""

    kills: int
    rebalances: int
    """Workers that join or leave."""
    broker_restarts: int
    broker_pauses: int
    pause_s: float
    freezes: int
    """Workers that stand still past their session time-out and go on."""


class Fault(NamedTuple):
    """One fault."""

    at: float
    """Share of the work done by then."""
    name: str


def schedule(plan: Plan, rng: Random) -> list[Fault]:
    """Return the faults in their order; every second kill is one by the successor's own hand, at a chosen point."""
    outside = (plan.kills + 1) // 2
    names = ["kill and kill the successor"] * (plan.kills // 2) + ["kill"] * (outside - plan.kills // 2)
    names += [("join", "leave")[number % 2] for number in range(plan.rebalances)]
    names += ["broker restart"] * plan.broker_restarts
    names += ["broker pause"] * plan.broker_pauses + ["freeze"] * plan.freezes
    rng.shuffle(names)
    _let_joins_come_first(names)
    return [Fault(at, name) for at, name in zip(sorted(rng.uniform(0.02, 0.9) for _ in names), names, strict=True)]


def _let_joins_come_first(names: list[str]) -> None:
    places = [place for place, name in enumerate(names) if name in {"join", "leave"}]
    for number, place in enumerate(places):
        names[place] = ("join", "leave")[number % 2]


class Injector:
    """Does the faults of a schedule as their time comes."""

    def __init__(
        self, faults: list[Fault], pause_s: float, rng: Random, pool: Pool, cluster: Cluster, say: Callable[[str], None]
    ) -> None:
        self._left = faults[::-1]
        self._pause_s = pause_s
        self._rng = rng
        self._pool = pool
        self._cluster = cluster
        self._say = say
        self._points = rng.sample(POINTS, len(POINTS))
        self._thawing: list[tuple[float, int]] = []

    @property
    def done(self) -> bool:
        """Whether all have happened."""
        return not self._left and not self._thawing

    async def advance(self, progress: float) -> None:
        """Do what is due at this share of the work."""
        self._thaw()
        while self._left and self._left[-1].at <= progress:
            fault = self._left.pop()
            detail = await self._do(fault.name)
            self._say(f"{progress:5.0%} {fault.name}{detail}")

    async def _do(self, name: str) -> str:
        busy = self._pool.armed | {slot for _, slot in self._thawing}
        slot = self._rng.choice(sorted(self._pool.workers.keys() - busy) or sorted(self._pool.workers))
        match name:
            case "join":
                return f": worker {self._pool.join().slot}"
            case "leave":
                await asyncio.to_thread(self._pool.leave, slot)
            case "kill":
                self._pool.kill(slot)
            case "kill and kill the successor":
                self._points.insert(0, point := self._points.pop())
                dies_at = f"{point}:{self._rng.randrange(2, 12) if POINTS.index(point) > _STARTING else 1}"
                self._pool.kill(slot, dies_at)
                return f": worker {slot}, its successor at {dies_at}"
            case "freeze":
                self._pool.workers[slot].signal(signal.SIGSTOP)
                self._thawing.append((time.monotonic() + FROZEN_S, slot))
            case _:
                return await self._disturb_broker(name)
        return f": worker {slot}"

    async def _disturb_broker(self, name: str) -> str:
        broker = self._rng.choice(self._cluster.brokers)
        if name == "broker pause":
            broker.pause()
            await asyncio.sleep(self._pause_s)
            broker.resume()
            return f": broker {broker.node.id}, {self._pause_s:.0f} s"
        how = self._rng.choice(("stop", "kill"))
        await asyncio.to_thread(getattr(broker, how))
        await asyncio.to_thread(broker.start)
        return f": broker {broker.node.id}, {how} and start"

    def _thaw(self) -> None:
        for due, slot in list(self._thawing):
            if time.monotonic() >= due:
                self._thawing.remove((due, slot))
                if slot in self._pool.workers:
                    self._pool.workers[slot].signal(signal.SIGCONT)
                    self._say(f"      worker {slot} goes on")


_STARTING = POINTS.index("sought")
"""The points up to this one are reached once at each assignment."""
