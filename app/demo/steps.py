"""Shows what goes on: a bar on a terminal, a line for each step and each fifth of it elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """One step after the other."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self._console = console
        self._progress = progress
        self._task = progress.add_task("")
        self._printed = ("", 0)

    def show(self, what: str, done: int = 0, total: int | None = None) -> None:
        """Show a step, and how far it is if that can be told."""
        fifth = 5 * done // total if total else 0
        if self._progress.disable and (what, fifth) != self._printed:
            self._printed = (what, fifth)
            self._console.print(f"{what}: {done} of {total}" if fifth else what, highlight=False)
        self._progress.update(self._task, description=what, completed=done, total=total)


@contextmanager
def steps(console: Console) -> Iterator[Steps]:
    """Show steps for the length of a with block."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Steps(console, progress)
