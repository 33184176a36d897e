"""`worker` and `gateway`: the two processes of the product."""

import asyncio
import logging
import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from app.cli.interrupts import until_interrupted

_PRIVATE = 0o077
"""What the files that are made are not to allow: rows, spool and logs are nobody else's."""

LogLevel = Literal["debug", "info", "warning", "error"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("worker")(worker)
    app.command("gateway")(gateway)


def worker(
    ctx: typer.Context, log_level: Annotated[LogLevel, typer.Option(help="Least weight of what is logged.")] = "info"
) -> None:
    """Process webhooks until SIGTERM or Ctrl-C; any number of workers share the partitions."""
    os.umask(_PRIVATE)
    # until Faust listens to the signals itself; the imports alone take a second
    with until_interrupted():
        from app.cli.kafka_errors import kafka_errors_named  # noqa: PLC0415 - see the package
        from app.settings import load_settings  # noqa: PLC0415
        from app.stream.worker import run_worker  # noqa: PLC0415

        settings = load_settings(ctx.obj)
        with kafka_errors_named(settings):
            run_worker(settings, log_level)


def gateway(
    ctx: typer.Context,
    log_level: Annotated[LogLevel, typer.Option(help="Least weight of what is logged.")] = "info",
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes share the ports.")] = 1,
) -> None:
    """Take webhooks in over HTTP until SIGTERM or Ctrl-C, and store each before answering 200.

    SIGHUP has endpoints, secrets and proxies read again.
    """
    os.umask(_PRIVATE)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it has a meaning
    with until_interrupted():
        if processes > 1:
            raise typer.Exit(_several(ctx.obj, log_level, processes))
        _serve(ctx.obj, log_level, 1, shared=False)


def _serve(config: Path | None, log_level: str, slot: int, *, shared: bool) -> None:
    import uvloop  # noqa: PLC0415 - see the package

    from app.gateway import run_gateway  # noqa: PLC0415 - see the package
    from app.settings import load_settings  # noqa: PLC0415

    settings = load_settings(config)
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    serving = run_gateway(settings, lambda: load_settings(config), slot=slot, shared=shared)
    # uvloop cannot let a connection be counted before its TLS begins
    factory = uvloop.new_event_loop if settings.gateway.tls_certificate is None else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serving)


def _several(config: Path | None, log_level: str, count: int) -> int:
    from app.cli.processes import Processes  # noqa: PLC0415 - see the package
    from app.errors import SettingsError  # noqa: PLC0415
    from app.settings import load_settings  # noqa: PLC0415

    settings = load_settings(config)
    if not (settings.gateway.port and settings.gateway.metrics_port):
        raise SettingsError("gateway.port, gateway.metrics_port: expected numbers, for several processes to share them")
    with TemporaryDirectory(prefix="undelivered-metrics-") as folder:
        # read when the library is imported, which is in the processes alone
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder

        def ended(pid: int) -> None:
            for kind in ("livesum", "livemax"):
                for path in Path(folder).glob(f"gauge_{kind}_{pid}.db"):
                    path.unlink(missing_ok=True)

        def run(number: int) -> None:
            _serve(config, log_level, number, shared=True)

        return Processes(count, run, ended).supervise()
