"""Where the topics and the workers stand when a replay begins."""

from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from app.events import Micros
from app.replay.reading import Reader, Span, Spans
from app.settings import Settings
from app.stream import normalizing, suppressing
from app.stream.worker import application_id, connection
from app.topics import Topic, changelog


class Snapshot(NamedTuple):
    """What is to be read."""

    webhooks: Spans
    """Those that have been judged, of the time asked about."""
    events: Spans
    """Failures, confirmations, requests."""
    health: Spans
    rows: Spans
    """The changelog of the recipients' rows."""
    applied: dict[TopicPartition, int]
    """Offsets before which the rows know all events."""


async def take_snapshot(reader: Reader, settings: Settings, since: Micros) -> Snapshot:
    """Look at the present state; ``since`` 0 is the beginning of the raw topics.

    The workers' offsets come first: whatever they stand for is then within the ends of the topics.
    """
    committed = await _committed(settings)
    partitions = settings.partitions
    raw = await reader.whole(normalizing.TOPICS, partitions)
    first = await reader.first_since(raw, since) if since else {tp: span.start for tp, span in raw.items()}
    judged = {
        tp: Span(max(first[tp], span.start), committed[tp])
        for tp, span in raw.items()
        if tp in first and tp in committed
    }
    rows = changelog(application_id(settings), suppressing.TABLE).name
    return Snapshot(
        judged,
        await reader.whole(suppressing.TOPICS, partitions),
        await reader.whole([Topic.PROVIDER_HEALTH], partitions),
        await reader.whole([rows], partitions),
        {tp: offset for tp, offset in committed.items() if tp.topic in suppressing.TOPICS},
    )


def only(spans: Spans, *topics: str) -> Spans:
    """Return the spans of some topics."""
    return {tp: span for tp, span in spans.items() if tp.topic in topics}


async def _committed(settings: Settings) -> dict[TopicPartition, int]:
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        found = await admin.list_consumer_group_offsets(application_id(settings))
    finally:
        await admin.close()
    return {tp: each.offset for tp, each in found.items() if each.offset >= 0}
