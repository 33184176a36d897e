"""Topics on a real broker: created from the declaration, and compared with it."""

import pytest

from app.broker import Cluster
from app.errors import TopicError
from app.stream.cluster_topics import Sizing, check, create, differences
from app.topics import Declaration

SIZING = Sizing(partitions=3, replication=1, min_insync_replicas=1)


async def test_created_topics_are_as_declared(kafka: Cluster) -> None:
    """What create makes, check accepts; a second create changes nothing."""
    declared = [Declaration("t1.deleted", 86_400_000, compact=False), Declaration("t1.compacted", None, compact=True)]
    connection = {"bootstrap_servers": kafka.bootstrap}
    assert sorted(await create(declared, SIZING, connection)) == ["t1.compacted", "t1.deleted"]
    await check(declared, SIZING, connection)
    assert await create(declared, SIZING, connection) == []


async def test_each_difference_is_named(kafka: Cluster) -> None:
    """A person reads which topic differs, in what, and what was expected."""
    connection = {"bootstrap_servers": kafka.bootstrap}
    await create([Declaration("t2.found", 1000, compact=False)], SIZING, connection)
    wanted = [Declaration("t2.found", None, compact=True), Declaration("t2.absent", None, compact=False)]
    assert await differences(wanted, Sizing(4, 1, 1), connection) == [
        "t2.absent: missing",
        "t2.found: 3 partitions, expected 4",
        "t2.found: cleanup.policy is delete, expected compact",
        "t2.found: segment.ms is 604800000, expected 21600000",
        "t2.found: segment.bytes is 1073741824, expected 67108864",
        "t2.found: min.cleanable.dirty.ratio is 0.5, expected 0.2",
    ]
    with pytest.raises(TopicError, match="undelivered topics create"):
        await check(wanted, SIZING, connection)


async def test_a_refused_creation_says_why(kafka: Cluster) -> None:
    """The broker's own reason reaches the person who asked."""
    with pytest.raises(TopicError, match=r"cannot create topic t3: .*replication factor"):
        await create([Declaration("t3", None, compact=False)], Sizing(1, 9, 1), {"bootstrap_servers": kafka.bootstrap})
