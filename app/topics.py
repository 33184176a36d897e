"""The topics: their names, and the one declaration from which they are created and checked."""

from enum import StrEnum
from typing import NamedTuple

from app.vocabulary import Provider

DAY_MS = 24 * 60 * 60 * 1000


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


class Declaration(NamedTuple):
    """How a topic is to be on the cluster; every topic has the same number of partitions, a setting."""

    name: str
    retention_ms: int | None
    """None: kept until compacted away."""
    compact: bool
    max_message_bytes: int | None = None
    """None: the broker's limit."""

    @property
    def config(self) -> dict[str, str]:
        """The broker's configuration of this topic."""
        config = {"cleanup.policy": "compact" if self.compact else "delete"}
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        if self.max_message_bytes is not None:
            config["max.message.bytes"] = str(self.max_message_bytes)
        return config


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
