"""``make bench``: prints the figures of one run. Read the ratios: the digits belong to the machine."""

import asyncio
import logging

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import core, engines


def main(events: int = typer.Option(200_000, help="Events for each engine.")) -> None:
    """Measure the pure core and the engines."""
    logging.disable(logging.WARNING)
    console = Console()
    table = Table("pure core, one event", "µs")
    for figure in core.run():
        table.add_row(figure.name, f"{figure.microseconds:.1f}")
    console.print(table)
    rates = asyncio.run(engines.run(events))
    table = Table("engine, the same work", "guarantee", "events/s", "ratio")
    for rate in rates:
        ratio = rate.events_per_s / rates[0].events_per_s
        table.add_row(rate.peer, rate.guarantee, f"{rate.events_per_s:,.0f}", f"{ratio:.2f}")
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
