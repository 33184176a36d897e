"""How many transactions a cluster has committed, by its own log of them.

Each change of a transaction's state is a record of the internal topic `__transaction_state`; the last one of a
transaction that took effect says CompleteCommit. So no topic of the product is relied upon, nor a guess at markers.
"""

from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.product.topics import partitions_of
from benchmarks.progress import Patience

TOPIC = "__transaction_state"
_STATE_AT = 16
"""After version (2 bytes), producer id (8), epoch (2) and time-out (4), in both versions of the record."""
_COMPLETE_COMMIT = 4


class Mark(NamedTuple):
    """The end of the log at some moment."""

    ends: dict[TopicPartition, int]


def is_commit(value: bytes | None) -> bool:
    """Whether a record of the log says that a transaction has been committed."""
    return value is not None and len(value) > _STATE_AT and value[_STATE_AT] == _COMPLETE_COMMIT


def _consumer(bootstrap: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)


async def mark(bootstrap: str) -> Mark:
    """Return where the log ends now."""
    partitions = await partitions_of(bootstrap, TOPIC)
    async with _consumer(bootstrap) as consumer:
        return Mark(await consumer.end_offsets(partitions))


async def commits_since(bootstrap: str, since: Mark) -> int:
    """Return how many transactions were committed after a mark."""
    async with _consumer(bootstrap) as consumer:
        ends = await consumer.end_offsets(list(since.ends))
        behind = {each for each, end in ends.items() if since.ends[each] < end}
        consumer.assign(list(ends))
        for each, offset in since.ends.items():
            consumer.seek(each, offset)
        commits = 0
        patience = Patience("the log of transactions is read", [])
        while behind:
            for each, records in (await consumer.getmany(timeout_ms=200)).items():
                commits += sum(is_commit(record.value) for record in records if record.offset < ends[each])
            behind = {each for each in behind if await consumer.position(each) < ends[each]}
            await patience.look(f"{commits} commits, {len(behind)} partitions left")
        return commits
