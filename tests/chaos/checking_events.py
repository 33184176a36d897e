"""Compares every record of the event topics with what must be written, record by record."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from app import avro
from app.topics import Topic
from tests.chaos.emissions import Emissions, Place
from tests.chaos.findings import Findings
from tests.chaos.oracle_recipients import StatsKey
from tests.chaos.reading import Stored
from tests.chaos.webhooks import Webhook

TOPICS = (
    Topic.DELIVERY_FAILED,
    Topic.DELIVERY_CONFIRMED,
    Topic.CREDIT_ENTRY,
    Topic.SUPPRESSION_REQUESTED,
    Topic.DEAD_LETTER,
    Topic.DELIVERY_STATS,
)
Fields = dict[str, Any]


class EventCheck:
    """Takes in the records of these topics, and learns the product's event ids from them."""

    def __init__(self, emissions: Emissions, findings: Findings) -> None:
        self.ids: dict[str, str] = {}
        """Event ids by identity."""
        self.stats: Counter[StatsKey] = Counter()
        self._identities: dict[str, str] = {}
        self._findings = findings
        self._seen: dict[Topic, Counter[Place]] = {topic: Counter() for topic in TOPICS}
        self._expected: dict[Topic, tuple[Mapping[Place, Webhook], Callable[[Webhook], tuple[str, Fields]]]] = {
            Topic.DELIVERY_FAILED: (emissions.failed, _failed),
            Topic.DELIVERY_CONFIRMED: (emissions.confirmed, _confirmed),
            Topic.CREDIT_ENTRY: (emissions.entries, _entry),
            Topic.SUPPRESSION_REQUESTED: (emissions.opted_out, _opted_out),
        }
        self._dead = emissions.dead

    def take(self, record: Stored) -> None:
        """Check a record against the webhook that it came of."""
        topic = Topic(record.topic)
        if topic is Topic.DEAD_LETTER:
            headers = dict(record.headers)
            origin = (headers["origin-topic"], headers["origin-partition"], headers["origin-offset"])
            self._seen[topic][Place(origin[0].decode(), int(origin[1]), int(origin[2]))] += 1
            return
        event = avro.decode(topic, record.value)
        if topic is Topic.DELIVERY_STATS:
            self.stats[StatsKey(*(event[name] for name in StatsKey._fields))] += event["count"]
        elif event["raw_topic"]:
            self._compare(topic, event)

    @property
    def dead_letters(self) -> Counter[Place]:
        """How many dead letters name each place."""
        return self._seen[Topic.DEAD_LETTER]

    def finish(self) -> None:
        """Compare how often each record is there: once for each webhook, and nothing else."""
        for topic, (expected, _) in self._expected.items():
            self._findings.compare_counts(topic, self._seen[topic], dict.fromkeys(expected, 1))
        self._findings.compare_counts(Topic.DEAD_LETTER, self.dead_letters, dict.fromkeys(self._dead, 1))

    def _compare(self, topic: Topic, event: Fields) -> None:
        place = Place(event["raw_topic"], event["raw_partition"], event["raw_offset"])
        self._seen[topic][place] += 1
        expected, fields = self._expected[topic]
        webhook = expected.get(place)
        if webhook is None:
            return
        identity, wanted = fields(webhook)
        self._findings.expect(topic, place, {name: event[name] for name in wanted}, wanted)
        known = self.ids.setdefault(identity, event["event_id"])
        self._findings.expect(f"{topic} event_id", place, event["event_id"], known)
        owner = self._identities.setdefault(f"{topic}/{known}", identity)
        self._findings.expect(f"{topic} event_id of two events", place, identity, owner)


def _failed(webhook: Webhook) -> tuple[str, Fields]:
    told = webhook.meaning.failed
    if told is None:
        raise AssertionError("expected of a failure only")
    fields = {
        "tenant": webhook.tenant,
        "provider": webhook.provider,
        "account": webhook.credit_account,
        "channel": told.channel,
        "recipient": told.recipient,
        "occurred_at": told.at,
        "received_at": webhook.received_at,
        "reason": told.reason,
        "attribution": told.attribution,
        "permanence": told.permanence,
        "outcome": told.outcome,
    }
    return told.identity, fields


def _confirmed(webhook: Webhook) -> tuple[str, Fields]:
    told = webhook.meaning.confirmed
    if told is None:
        raise AssertionError("expected of a confirmation only")
    fields = {
        "tenant": webhook.tenant,
        "provider": webhook.provider,
        "channel": told.channel,
        "recipient": told.recipient,
        "occurred_at": told.at,
        "received_at": webhook.received_at,
        "kind": told.kind,
    }
    return told.identity, fields


def _entry(webhook: Webhook) -> tuple[str, Fields]:
    told = webhook.meaning.entry
    if told is None:
        raise AssertionError("expected of a report about credit only")
    fields = {
        "tenant": webhook.tenant,
        "account": webhook.credit_account,
        "kind": told.kind,
        "message_id": told.message,
        "amount_micros": told.amount,
        "currency": told.currency,
        "occurred_at": told.at,
    }
    return told.identity, fields


def _opted_out(webhook: Webhook) -> tuple[str, Fields]:
    told = webhook.meaning.opted_out
    if told is None:
        raise AssertionError("expected of an opt-out only")
    fields = {
        "tenant": webhook.tenant,
        "channel": told.channel,
        "recipient": told.recipient,
        "action": "suppress",
        "reason": "recipient_opted_out",
        "occurred_at": told.at,
        "received_at": webhook.received_at,
        "requested_by": told.by,
    }
    return told.identity, fields
