"""When faults happen: spread over the whole of the work, and said where they came too late."""

from random import Random
from typing import cast

from app.broker import Cluster
from tests.chaos.faults import Injector, Plan, schedule
from tests.chaos.product import Pool

NOTHING = Plan(0, 0, 0, 0, 60, 0)


class Workers:
    """A pool without processes."""

    def __init__(self) -> None:
        self.workers = dict.fromkeys(range(3))
        self.armed: set[int] = set()
        self.killed: list[str] = []

    def kill(self, slot: int, successor_dies_at: str = "") -> None:
        """Remember it."""
        self.killed.append(successor_dies_at)
        if successor_dies_at:
            self.armed.add(slot)


def injector_of(plan: Plan, pool: Workers, said: list[str]) -> Injector:
    rng = Random(1)  # noqa: S311 - faults, no secret
    return Injector(schedule(plan, rng), 1, rng, cast("Pool", pool), cast("Cluster", None), said.append)


def test_faults_are_spread_from_the_beginning_to_the_end() -> None:
    """Each of 20 faults (12 kills are six of them) lies in its own twentieth of 3 to 97 % of the work."""
    for seed in range(50):
        plan = Plan(12, 4, 4, 3, 60, 3)
        shares = [fault.at for fault in schedule(plan, Random(seed))]  # noqa: S311 - faults, no secret
        assert [int((share - 0.03) / 0.94 * 20) for share in shares] == list(range(20))


def test_a_run_without_faults_has_an_empty_schedule() -> None:
    assert schedule(NOTHING, Random(1)) == []  # noqa: S311 - faults, no secret


async def test_a_fault_comes_when_its_share_is_done_and_no_sooner() -> None:
    pool, said = Workers(), list[str]()
    injector = injector_of(NOTHING._replace(kills=3), pool, said)
    assert not await injector.advance(0.03)
    assert await injector.advance(0.5)
    assert injector.left == 1
    assert await injector.advance(0.97)
    assert (injector.left, injector.late) == (0, [])
    assert sorted(map(bool, pool.killed)) == [False, True]


async def test_faults_that_are_left_when_the_work_is_over_come_late_and_are_named() -> None:
    pool, said = Workers(), list[str]()
    injector = injector_of(NOTHING._replace(kills=1), pool, said)
    await injector.finish()
    assert (injector.left, injector.late, len(pool.killed)) == (0, ["kill"], 1)
    assert said[0].startswith(" late kill: worker ")
