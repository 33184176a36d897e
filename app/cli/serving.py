"""`worker` and `gateway`: the two processes of the product."""

import asyncio
import logging
from typing import Annotated, Literal

import typer

from app.cli.interrupts import until_interrupted

LogLevel = Literal["debug", "info", "warning", "error"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("worker")(worker)
    app.command("gateway")(gateway)


def worker(
    ctx: typer.Context, log_level: Annotated[LogLevel, typer.Option(help="Least weight of what is logged.")] = "info"
) -> None:
    """Process webhooks until SIGTERM or Ctrl-C; any number of workers share the partitions."""
    # until Faust listens to the signals itself; the imports alone take a second
    with until_interrupted():
        from app.cli.kafka_errors import kafka_errors_named  # noqa: PLC0415 - see the package
        from app.settings import load_settings  # noqa: PLC0415
        from app.stream.worker import run_worker  # noqa: PLC0415

        settings = load_settings(ctx.obj)
        with kafka_errors_named(settings):
            run_worker(settings, log_level)


def gateway(
    ctx: typer.Context, log_level: Annotated[LogLevel, typer.Option(help="Least weight of what is logged.")] = "info"
) -> None:
    """Take webhooks in over HTTP until SIGTERM or Ctrl-C, and store each before answering 200."""
    with until_interrupted():
        from app.gateway import run_gateway  # noqa: PLC0415 - see the package
        from app.settings import load_settings  # noqa: PLC0415

        settings = load_settings(ctx.obj)
        logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        asyncio.run(run_gateway(settings))
