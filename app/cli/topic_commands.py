"""`topics create` and `topics check`: the cluster's topics against their declaration."""

import asyncio

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    topics = typer.Typer(help="Create the topics, or compare them with their declaration.", no_args_is_help=True)
    topics.command("create")(create)
    topics.command("check")(check)
    app.add_typer(topics, name="topics")


def create(ctx: typer.Context) -> None:
    """Create the topics that are missing; existing ones stay as they are."""
    from app.cli.kafka_errors import kafka_errors_named  # noqa: PLC0415 - see the package
    from app.settings import load_settings  # noqa: PLC0415
    from app.stream import cluster_topics  # noqa: PLC0415
    from app.stream.worker import connection, declarations, sizing  # noqa: PLC0415

    settings = load_settings(ctx.obj)
    wanted = declarations(settings)
    with kafka_errors_named(settings, quiet=True):
        created = asyncio.run(cluster_topics.create(wanted, sizing(settings), connection(settings)))
    for name in created:
        typer.echo(f"created {name}")
    typer.echo(f"{len(created)} topics created, {len(wanted) - len(created)} were there")


def check(ctx: typer.Context) -> None:
    """Compare the topics with their declaration; exit code 1 and a line for each difference."""
    from app.cli.kafka_errors import kafka_errors_named  # noqa: PLC0415 - see the package
    from app.settings import load_settings  # noqa: PLC0415
    from app.stream import cluster_topics  # noqa: PLC0415
    from app.stream.worker import connection, declarations, sizing  # noqa: PLC0415

    settings = load_settings(ctx.obj)
    wanted = declarations(settings)
    with kafka_errors_named(settings, quiet=True):
        asyncio.run(cluster_topics.check(wanted, sizing(settings), connection(settings)))
    typer.echo(f"{len(wanted)} topics are as declared")
