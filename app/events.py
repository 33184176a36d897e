"""The records that travel between topics, as the Avro schemas in ``schemas/`` describe them.

They are typed dictionaries, not classes, because that is what the Avro codec takes and gives: a conversion to objects
and back would cost as much as the encoding itself. Treat them as values: make a new one, never change one you were
handed. What a field means stands in its schema; a test holds the two against each other. A string is empty where a
provider does not say; words of the vocabulary arrive as plain strings, equal to their ``StrEnum`` members.
"""

from typing import TypedDict

Micros = int
"""A moment in UTC as microseconds since 1970-01-01."""


class DeliveryFailed(TypedDict):
    """Value of ``delivery.failed``: one failed delivery, judged."""

    event_id: str
    tenant: str
    provider: str
    channel: str
    recipient: str
    reason: str
    attribution: str
    permanence: str
    occurred_at: Micros
    confidence: str
    phase: str
    provider_will_retry: str
    outcome: str
    code: str
    message_id: str
    account: str
    provider_account: str
    correlation_id: str
    campaign_id: str
    recipient_kind: str
    recipient_given: str
    event_id_basis: str
    provider_event_id: str
    provider_event: str
    provider_sent_at: Micros | None
    received_at: Micros
    smtp_reply: str
    smtp_enhanced: str
    receiver: str
    diagnostic: str
    raw_topic: str
    raw_partition: int
    raw_offset: int
    raw_sha256: str
    mapping_version: str


class DeliveryConfirmed(TypedDict):
    """Value of ``delivery.confirmed``: good news about a message, or a person opting in again."""

    event_id: str
    tenant: str
    provider: str
    channel: str
    recipient: str
    kind: str
    occurred_at: Micros
    message_id: str
    account: str
    provider_account: str
    correlation_id: str
    campaign_id: str
    recipient_kind: str
    recipient_given: str
    event_id_basis: str
    provider_event_id: str
    provider_event: str
    provider_sent_at: Micros | None
    received_at: Micros
    raw_topic: str
    raw_partition: int
    raw_offset: int
    raw_sha256: str


class SuppressionRequested(TypedDict):
    """Value of ``suppression.requested``: somebody asks to suppress an address or to lift a suppression."""

    event_id: str
    tenant: str
    channel: str
    recipient: str
    action: str
    reason: str
    occurred_at: Micros
    requested_by: str
    until: Micros | None
    note: str
    raw_topic: str
    raw_partition: int
    raw_offset: int
    raw_sha256: str
    received_at: Micros | None


class SuppressionChanged(TypedDict):
    """Value of ``suppression.changed``: the full present state of one address on one channel."""

    event_id: str
    tenant: str
    channel: str
    recipient: str
    state: str
    reason: str
    since: Micros
    until: Micros | None
    tier: int
    sequence: int
    cause: str
    evidence: list[str]
    requested_by: str
    changed_at: Micros
    policy_version: str


class CreditRequested(TypedDict):
    """Value of ``credit.requested``: a command of billing: grant credit, reserve it for a message, adjust it."""

    event_id: str
    tenant: str
    account: str
    kind: str
    amount_micros: int
    currency: str
    message_id: str
    occurred_at: Micros
    requested_by: str
    note: str


class CreditEntry(TypedDict):
    """Value of ``credit.entry``: what a webhook means for the credit of one message."""

    event_id: str
    tenant: str
    account: str
    kind: str
    message_id: str
    amount_micros: int | None
    currency: str
    occurred_at: Micros
    received_at: Micros
    provider: str
    provider_event: str
    raw_topic: str
    raw_partition: int
    raw_offset: int
    raw_sha256: str


class CreditChanged(TypedDict):
    """Value of ``credit.changed``: the full present state of an account after one change."""

    event_id: str
    tenant: str
    account: str
    currency: str
    granted_micros: int
    available_micros: int
    reserved_micros: int
    spent_micros: int
    sequence: int
    cause: str
    message_id: str
    amount_micros: int
    occurred_at: Micros


class DeliveryStats(TypedDict):
    """Value of ``delivery.stats``: counts of one batch, to be added up: exactly-once delivery makes the sums exact."""

    tenant: str
    provider: str
    channel: str
    outcome: str
    reason: str
    attribution: str
    minute: Micros
    count: int
    sample_code: str
    unlisted: bool
    samples: list[str]


class OutagePeriod(TypedDict):
    """A time in which a provider was out of order on a channel; ``until`` is exclusive, None: it lasts."""

    since: Micros
    until: Micros | None


class ProviderHealth(TypedDict):
    """Value of ``provider.health``: whether a provider works on a channel for a tenant."""

    tenant: str
    provider: str
    channel: str
    degraded: bool
    failures: int
    total: int
    window_minutes: int
    since: Micros
    changed_at: Micros
    periods: list[OutagePeriod]


class DeliveryAlert(TypedDict):
    """Value of ``delivery.alert``: something a person can act on."""

    event_id: str
    alert_key: str
    tenant: str
    kind: str
    state: str
    summary: str
    action: str
    provider: str
    channel: str
    account: str
    reason: str
    sample_code: str
    observed: float
    threshold: float
    samples: list[str]
    occurred_at: Micros
