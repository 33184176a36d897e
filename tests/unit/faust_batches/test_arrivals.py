"""What waits to be reduced: in which order it comes out, and how much may wait."""

import asyncio

from app.faust_batches import Batch
from app.faust_batches.arrivals import Arrivals
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.task import AgentDeclaration, Task
from app.faust_batches.transaction import BROKER_LIMITS
from tests.unit.faust_batches.small_work import TABLE, Aside, Counting, Taken, batch, new_task


def offsets(taken: Batch) -> list[int]:
    return [record.offset for record in taken.records]


def task_of(agent: str, partition: int = 0) -> Task:
    declaration = AgentDeclaration(agent, (agent,), (TABLE,), lambda _: Counting(), patient=False)
    return Task(declaration, partition, {TABLE: MemoryRows()}, BROKER_LIMITS, Aside())


def waiting(agent: str, *numbers: int, partition: int = 0) -> Batch:
    return batch(*(Taken(number, topic=agent, partition=partition) for number in numbers))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_came_of_a_partition_in_several_fetches_is_one_batch() -> None:
    """It reaches the partition's end when its last part does."""
    task, arrivals = new_task(), Arrivals(100)
    arrivals.add(task, batch(Taken(0))._replace(reaches_end=True))
    arrivals.add(task, batch(Taken(1), Taken(2)))
    arrivals.add(task, batch(Taken(3))._replace(reaches_end=True))
    owner, taken = arrivals.take(100)
    assert (owner, offsets(taken), taken.reaches_end, arrivals.load) == (task, [0, 1, 2, 3], True, 0)
    assert not arrivals


def test_the_first_of_a_batch_do_not_reach_its_end() -> None:
    arrivals = Arrivals(100)
    arrivals.add(new_task(), batch(*map(Taken, range(3)))._replace(reaches_end=True))
    first, last = arrivals.take(2)[1], arrivals.take(2)[1]
    assert (offsets(first), first.reaches_end) == ([0, 1], False)
    assert (offsets(last), last.reaches_end) == ([2], True)


def test_the_batches_of_an_agent_follow_one_another() -> None:
    """Whatever the order in which they came."""
    arrivals = Arrivals(100)
    for partition in (1, 0):
        for agent in ("suppress", "normalize"):
            arrivals.add(task_of(agent, partition), waiting(agent, 7, partition=partition))
    taken = [arrivals.take(100)[1] for _ in range(4)]
    assert [each[:2] for each in taken] == [("normalize", 0), ("normalize", 1), ("suppress", 0), ("suppress", 1)]


def test_what_waits_has_its_turn_before_what_comes_later() -> None:
    """An agent whose input never ends does not keep the others from theirs."""
    arrivals = Arrivals(100)
    first, second = task_of("a"), task_of("b")
    arrivals.add(first, waiting("a", 0))
    arrivals.add(second, waiting("b", 0))
    seen = []
    for number in range(1, 4):
        seen.append(arrivals.take(100)[1].topic)
        arrivals.add(first, waiting("a", number))
    seen.append(arrivals.take(100)[1].topic)
    assert seen == ["a", "b", "a", "a"]


async def test_fetching_waits_while_too_much_waits() -> None:
    task = new_task()
    arrivals = Arrivals(3)
    arrivals.add(task, batch(Taken(0), Taken(1)))
    await asyncio.wait_for(arrivals.room(), 1)
    arrivals.add(task, batch(Taken(2)))
    waiting = asyncio.create_task(arrivals.room())
    await settle()
    assert not waiting.done()
    taken = arrivals.take(1)
    await settle()
    assert waiting.done()
    assert (offsets(taken[1]), offsets(arrivals.take(5)[1]), arrivals.load) == ([0], [1, 2], 0)


async def test_nobody_waits_for_room_in_what_is_closed() -> None:
    arrivals = Arrivals(1)
    arrivals.add(new_task(), batch(Taken(0)))
    arrivals.close()
    await asyncio.wait_for(arrivals.room(), 1)
    assert not arrivals


async def test_large_records_fill_what_may_wait_sooner() -> None:
    """Ten of a megabyte are as many as thousands of usual size."""
    arrivals = Arrivals(1000)
    arrivals.add(new_task(), batch(*(Taken(number, b"x" * 1_000_000) for number in range(5))))
    waiting = asyncio.create_task(arrivals.room())
    await settle()
    assert not waiting.done()
    arrivals.close()
    await waiting
