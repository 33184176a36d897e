"""How SIGTERM ends a command: in the same orderly way as Ctrl-C."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def until_interrupted(exit_code: int = 0) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end what runs inside, and the command with it."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(exit_code) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
