"""The topics of a cluster, the broker's own among them."""

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.progress import BenchmarkError


async def partitions_of(bootstrap: str, ending: str) -> list[TopicPartition]:
    """Return the partitions of all topics whose names end so; raises BenchmarkError if there are none."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = await admin.describe_topics()
    finally:
        await admin.close()
    found = [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in topics
        if topic["topic"].endswith(ending)
        for partition in topic["partitions"]
    ]
    if not found:
        raise BenchmarkError(f"the cluster has no topic *{ending}")
    return found
