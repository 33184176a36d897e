"""Figures, and how those of several runs and checkouts stand side by side."""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.table import Table

_MILLI = 1000


class Figure(NamedTuple):
    """What was measured once."""

    name: str
    unit: str
    value: float


Values = dict[tuple[str, str], dict[str, list[float]]]
"""By name and unit: each checkout's values, one a round."""


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def longest_pause(arrivals: Sequence[float], start: float, end: float) -> float:
    """Return the longest time within a window in which nothing arrived."""
    moments = [start, *(at for at in arrivals if start < at < end), end]
    return max(after - before for before, after in itertools.pairwise(moments))


def milliseconds(name: str, seconds: float) -> Figure:
    """Return a figure in milliseconds."""
    return Figure(name, "ms", seconds * _MILLI)


def shown(value: float) -> str:
    """Return three digits that count, or all before the point; whole numbers as they are."""
    if value == int(value):
        return f"{value:,.0f}"
    digits = next((digits for digits, least in ((0, 100), (1, 10), (2, 1)) if abs(value) >= least), 3)
    return f"{value:,.{digits}f}"


def table_of(title: str, values: Values, checkouts: Sequence[str]) -> Table:
    """Return the medians of all rounds; with two checkouts also the ratio of the first to the second."""
    table = Table(title, "unit", title_justify="left")
    for name in checkouts:
        table.add_column(name, justify="right")
    if len(checkouts) > 1:
        table.add_column(" / ".join(checkouts), justify="right")
    for (name, unit), by_checkout in values.items():
        medians = {each: statistics.median(found) for each, found in by_checkout.items()}
        table.add_row(name, unit, *_cells(medians, checkouts))
    return table


def _cells(medians: Mapping[str, float], checkouts: Sequence[str]) -> list[str]:
    cells = [shown(medians[each]) if each in medians else "failed" for each in checkouts]
    if len(checkouts) > 1:
        first, second = (medians.get(each) for each in checkouts)
        cells.append(f"{first / second:.2f}" if first is not None and second else "")
    return cells
