"""A small worker on exactly-once batches: counts keys of two topics in one table and copies each record onward."""

import sys
from collections.abc import Sequence
from pathlib import Path

import faust

from app.faust_batches import Batch, BatchApp, BatchOptions, Processor, Transaction
from tests.integration.faust_batches.refusing import Refusing

PARTITIONS = 4
INPUTS = ("count.first", "count.second")
OUTPUT = "count.output"
GROUP = "counting"
CHANGELOG = f"{GROUP}-counts-changelog"


class Counting:
    """Counts without any guard of its own: exactness comes from the transactions alone."""

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Add one for each record and copy it."""
        for batch in batches:
            for record in batch.records:
                key = record.key or b""
                count = int(transaction.get("counts", key) or 0) + 1
                transaction.put("counts", key, b"%d" % count)
                transaction.send(OUTPUT, key, record.value)

    def moment(self, now: int) -> int | None:
        """Nothing is due by the clock."""
        return now

    def tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:
        """Nothing is due by the clock."""


def new_counting(partition: int) -> Processor:
    """Make the processor of a partition."""
    del partition
    return Counting()


def make_app(bootstrap: str, folder: str) -> BatchApp:
    """Build the application; ``folder`` empty: rows in memory."""
    app = BatchApp(
        GROUP,
        broker=[f"kafka://{address}" for address in bootstrap.split(",")],
        options=BatchOptions(
            {"bootstrap_servers": bootstrap},
            Refusing(),
            round_max_records=500,
            transaction_timeout_s=30,
            rocksdb_dir=Path(folder) if folder else None,
        ),
        broker_session_timeout=6,
        broker_heartbeat_interval=1,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        web_enabled=False,
    )
    app.batch_table("counts")
    app.batch_agent("counting", INPUTS, ["counts"], new_counting)
    return app


if __name__ == "__main__":
    faust.Worker(make_app(sys.argv[1], sys.argv[2]), loglevel="INFO").execute_from_commandline()
