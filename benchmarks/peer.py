"""The engines that are compared, each doing the same: count the keys of a topic in a table and copy each record.

Each imports its engine when it runs: one that is missing or broken fails alone.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

PARTITIONS = 4
INPUT = "bench.{}.input"
OUTPUT = "bench.{}.output"
CHANGELOG = "bench-{}-counts-changelog"


class Peer(NamedTuple):
    """An engine in the comparison."""

    name: str
    title: str
    guarantee: str
    run: Callable[[str], None]
    """Takes the bootstrap servers, works until it is killed."""


class _Counting:
    def process(self, batches: Sequence[Any], transaction: Any) -> None:  # noqa: ANN401 - see the module
        for batch in batches:
            for record in batch.records:
                key = record.key or b""
                transaction.put("counts", key, b"%d" % (int(transaction.get("counts", key) or 0) + 1))
                transaction.send(OUTPUT.format("batches"), key, record.value)

    def moment(self, now: int) -> int:
        return now

    def tend(self, *_: object) -> None:
        """Nothing is due by the clock."""


class _Nothing:
    """Nothing is put aside: the records are good."""

    def put_aside(self, *_: object) -> None:
        raise AssertionError("a record could not be processed")

    put_row_aside = gap = put_aside


def _faust_settings(bootstrap: str) -> dict[str, Any]:
    return {
        "broker": f"kafka://{bootstrap}",
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "table_standby_replicas": 0,
        "web_enabled": False,
    }


def run_batches(bootstrap: str) -> None:
    """Faust in exactly-once rounds."""
    import faust  # noqa: PLC0415 - see the module

    from app.faust_batches import BatchApp, BatchOptions  # noqa: PLC0415

    options = BatchOptions({"bootstrap_servers": bootstrap}, cast("Any", _Nothing()))
    app = BatchApp("bench-batches", options=options, **_faust_settings(bootstrap))
    app.batch_table("counts")
    app.batch_agent("count", [INPUT.format("batches")], ["counts"], lambda *_: _Counting())
    faust.Worker(app, loglevel="ERROR").execute_from_commandline()


def run_stock(bootstrap: str) -> None:
    """Faust as it comes, record by record, with a producer that lingers."""
    import faust  # noqa: PLC0415 - see the module

    app = faust.App(
        "bench-stock",
        producer_linger=0.02,
        producer_max_batch_size=262_144,
        **_faust_settings(bootstrap),
    )
    source = app.topic(INPUT.format("stock"), key_type=bytes, value_type=bytes, value_serializer="raw")
    output = app.topic(OUTPUT.format("stock"), key_type=bytes, value_type=bytes, value_serializer="raw")
    counts: Any = app.Table("counts", default=int, key_type=bytes, partitions=PARTITIONS)

    async def count(stream: Any) -> None:  # noqa: ANN401 - Faust's stream
        async for event in stream.events():
            counts[event.key] += 1
            await output.send(key=event.key, value=event.value)

    app.agent(source)(count)
    faust.Worker(app, loglevel="ERROR").execute_from_commandline()


def run_bare(bootstrap: str) -> None:
    """Poll and send with aiokafka, no table, no guarantee: what the client alone can do."""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer  # noqa: PLC0415 - see the module

    async def copy() -> None:
        consumer = AIOKafkaConsumer(
            INPUT.format("bare"), bootstrap_servers=bootstrap, group_id="bench-bare", auto_offset_reset="earliest"
        )
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=262_144)
        await consumer.start()
        await producer.start()
        while True:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    await producer.send(OUTPUT.format("bare"), record.value, key=record.key)

    asyncio.run(copy())


PEERS = {
    peer.name: peer
    for peer in (
        Peer("batches", "Faust in rounds (this project)", "exactly once", run_batches),
        Peer("stock", "stock Faust, record by record", "at least once", run_stock),
        Peer("bare", "aiokafka poll and send, no table", "none", run_bare),
    )
}

if __name__ == "__main__":
    PEERS[sys.argv[1]].run(sys.argv[2])
