"""Error codes of Kafka's protocol, by what they mean to a worker."""

from collections.abc import Iterable
from enum import IntEnum

from aiokafka.errors import for_code

from app.errors import BrokersError, FencedError


class Code(IntEnum):
    """The codes that are told apart by name; others are known by the sets below alone."""

    NONE = 0
    NOT_LEADER = 6
    DUPLICATE_SEQUENCE = 46
    CONCURRENT_TRANSACTIONS = 51
    UNSTABLE_OFFSETS = 88


COORDINATOR_MOVED = frozenset({15, 16})
"""Not available, or not (any more) the one who is asked."""

STALE_LEADERS = frozenset({3, 5, 6, 74, 75})
"""Somebody else leads the partition, or nobody does."""

PASSING = (
    COORDINATOR_MOVED
    | STALE_LEADERS
    | {
        -1,  # something unexpected at the broker, as may be while it starts or stops
        7,  # timed out
        8,  # broker not available
        9,  # replica not available
        2,  # a batch that was damaged on its way
        13,  # network
        14,  # coordinator is loading
        19,  # too few replicas in sync
        20,  # too few replicas in sync, seen after the append
        Code.CONCURRENT_TRANSACTIONS,
        55,  # not attempted, because of another partition
        56,  # a disk of the broker; the partition will be led elsewhere
        78,  # the leader does not know yet how far its log goes
        Code.UNSTABLE_OFFSETS,
        89,  # throttled
    }
)
"""Asked again, the brokers may well do it."""

LOST_GENERATION = frozenset({22, 25, 27, 82})
"""The group no longer counts us among its present members."""

LOST_PRODUCER = frozenset(
    {
        45,  # out of order: the leader lost what it knew of us
        47,  # invalid epoch: somebody initialised our id, or the transaction timed out
        48,  # no such state of a transaction
        49,  # the id expired in a week without a transaction
        53,  # the coordinator itself is fenced
        59,  # unknown producer
        90,  # fenced
    }
)
"""Our producer id is good for nothing any more; what became of its transaction is to be read from the brokers."""


def check(what: str, codes: Iterable[int]) -> set[int]:
    """Return the passing errors among these codes; empty: it is done.

    Raises FencedError where partitions may be somebody else's by now, BrokersError for what asking again cannot mend.
    """
    found = {code for code in codes if code}
    for group in (LOST_GENERATION, LOST_PRODUCER):
        if lost := found & group:
            raise FencedError(f"{what}: {names(lost)}", lost_generation=group is LOST_GENERATION)
    if fatal := found - PASSING:
        raise BrokersError(f"{what}: refused by the brokers, {names(fatal)}")
    return found


def names(codes: Iterable[int]) -> str:
    """Return error codes in words."""
    return ", ".join(f"{for_code(code).__name__} ({code:d})" for code in sorted(codes))
