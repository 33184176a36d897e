"""`policy check`: whether a policy file can be used, before a worker says so."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    policy = typer.Typer(help="Check a file of suppression rules.", no_args_is_help=True)
    policy.callback()(_group)
    policy.command("check")(check)
    app.add_typer(policy, name="policy")


def _group() -> None:
    """Make `check` one command of a group: typer would merge the two."""


def check(file: Annotated[Path, typer.Argument(help="Rules (TOML) as policy_file would name them.")]) -> None:
    """Check FILE; exit code 1 and a line with place and key for each thing that is wrong."""
    from app.domain.policy import load_policy  # noqa: PLC0415 - see the package

    policy = load_policy(file)
    typer.echo(f"{file.name}: can be used, as policy {policy.version}")
