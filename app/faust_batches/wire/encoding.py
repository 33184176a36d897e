"""Outputs and rows as record batches, cut to what a request may carry."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from app.faust_batches.rows.partition_rows import DUE_HEADER, encode_due
from app.faust_batches.transaction import Changes, Outgoing

BATCH_BYTES = 900_000
"""Brokers refuse record batches above 1,048,588 bytes unless told otherwise; a larger record has one of its own."""
REQUEST_BYTES = 8_000_000
"""Of one produce request; brokers take 100 MB."""


class Encoded(NamedTuple):
    """A record batch of one partition, without the producer's state."""

    builder: Any
    records: int

    @property
    def size(self) -> int:
        """Bytes, as far as they count toward a request."""
        size: int = self.builder.size()
        return size


def record_batches(records: Iterable[Outgoing]) -> list[Encoded]:
    """Encode the records of one partition, in their order."""
    made: list[Encoded] = []
    builder, count = _new_builder(), 0
    for key, value, headers, timestamp in records:
        if builder.append(count, timestamp, key=key, value=value, headers=headers) is None:
            made.append(Encoded(builder, count))
            builder, count = _new_builder(), 0
            builder.append(count, timestamp, key=key, value=value, headers=headers)
        count += 1
    if count:
        made.append(Encoded(builder, count))
    return made


def changelog_records(changes: Changes) -> Iterator[Outgoing]:
    """Turn changed rows into records of their changelog."""
    for key, row in changes.items():
        if row is None:
            yield Outgoing(key, None, [], None)
        else:
            yield Outgoing(key, row.value, [] if row.due is None else [(DUE_HEADER, encode_due(row.due))], None)


def waves(batches: Mapping[TopicPartition, Sequence[Encoded]]) -> Iterator[dict[TopicPartition, Encoded]]:
    """Cut record batches into requests, one after the other: one batch of a partition at a time, and so many bytes.

    Brokers take the batches of a partition in the order of their sequence numbers only.
    """
    place = 0
    while left := {tp: made[place] for tp, made in batches.items() if len(made) > place}:
        place += 1
        wave: dict[TopicPartition, Encoded] = {}
        size = 0
        for tp, encoded in left.items():
            if wave and size + encoded.size > REQUEST_BYTES:
                yield wave
                wave, size = {}, 0
            wave[tp] = encoded
            size += encoded.size
        yield wave


def _new_builder() -> Any:
    return DefaultRecordBatchBuilder(
        2, 0, is_transactional=1, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=BATCH_BYTES
    )
