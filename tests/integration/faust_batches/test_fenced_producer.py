"""A producer whose task went to another worker, against a real Kafka."""

import asyncio
import gc
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from app.broker import Cluster
from app.errors import FencedError
from app.faust_batches import Batch
from app.faust_batches.batch import Outgoing
from app.faust_batches.producer import TaskProducer
from tests.agents.records import Consumed

GROUP = "fenced"
INPUT, OUTPUT, CHANGELOG = (f"{GROUP}.{name}" for name in ("input", "output", "changelog"))


async def commit_one(producer: TaskProducer, offset: int) -> None:
    """Commit one record's output, row and offset."""
    outputs: dict[tuple[str, int | None], list[Outgoing]] = {(OUTPUT, 0): [Outgoing(b"k", b"v", [], None)]}
    batch = Batch(INPUT, 0, [Consumed(INPUT, 0, offset, b"k", b"v")])
    await producer.commit(outputs, {CHANGELOG: {b"k": b"1"}}, 0, [batch])


async def test_a_fenced_producer_says_so_once(kafka: Cluster) -> None:
    """It raises; no future that it leaves behind is logged as forgotten when it goes."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1) for name in (INPUT, OUTPUT, CHANGELOG)])
    await admin.close()
    forgotten: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: forgotten.append(context))
    old, new = (TaskProducer(GROUP, GROUP, 30_000, {"bootstrap_servers": kafka.bootstrap}) for _ in range(2))
    await old.start()
    await commit_one(old, 0)
    await new.start()
    with pytest.raises(FencedError):
        await commit_one(old, 1)
    await old.stop()
    await commit_one(new, 1)
    await new.stop()
    del old
    gc.collect()
    assert forgotten == []
