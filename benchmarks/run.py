"""``make bench``: prints the figures of one run. Read the ratios: the digits belong to the machine."""

import asyncio
import logging
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from benchmarks import core, engines
from benchmarks.product import gateway, idle, latency, rebalance, recovery, soak, throughput
from benchmarks.product.comparing import Measure, measure_in_turn
from benchmarks.product.figures import shown, table_of
from benchmarks.product.servers import Checkout
from benchmarks.progress import BenchmarkError

THIS = Checkout("this", Path(__file__).parents[1])
_RATES = "1,20,100,300,1000"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_console = Console()

Seconds = Annotated[int, typer.Option(min=1, help="How long each measurement lasts.")]


class Plan(NamedTuple):
    """What is measured, and how often."""

    checkouts: tuple[Checkout, ...]
    rounds: int


@app.callback(invoke_without_command=True)
def main(
    ctx: typer.Context,
    other: Annotated[
        Path | None, typer.Option(help="Another checkout with its .venv: measured in turn with this one.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="How often; medians are shown. Default: 1, with another checkout 2.")
    ] = None,
) -> None:
    """Measure the product as an operator runs it, the pure core and the engines; without a command: everything."""
    logging.disable(logging.ERROR)  # a client that tries again says so; what it cannot mend it raises
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    checkouts = (THIS,) if other is None else (THIS, Checkout("other", other))
    ctx.obj = Plan(checkouts, rounds or len(checkouts))
    if ctx.invoked_subcommand is None:
        _everything(ctx)


@app.command("core")
def show_core() -> None:
    """CPU of the pure core, without Kafka; this checkout alone."""
    table = Table("pure core, one event", "µs")
    for figure in core.run():
        table.add_row(figure.name, f"{figure.microseconds:.1f}")
    _console.print(table)


@app.command("engines")
def show_engines(events: Annotated[int, typer.Option(min=1, help="Events for each engine.")] = 30_000) -> None:
    """The same trivial work on different engines; this checkout alone."""
    try:
        rates = asyncio.run(engines.run(THIS.command, events))
    except (BenchmarkError, KafkaError) as error:
        _report([str(error)])
        return
    table = Table("engine, the same work", "guarantee", "events/s", "ratio")
    for rate in rates:
        if rate.events_per_s is None:
            table.add_row(rate.peer, rate.guarantee, f"failed: {rate.failure.splitlines()[-1]}", "")
        else:
            ratio = shown(rate.events_per_s / first) if (first := rates[0].events_per_s) else ""
            table.add_row(rate.peer, rate.guarantee, f"{rate.events_per_s:,.0f}", ratio)
    _console.print(table)
    _report([f"{rate.peer}: {rate.failure}" for rate in rates if rate.events_per_s is None])


@app.command("latency")
def show_latency(
    ctx: typer.Context,
    rates: Annotated[str, typer.Option(help="Webhooks a second, separated by commas.")] = _RATES,
    seconds: Seconds = 8,
) -> None:
    """From a webhook to its suppression, readable by read_committed readers; one worker, at different rates."""
    try:
        wanted = [int(rate) for rate in rates.split(",")]
    except ValueError:
        wanted = []
    if not wanted or min(wanted) < 1:
        raise typer.BadParameter("--rates: expected whole numbers from 1 on, separated by commas")
    _measure(ctx, "latency", partial(latency.measure, rates=wanted, seconds=seconds))


@app.command("idle")
def show_idle(ctx: typer.Context, seconds: Seconds = 15) -> None:
    """Cores that an idle worker uses, and transactions that it commits."""
    _measure(ctx, "idle", partial(idle.measure, seconds=seconds))


@app.command("throughput")
def show_throughput(
    ctx: typer.Context, events: Annotated[int, typer.Option(min=1, help="Webhooks in the backlog.")] = 20_000
) -> None:
    """A backlog that one worker works off."""
    _measure(ctx, "throughput", partial(throughput.measure, events=events))


@app.command("soak")
def show_soak(
    ctx: typer.Context,
    rate: Annotated[int, typer.Option(min=1, help="Webhooks a second.")] = 100,
    seconds: Annotated[int, typer.Option(min=10, help="How long; growth counts after the first minute.")] = 120,
) -> None:
    """Memory and file descriptors of one worker under a steady rate."""
    _measure(ctx, "soak", partial(soak.measure, rate=rate, seconds=seconds))


@app.command("recovery")
def show_recovery(
    ctx: typer.Context, rows: Annotated[int, typer.Option(min=1, help="Rows of the recipients table.")] = 100_000
) -> None:
    """Start of a worker on a full table, in memory and in RocksDB."""
    _measure(ctx, "recovery", partial(recovery.measure, rows=rows))


@app.command("rebalance")
def show_rebalance(
    ctx: typer.Context,
    rate: Annotated[int, typer.Option(min=1, help="Webhooks a second.")] = 100,
    seconds: Annotated[int, typer.Option(min=1, help="How long to look after each event, at least.")] = 10,
    rows: Annotated[int, typer.Option(min=1, help="People with rows before it begins.")] = 100_000,
) -> None:
    """How long webhooks wait when one of two workers stops in order, joins, is killed."""
    _measure(ctx, "rebalance", partial(rebalance.measure, rate=rate, seconds=seconds, rows=rows))


@app.command("gateway")
def show_gateway(ctx: typer.Context, seconds: Seconds = 8) -> None:
    """The gateway beside an obvious handler: requests a second over 64 connections, processor time, waits."""
    _measure(ctx, "gateway", partial(gateway.measure, seconds=seconds))


def _measure(ctx: typer.Context, title: str, measure: Measure) -> None:
    plan: Plan = ctx.obj
    measured = asyncio.run(measure_in_turn(measure, plan.checkouts, plan.rounds))
    _console.print(table_of(title, measured.values, [each.name for each in plan.checkouts]))
    _report(measured.failures)


def _report(failures: list[str]) -> None:
    """Say what could not be measured; ends the command with exit code 1 then."""
    for failure in failures:
        _console.print(f"not measured: {failure}", markup=False, highlight=False, soft_wrap=True)
    if failures:
        raise typer.Exit(1)


def _everything(ctx: typer.Context) -> None:
    of_the_product = (show_latency, show_idle, show_throughput, show_soak, show_recovery, show_rebalance, show_gateway)
    benchmarks: list[Callable[[], None]] = [show_core, show_engines, *(partial(each, ctx) for each in of_the_product)]
    failed = False
    for show in benchmarks:
        try:
            show()
        except typer.Exit:
            failed = True
    if failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
