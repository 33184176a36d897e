"""Points of a worker's work at which a test can kill it: only ``kill -9`` at an exact place shows what holds there.

``UNDELIVERED_KILL_AT=committed:3`` kills the process the third time that point is reached. Without the variable every
point is a call of an empty function.
"""

import os
import signal
from collections.abc import Callable

VARIABLE = "UNDELIVERED_KILL_AT"

POINTS = (
    "assigned",  # partitions are ours, nothing was asked of the brokers
    "initialised",  # what older owners had begun is ended, as far as they used our transactional ids
    "fenced",  # offsets are stable: no older owner can change anything any more
    "recovering",  # in the middle of a changelog
    "recovered",  # rows are there, nothing is fetched
    "started",  # records are about to be fetched
    "closed",  # outputs, rows and offsets of a round are final, no transaction begun
    "begun",  # partitions and group are in the transaction, nothing is written
    "offsets",  # the input offsets are in the transaction
    "producing",  # some record batches are at the broker
    "delivered",  # everything is at the broker, nothing is committed
    "committed",  # committed, not in the store
    "stored",  # in the store
)
"""In the order in which a worker reaches them."""


def _armed() -> Callable[[str], None]:
    name, _, count = os.environ.get(VARIABLE, "").partition(":")
    if not name:
        return _pass_by
    if name not in POINTS or not count.isdigit():
        raise ValueError(f"{VARIABLE}: expected <point>:<count> with a point of {', '.join(POINTS)}")
    left = int(count)

    def kill_at(point: str) -> None:
        nonlocal left
        if point == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return kill_at


def _pass_by(point: str) -> None:
    """Do nothing."""


reached = _armed()
"""Call it with the name of a point."""
