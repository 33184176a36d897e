"""The two requests of KIP-447 that aiokafka lacks: TxnOffsetCommit v3 and OffsetFetch v7."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields

_TEXT = CompactString("utf-8")
_TAGS = ("tags", TaggedFields)


class Membership(NamedTuple):
    """Who we are in the group: taken at the assignment, never looked up later (a later one would pass the fence)."""

    group: str
    generation: int
    member_id: str


class Producer(NamedTuple):
    """Who we are to the transaction coordinator."""

    transactional_id: str
    producer_id: int
    epoch: int


class TxnOffsetCommitResponseV3(Response):  # type: ignore[misc] # no types are published
    """An error code for each partition."""

    API_KEY = 28
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "errors",
            CompactArray(
                ("topic", _TEXT),
                ("partition_errors", CompactArray(("partition", Int32), ("error_code", Int16), _TAGS)),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class TxnOffsetCommitRequestV3(RequestStruct):  # type: ignore[misc]
    """Carries generation and member: the group's coordinator refuses a member that is none any more."""

    API_KEY = 28
    API_VERSION = 3
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = TxnOffsetCommitResponseV3
    SCHEMA = Schema(
        ("transactional_id", _TEXT),
        ("group_id", _TEXT),
        ("producer_id", Int64),
        ("producer_epoch", Int16),
        ("generation_id", Int32),
        ("member_id", _TEXT),
        ("group_instance_id", _TEXT),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32), ("offset", Int64), ("leader_epoch", Int32), ("metadata", _TEXT), _TAGS
                    ),
                ),
                _TAGS,
            ),
        ),
        _TAGS,
    )


class TxnOffsetCommitRequest(Request[TxnOffsetCommitRequestV3]):  # type: ignore[misc]
    """Puts input offsets into the transaction of a producer."""

    API_KEY = 28

    def __init__(self, producer: Producer, member: Membership, offsets: Mapping[TopicPartition, int]) -> None:
        if member.generation < 0 or not member.member_id:
            # brokers take these for a commit that nobody wants fenced
            raise ValueError("a commit without a generation would not be fenced")
        topics: list[Any] = [
            (topic, [(number, offsets[TopicPartition(topic, number)], -1, "", {}) for number in numbers], {})
            for topic, numbers in by_topic(offsets)
        ]
        self._fields: tuple[Any, ...] = (
            producer.transactional_id,
            member.group,
            producer.producer_id,
            producer.epoch,
            member.generation,
            member.member_id,
            None,
            topics,
            {},
        )

    def build(self, request_struct_class: type[TxnOffsetCommitRequestV3]) -> TxnOffsetCommitRequestV3:
        """Return the request in the version that was agreed on."""
        return request_struct_class(*self._fields)


class OffsetFetchResponseV7(Response):  # type: ignore[misc]
    """An offset, or -1, and an error code for each partition."""

    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", _TEXT),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", _TEXT),
                        ("error_code", Int16),
                        _TAGS,
                    ),
                ),
                _TAGS,
            ),
        ),
        ("error_code", Int16),
        _TAGS,
    )


class OffsetFetchRequestV7(RequestStruct):  # type: ignore[misc]
    """Can ask for stable offsets: such that no open transaction will change."""

    API_KEY = 9
    API_VERSION = 7
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = OffsetFetchResponseV7
    SCHEMA = Schema(
        ("group_id", _TEXT),
        ("topics", CompactArray(("topic", _TEXT), ("partitions", CompactArray(Int32)), _TAGS)),
        ("require_stable", Boolean),
        _TAGS,
    )


class OffsetFetchRequest(Request[OffsetFetchRequestV7]):  # type: ignore[misc]
    """Asks for a group's committed offsets, once they are stable."""

    API_KEY = 9

    def __init__(self, group: str, partitions: Iterable[TopicPartition]) -> None:
        self._fields: tuple[Any, ...] = (
            group,
            [(topic, numbers, {}) for topic, numbers in by_topic(partitions)],
            True,
            {},
        )

    def build(self, request_struct_class: type[OffsetFetchRequestV7]) -> OffsetFetchRequestV7:
        """Return the request in the version that was agreed on."""
        return request_struct_class(*self._fields)


def by_topic(partitions: Iterable[TopicPartition]) -> list[tuple[str, list[int]]]:
    """Return partition numbers by topic, as requests want them."""
    found: dict[str, list[int]] = {}
    for tp in partitions:
        found.setdefault(tp.topic, []).append(tp.partition)
    return list(found.items())
