"""The topics: their names, and the one declaration from which they are created and checked."""

from enum import StrEnum
from typing import NamedTuple

from app.vocabulary import Provider

HOUR_MS = 60 * 60 * 1000
DAY_MS = 24 * HOUR_MS

LARGEST_BATCH_BYTES = 1_048_588
"""Most bytes of a record batch, unless a topic declares more; Apache Kafka's own default."""
TOMBSTONE_MS = DAY_MS
"""How long compaction keeps a tombstone: whoever knows older rows only cannot catch up, since deletions are missing."""

_FRAMING_BYTES = 512
"""Room for what a record batch and a record's fields take beside key, value and headers: 61 bytes and some varints."""


class Topic(StrEnum):
    """Every topic of the product except the tables' changelogs."""

    RAW_TEEKRR = "raw.teekrr"
    RAW_WEBEX_INTERACT = "raw.webex-interact"
    RAW_PRELUDE = "raw.prelude"
    RAW_TREBLE = "raw.treble"
    DELIVERY_FAILED = "delivery.failed"
    DELIVERY_CONFIRMED = "delivery.confirmed"
    CREDIT_REQUESTED = "credit.requested"
    CREDIT_ENTRY = "credit.entry"
    CREDIT_CHANGED = "credit.changed"
    SUPPRESSION_REQUESTED = "suppression.requested"
    SUPPRESSION_CHANGED = "suppression.changed"
    SUPPRESSION_TRIAL = "suppression.trial"
    """What the policy would have changed for a tenant in dry run; records of ``suppression.changed``."""
    DELIVERY_STATS = "delivery.stats"
    PROVIDER_HEALTH = "provider.health"
    DELIVERY_ALERT = "delivery.alert"
    DEAD_LETTER = "dead.letter"


class Table(StrEnum):
    """The tables; each has a changelog topic."""

    MESSAGES = "messages"
    """Recipients of messages whose provider names them in one event only."""
    RECIPIENTS = "recipients"
    """Recipients, and reports that name none."""
    CREDITS = "credits"
    """Accounts, and their messages."""
    RATES = "rates"
    """Providers on channels."""
    WATCHES = "watches"
    """Accounts, as the alerts see them."""


SCHEMA_OF = {Topic.SUPPRESSION_TRIAL: Topic.SUPPRESSION_CHANGED}
"""Topics whose values follow another topic's schema."""

RAW_TOPICS = {provider: Topic(f"raw.{provider}") for provider in Provider}


_COMPACTION = {
    "delete.retention.ms": str(TOMBSTONE_MS),
    # the newest segment is never compacted: a quiet partition would not be at all before its 7 days were over
    "segment.ms": str(6 * HOUR_MS),
    # and whoever starts reads all of that segment, by default up to 1 GiB
    "segment.bytes": str(64 * 1024 * 1024),
    # whoever starts reads at most a quarter more than what is alive, by default twice as much
    "min.cleanable.dirty.ratio": "0.2",
}


class Declaration(NamedTuple):
    """How a topic is to be on the cluster; every topic has the same number of partitions, a setting."""

    name: str
    retention_ms: int | None
    """None: kept for ever, or until compacted away."""
    compact: bool
    max_message_bytes: int = LARGEST_BATCH_BYTES

    @property
    def config(self) -> dict[str, str]:
        """The broker's configuration of this topic: all that promises rest on, so that no cluster's defaults count."""
        config = {
            "cleanup.policy": "compact" if self.compact else "delete",
            "max.message.bytes": str(self.max_message_bytes),
            # a record that is sent on keeps the moment of its first writing
            "message.timestamp.type": "CreateTime",
            # a leader that was not in sync lacks records that were acknowledged
            "unclean.leader.election.enable": "false",
        }
        if self.compact:
            return config | _COMPACTION
        # age alone decides, whatever the size
        retention_ms = -1 if self.retention_ms is None else self.retention_ms
        return config | {"retention.ms": str(retention_ms), "retention.bytes": "-1"}


def _deleted_after(days: int, *topics: Topic) -> list[Declaration]:
    return [Declaration(topic, days * DAY_MS, compact=False) for topic in topics]


DECLARATIONS: tuple[Declaration, ...] = (
    *_deleted_after(30, *RAW_TOPICS.values(), Topic.DELIVERY_FAILED, Topic.DELIVERY_CONFIRMED),
    *_deleted_after(30, Topic.SUPPRESSION_REQUESTED, Topic.SUPPRESSION_TRIAL),
    *_deleted_after(90, Topic.CREDIT_REQUESTED, Topic.CREDIT_ENTRY, Topic.DELIVERY_ALERT),
    # whatever fitted into its own topic must fit here, with the headers that say why it is here
    Declaration(Topic.DEAD_LETTER, 90 * DAY_MS, compact=False, max_message_bytes=2 * 1024 * 1024),
    # increments, to be added up: compaction would keep the last of each key only
    *_deleted_after(7, Topic.DELIVERY_STATS),
    *(
        Declaration(topic, None, compact=True)
        for topic in (Topic.CREDIT_CHANGED, Topic.SUPPRESSION_CHANGED, Topic.PROVIDER_HEALTH)
    ),
)


def changelog(application: str, table: str) -> Declaration:
    """Declare the changelog topic of a table; ``application`` is the consumer group."""
    return Declaration(f"{application}-{table}-changelog", None, compact=True)


_BATCH_BYTES = {declaration.name: declaration.max_message_bytes for declaration in DECLARATIONS}


def largest_record(topic: str) -> int:
    """Return how many bytes key, value and headers of one record may have together; a topic may be a changelog."""
    return _BATCH_BYTES.get(topic, LARGEST_BATCH_BYTES) - _FRAMING_BYTES
