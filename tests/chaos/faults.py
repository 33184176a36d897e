"""Which faults a run suffers and when: chosen by its seed, by how far the work has come, not by the clock."""

import asyncio
import math
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

_FIRST, _LAST = 0.03, 0.97
"""Shares of the work between which the faults lie, each somewhere in its own part."""


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
    each = (_LAST - _FIRST) / max(1, len(names))
    return [Fault(_FIRST + (place + rng.uniform(0.1, 0.9)) * each, name) for place, name in enumerate(names)]


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
        self.late: list[str] = []
        """Faults that came when the work was over."""
        self._pause_s = pause_s
        self._rng = rng
        self._pool = pool
        self._cluster = cluster
        self._say = say
        self._points = rng.sample(POINTS, len(POINTS))
        self._thawing: list[tuple[float, int]] = []

    @property
    def left(self) -> int:
        """How many have not happened, or not to their end."""
        return len(self._left) + len(self._thawing)

    async def advance(self, progress: float) -> bool:
        """Do what is due at this share of the work; tell whether there was anything to do."""
        self._thaw()
        before = len(self._left)
        while self._left and self._left[-1].at <= progress:
            fault = self._left.pop()
            detail = await self._do(fault.name)
            share = f"{progress:5.0%}" if progress <= 1 else " late"
            self._say(f"{share} {fault.name}{detail}")
        return len(self._left) < before

    async def finish(self) -> None:
        """Do what is left although the work is over, and remember that it came late."""
        self.late += [fault.name for fault in reversed(self._left)]
        await self.advance(math.inf)

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


_STARTING = POINTS.index("started")
"""The points up to this one are reached once at each assignment."""
