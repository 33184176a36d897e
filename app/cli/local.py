"""`broker`, `dev` and `demo`: an Apache Kafka on this machine, and the product running on it."""

import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.interrupts import until_interrupted


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("broker")(broker)
    app.command("dev")(dev)
    app.command("demo")(demo)


def broker(
    brokers: Annotated[Literal["1", "3"], typer.Option(help="How many; three replicate everything.")] = "1",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the first; else any free one.")] = None,
    folder: Annotated[Path | None, typer.Option(file_okay=False, help="Keeps the data after the end.")] = None,
) -> None:
    """Run an Apache Kafka on this machine until Ctrl-C; the first time it is downloaded (45 MB)."""
    from app.broker import Cluster  # noqa: PLC0415 - see the package

    with until_interrupted(), Cluster(int(brokers), folder=folder, port=port) as cluster:
        typer.echo(f"Kafka serves at {cluster.bootstrap}; Ctrl-C stops it")
        signal.pause()


def dev() -> None:
    """Run Kafka, worker and gateway in this terminal until Ctrl-C, on free ports."""
    from app.demo.dev import run_dev  # noqa: PLC0415 - see the package

    with until_interrupted():
        run_dev()


def demo(
    json: Annotated[Path | None, typer.Option(dir_okay=False, help="Also write the figures to this file.")] = None,
    kill_worker: Annotated[bool, typer.Option("--kill-worker", hidden=True)] = False,  # noqa: FBT002 - a flag
) -> None:
    """Send some hundred webhooks through the whole product, check what comes out, show it, stop everything."""
    from app.demo.run import run_demo  # noqa: PLC0415 - see the package

    if json is not None and not json.absolute().parent.is_dir():
        raise typer.BadParameter(f"--json: {json.parent} is no folder")
    with until_interrupted(130):
        run_demo(json, kill_worker=kill_worker)
