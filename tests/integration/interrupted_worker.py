"""The command `undelivered worker`, which sends itself SIGTERM at a chosen moment of its start."""

import os
import signal
import sys
from importlib import import_module
from typing import Any

from app.cli.program import app

MOMENTS = {
    "the settings are read": ("app.settings", "load_settings"),
    "the topics are checked": ("app.stream.worker", "check"),
    "the application is made": ("app.stream.worker", "build"),
    "older owners are fenced": ("app.faust_batches.tasks", "read_changelogs"),
}
"""A function that is called at that moment, and nowhere else."""


def _interrupt_at(moment: str) -> None:
    module, name = MOMENTS[moment]
    place = import_module(module)
    inner = getattr(place, name)

    def interrupted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and returns
        os.kill(os.getpid(), signal.SIGTERM)
        return inner(*args, **kwargs)

    setattr(place, name, interrupted)


if __name__ == "__main__":
    _interrupt_at(sys.argv[1])
    app(["worker"])
