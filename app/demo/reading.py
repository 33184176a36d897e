"""Reads what came out, committed records only, and tells when nothing is under way any more."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from app import avro
from app.demo.figures import Balance, Figures, Raised, Suppressed
from app.demo.processes import PARTITIONS
from app.domain import introductions, unaddressed
from app.settings import Settings
from app.stream import alerting, crediting, normalizing, suppressing
from app.stream.worker import application_id, connection
from app.topics import RAW_TOPICS, Topic, changelog
from app.vocabulary import AlertState, SuppressionState

_INPUTS: tuple[str, ...] = (*normalizing.TOPICS, *suppressing.TOPICS, *crediting.TOPICS, *alerting.TOPICS)
_RAW = frozenset(RAW_TOPICS.values())
_OUTPUTS = (Topic.SUPPRESSION_CHANGED, Topic.DELIVERY_ALERT, Topic.DEAD_LETTER)
_POLL_MS = 100


class Seen:
    """Everything that was read, the latest state of each key where a key has a state."""

    def __init__(self) -> None:
        self.raw = 0
        self.failed: dict[str, dict[str, Any]] = {}
        """By event id."""
        self.confirmed: dict[str, tuple[str, str]] = {}
        self.dead_letters: Counter[tuple[str, str]] = Counter()
        """By origin and text."""
        self.recipients: set[str] = set()
        self.suppressions: dict[str, dict[str, Any]] = {}
        self.credit: dict[str, dict[str, Any]] = {}
        self.alerts: dict[str, dict[str, Any]] = {}

    def take(self, topic: str, record: Any) -> None:  # noqa: ANN401 - aiokafka publishes no type
        """Take in one record of a topic of the product."""
        if topic in _RAW:
            self.raw += 1
        elif topic == Topic.DEAD_LETTER:
            headers = dict(record.headers)
            self.dead_letters[headers["origin-topic"].decode(), headers["error-text"].decode()] += 1
        elif topic == Topic.DELIVERY_FAILED:
            event = avro.decode(topic, record.value)
            self.failed.setdefault(event["event_id"], event)
        elif topic == Topic.DELIVERY_CONFIRMED:
            event = avro.decode(topic, record.value)
            self.confirmed[event["event_id"]] = event["provider"], event["kind"]
        elif topic in self._states:
            self._states[topic][record.key.decode()] = avro.decode(topic, record.value)

    @property
    def _states(self) -> Mapping[str, dict[str, dict[str, Any]]]:
        return {
            Topic.SUPPRESSION_CHANGED: self.suppressions,
            Topic.CREDIT_CHANGED: self.credit,
            Topic.DELIVERY_ALERT: self.alerts,
        }

    @property
    def suppressed(self) -> list[dict[str, Any]]:
        """Records of the addresses that are suppressed now."""
        return [each for each in self.suppressions.values() if each["state"] == SuppressionState.SUPPRESSED]

    @property
    def raised(self) -> list[dict[str, Any]]:
        """Records of the alerts that are raised now."""
        return [each for each in self.alerts.values() if each["state"] == AlertState.RAISED]

    def figures(self) -> Figures:
        """Return what was read as figures."""
        return Figures(
            raw=self.raw,
            failed=Counter((event["provider"], event["reason"]) for event in self.failed.values()),
            unaddressed=sum(not event["recipient"] for event in self.failed.values()),
            confirmed=Counter(self.confirmed.values()),
            dead_letters=self.dead_letters.total(),
            recipients=frozenset(self.recipients),
            suppressions=frozenset(_of(Suppressed, each) for each in self.suppressed),
            credit={account: _of(Balance, each) for account, each in self.credit.items()},
            alerts=frozenset(_of(Raised, each) for each in self.raised),
        )


class Reader:
    """Follows the topics for the length of an async with block."""

    def __init__(self, settings: Settings) -> None:
        self.seen = Seen()
        self.records = 0
        """Records read, of all topics."""
        self.processed = 0
        """Webhooks whose effects are committed."""
        self._group = application_id(settings)
        self._messages = changelog(self._group, normalizing.TABLE).name
        self._recipients = changelog(self._group, suppressing.TABLE).name
        self._parked: dict[bytes, bool] = {}
        self._last: dict[TopicPartition, int] = {}
        """Offset of the last record of each partition; commit markers come after it."""
        arguments = connection(settings)
        self._admin = AIOKafkaAdminClient(**arguments)
        self._consumer = AIOKafkaConsumer(
            **arguments, isolation_level="read_committed", auto_offset_reset="earliest", enable_auto_commit=False
        )

    async def __aenter__(self) -> Self:
        await self._admin.start()
        await self._consumer.start()
        topics = (*_INPUTS, *_OUTPUTS, self._messages, self._recipients)
        self._consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def catch_up(self) -> bool:
        """Read to the end; return whether nothing is under way: all input committed, and nothing waits.

        The committed offsets are asked for first: what an agent writes after that is seen here as not yet processed.
        """
        committed = await self._admin.list_consumer_group_offsets(self._group)
        offsets = {tp: found.offset for tp, found in committed.items()}
        ends = await self._consumer.end_offsets(self._consumer.assignment())
        while any([await self._consumer.position(tp) < end for tp, end in ends.items()]):
            await self._poll()
        self.processed = sum(offset for tp, offset in offsets.items() if tp.topic in _RAW)
        behind = any(offsets.get(tp, 0) <= last for tp, last in self._last.items() if tp.topic in _INPUTS)
        return not behind and not any(self._parked.values())

    async def _poll(self) -> None:
        fetched = await self._consumer.getmany(timeout_ms=_POLL_MS)
        for tp, records in fetched.items():
            for record in records:
                self._take(tp.topic, record)
            if records:
                self.records += len(records)
                self._last[tp] = records[-1].offset
        await asyncio.sleep(0)

    def _take(self, topic: str, record: Any) -> None:  # noqa: ANN401 - aiokafka publishes no type
        if topic == self._messages:
            self._parked[record.key] = record.value is not None and bool(introductions.decode(record.value)["parked"])
        elif topic == self._recipients:
            if not unaddressed.is_row_key(record.key):
                self.seen.recipients.add(record.key.decode())
        else:
            self.seen.take(topic, record)


def _of(figure: Any, record: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any of the NamedTuples
    return figure(*(record[name] for name in figure._fields))
