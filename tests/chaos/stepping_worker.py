"""A small worker that can freeze at a chosen point: counts keys of two topics and copies each record onward.

Arguments: brokers, name of its group, transaction time-out in seconds, and where to freeze (``delivered:3``) or ``-``.
"""

import os
import signal
import sys
from collections.abc import Sequence

import faust

from app.faust_batches import Batch, BatchApp, BatchOptions, Processor, Transaction, faults
from app.faust_batches.wire import producer
from tests.integration.faust_batches.refusing import Refusing

PARTITIONS = 2
SESSION_TIMEOUT_S = 6
_BATCH = 20


def inputs(group: str) -> tuple[str, str]:
    """Return the topics that a group reads."""
    return f"{group}.first", f"{group}.second"


def output(group: str) -> str:
    """Return the topic that a group writes."""
    return f"{group}.output"


def counts_changelog(group: str) -> str:
    """Return the changelog of the group's table."""
    return f"{group}-counts-changelog"


class _Counting:
    """Counts without any guard of its own: exactness comes from the transactions alone."""

    def __init__(self, topic: str) -> None:
        self._output = topic

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Add one for each record and copy it."""
        for batch in batches:
            for record in batch.records:
                key = record.key or b""
                transaction.put("counts", key, b"%d" % (int(transaction.get("counts", key) or 0) + 1))
                transaction.send(self._output, key, record.value)

    def moment(self, now: int) -> int | None:
        """Nothing is due by the clock."""
        return now

    def tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:
        """Nothing is due by the clock."""


def _make_app(bootstrap: str, group: str, transaction_timeout_s: float) -> BatchApp:
    app = BatchApp(
        group,
        broker=[f"kafka://{address}" for address in bootstrap.split(",")],
        options=BatchOptions(
            {"bootstrap_servers": bootstrap},
            Refusing(),
            round_max_records=_BATCH,
            transaction_timeout_s=transaction_timeout_s,
        ),
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=1,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        web_enabled=False,
    )

    def new_counting(partition: int) -> Processor:
        del partition
        return _Counting(output(group))

    app.batch_table("counts")
    app.batch_agent("counting", inputs(group), ["counts"], new_counting)
    return app


def _freeze_at(where: str) -> None:
    point, _, count = where.partition(":")
    left = int(count)

    def reached(name: str) -> None:
        nonlocal left
        faults.reached(name)
        left -= name == point
        if name == point and left == 0:
            os.kill(os.getpid(), signal.SIGSTOP)

    setattr(producer, "reached", reached)  # noqa: B010 - not the module's own name, so mypy would refuse the plain form


if __name__ == "__main__":
    brokers, name, timeout_s, frozen_at = sys.argv[1:]
    if frozen_at != "-":
        _freeze_at(frozen_at)
    faust.Worker(_make_app(brokers, name, float(timeout_s)), loglevel="WARNING").execute_from_commandline()
