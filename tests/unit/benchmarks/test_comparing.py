from collections.abc import AsyncGenerator
from pathlib import Path

from benchmarks.product.comparing import measure_in_turn
from benchmarks.product.figures import Figure
from benchmarks.product.servers import Checkout
from benchmarks.progress import BenchmarkError

THIS, OTHER = Checkout("this", Path("a")), Checkout("other", Path("b"))


async def test_every_second_round_goes_the_other_way_round() -> None:
    order: list[str] = []

    async def measure(checkout: Checkout) -> AsyncGenerator[Figure, None]:
        order.append(checkout.name)
        yield Figure("p50", "ms", len(order))

    measured = await measure_in_turn(measure, (THIS, OTHER), 2)
    assert order == ["this", "other", "other", "this"]
    assert measured.values == {("p50", "ms"): {"this": [1, 4], "other": [2, 3]}}
    assert measured.failures == []


async def test_a_failure_takes_neither_earlier_figures_nor_the_other_checkout() -> None:
    async def measure(checkout: Checkout) -> AsyncGenerator[Figure, None]:
        yield Figure("memory", "s", 1)
        if checkout is THIS:
            raise BenchmarkError("worker ended with exit code 1")
        yield Figure("rocksdb", "s", 2)

    measured = await measure_in_turn(measure, (THIS, OTHER), 1)
    assert measured.values == {("memory", "s"): {"this": [1], "other": [1]}, ("rocksdb", "s"): {"other": [2]}}
    assert measured.failures == ["this: worker ended with exit code 1"]
