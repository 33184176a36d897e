"""All commands together, and what every one of them does about errors and settings."""

import importlib.metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from app.cli import ingesting, judging, local, policy_commands, replaying, serving, topic_commands
from app.errors import UndeliveredError


class _Program(TyperGroup):
    """Shows our own errors as one line; what else is raised is a bug, and its traceback is wanted."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - a private type of typer
        """Run the command; an UndeliveredError ends it with exit code 1."""
        try:
            return super().invoke(ctx)
        except UndeliveredError as error:
            typer.echo(f"undelivered: {error}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Program,
    name="undelivered",
    help="Delivery-failure webhooks in; judged failures, suppressions, credit and alerts out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _settings_file(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings (TOML); else what UNDELIVERED_CONFIG names, else undelivered.toml here."),
    ] = None,
) -> None:
    ctx.obj = config


@app.command("config")
def _config() -> None:
    """Show every setting, its default and what it is for. Values, which may be secret, are not shown."""
    from rich.console import Console  # noqa: PLC0415 - see the package
    from rich.table import Table  # noqa: PLC0415

    from app.settings import describe  # noqa: PLC0415

    table = Table(
        "setting", "default", "what it is", title="As UNDELIVERED_<SETTING>, __ for a dot, or in undelivered.toml"
    )
    for knob in describe():
        table.add_row(*(text.replace("[", r"\[") for text in knob))
    Console().print(table)


@app.command("version")
def _version() -> None:
    """Print the version, and what encodes its records."""
    from app.avro import COMPILED  # noqa: PLC0415 - see the package

    try:
        version = importlib.metadata.version("undelivered")
    except importlib.metadata.PackageNotFoundError:
        version = "not installed: run from its source"
    typer.echo(f"{version}, Avro by {'its compiled codec' if COMPILED else 'fastavro: slower, nothing was compiled'}")


judging.register(app)
serving.register(app)
topic_commands.register(app)
policy_commands.register(app)
ingesting.register(app)
replaying.register(app)
local.register(app)


def main() -> None:
    """Run the command line and end the process."""
    app()
