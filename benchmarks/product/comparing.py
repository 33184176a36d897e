"""Measures one checkout, or two in turn in one run."""

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple

from aiokafka.errors import KafkaError

from benchmarks.product.figures import Figure, Values
from benchmarks.product.servers import Checkout
from benchmarks.progress import BenchmarkError, say

Measure = Callable[[Checkout], AsyncGenerator[Figure, None]]
"""Measures everything once on processes of its own."""


class Measured(NamedTuple):
    """What came of it."""

    values: Values
    failures: list[str]
    """Why figures are missing."""


async def measure_in_turn(measure: Measure, checkouts: Sequence[Checkout], rounds: int) -> Measured:
    """Measure each checkout so often; every second round goes the other way round, so that a drift hits both alike."""
    values: Values = {}
    failures: list[str] = []
    for number in range(rounds):
        for checkout in checkouts[:: -1 if number % 2 else 1]:
            say(f"{checkout.name}: round {number + 1} of {rounds}")
            try:
                async with contextlib.aclosing(measure(checkout)) as figures:
                    async for figure in figures:
                        row = values.setdefault((figure.name, figure.unit), {})
                        row.setdefault(checkout.name, []).append(figure.value)
            except (BenchmarkError, KafkaError) as error:
                failures.append(f"{checkout.name}: {error}")
    return Measured(values, failures)
