"""What each pass over the topics takes in: records one by one, bytes to the pure core."""

from collections.abc import Mapping
from typing import cast

from aiokafka import TopicPartition

from app import avro
from app.classify.overlay import Overlay
from app.errors import BadInputError
from app.events import DeliveryConfirmed, DeliveryFailed, SuppressionRequested
from app.faust_batches import Record
from app.faust_batches.partitioning import partition_of
from app.normalize import normalize
from app.replay.difference import Case, Terms
from app.replay.judgements import Identity, Recorded, identity_of, judged_as, mark, place
from app.replay.parcels import Correction
from app.replay.reading import Spans
from app.replay.rejudging import Rejudged
from app.stream.envelope import event_of, is_replayed
from app.stream.normalizing import key_elsewhere, raw_record
from app.stream.suppressing import receipt_of, spell_recipient
from app.topics import RAW_TOPICS, Topic

_PROVIDERS = {str(topic): provider for provider, topic in RAW_TOPICS.items()}
_NEVER = 1 << 62


class Recording:
    """First pass, over the failures: how they stand judged."""

    def __init__(self, spans: Spans, tenant: str) -> None:
        self._tenant = tenant
        self.recorded = Recorded()
        self._oldest_ms = {tp.partition: _NEVER if span.start else 0 for tp, span in spans.items()}

    def take(self, record: Record) -> None:
        """Take in a record of ``delivery.failed``."""
        if self._oldest_ms[record.partition] == _NEVER:
            self._oldest_ms[record.partition] = record.timestamp
        event = decoded_failure(record)
        if event is not None and self._tenant in {"", event["tenant"]}:
            self.recorded.add(event, mark(_text(record.key)))

    def reaches_back_to(self, timestamp_ms: int, partition: int) -> bool:
        """Tell whether the record of a webhook this old cannot have been deleted from a partition for its age."""
        return self._oldest_ms[partition] <= timestamp_ms


class Rejudging:
    """Second pass, over the webhooks: how they are judged now."""

    def __init__(self, recording: Recording, overlay: Overlay, tenant: str, partitions: int) -> None:
        self._recording = recording
        self._overlay = overlay
        self._tenant = tenant
        self._partitions = partitions
        self.rejudged = Rejudged(recording.recorded)

    def take(self, record: Record) -> None:
        """Take in a record of a raw topic; what was sent on to another partition is judged there."""
        provider = _PROVIDERS[record.topic]
        if key_elsewhere(provider, record, self._partitions) is not None:
            return
        try:
            raw = raw_record(provider, record)
        except BadInputError:
            return
        if self._tenant not in {"", raw.tenant}:
            return
        normalized = normalize(raw, self._overlay)
        failures = [
            (output.key, cast("DeliveryFailed", output.value))
            for output in normalized.outputs
            if output.topic == Topic.DELIVERY_FAILED
        ]
        complete = all(self._has_record(record, key) for key, _ in failures)
        where = place(record.topic, record.partition, record.offset)
        self.rejudged.compare(where, failures, joined=bool(normalized.awaits), complete=complete)

    def _has_record(self, record: Record, key: str) -> bool:
        return self._recording.reaches_back_to(record.timestamp, partition_of(key.encode(), self._partitions))


class Rows:
    """Third pass, over the changelog: the rows of the recipients concerned."""

    def __init__(self, keys: set[int]) -> None:
        self._keys = keys
        self.found: dict[str, bytes] = {}

    def take(self, record: Record) -> None:
        """Take in a record of the changelog; the last one of a key is its row."""
        key = _text(record.key)
        if mark(key) not in self._keys:
            return
        if record.value is None:
            self.found.pop(key, None)
        else:
            self.found[key] = record.value


class Folding:
    """Fourth pass, over the events of the recipients concerned: their rows, then and now."""

    def __init__(
        self,
        recorded: Recorded,
        rejudged: Rejudged,
        rows: Mapping[str, bytes],
        applied: Mapping[TopicPartition, int],
        terms: Terms,
        partitions: int,
    ) -> None:
        self._recorded = recorded
        self._rejudged = rejudged
        self._rows = rows
        self._applied = applied
        self._terms = terms
        self._partitions = partitions
        self.cases: dict[str, Case] = {}
        """By key."""
        self.corrections: dict[str, dict[Identity, Correction]] = {}
        """By key."""

    def take(self, record: Record) -> None:
        """Take in a record of a topic that the rows are made of."""
        pending = record.offset >= self._applied.get(TopicPartition(record.topic, record.partition), 0)
        if record.topic == Topic.SUPPRESSION_REQUESTED:
            self._take_request(record, pending=pending)
        elif mark(_text(record.key)) not in self._rejudged.keys:
            return
        elif record.topic == Topic.DELIVERY_FAILED:
            self._take_failure(record, pending=pending)
        else:
            self._take_confirmation(record, pending=pending)

    def take_new(self) -> None:
        """Take in what is a failure now and was none, after all records."""
        for key, events in self._rejudged.new.items():
            for event in events:
                self._correct(key, event)
                if event["recipient"]:
                    self._case(key, event).take_new(event)

    def _take_failure(self, record: Record, *, pending: bool) -> None:
        event = decoded_failure(record)
        if event is None:
            return
        before = self._recorded.last_of(event)
        after = self._rejudged.changed.get(identity_of(event), before)
        key = _text(record.key)
        if after != before:
            self._correct(key, judged_as(event, after))
        if event["recipient"]:
            correction = is_replayed(record)
            self._case(key, event).take_failed(event, before, after, correction=correction, pending=pending)

    def _take_confirmation(self, record: Record, *, pending: bool) -> None:
        try:
            event = cast("DeliveryConfirmed", event_of(record))
        except BadInputError:
            return
        if event["recipient"]:
            self._case(_text(record.key), event).take_confirmed(event, pending=pending)

    def _take_request(self, record: Record, *, pending: bool) -> None:
        """Take in a request; its key is as whoever asked has made it, and one in a foreign partition was sent on."""
        try:
            event = cast("SuppressionRequested", event_of(record))
        except BadInputError:
            return
        key = spell_recipient(event)
        if mark(key) not in self._rejudged.keys or partition_of(key.encode(), self._partitions) != record.partition:
            return
        receipt = receipt_of(event, record)
        self._case(key, event).take_requested(event, receipt, by_replay=is_replayed(record), pending=pending)

    def _case(self, key: str, event: DeliveryFailed | DeliveryConfirmed | SuppressionRequested) -> Case:
        case = self.cases.get(key)
        if case is None:
            row = self._rows.get(key)
            case = self.cases[key] = Case(event["tenant"], event["recipient"], row, self._terms)
        return case

    def _correct(self, key: str, event: DeliveryFailed) -> None:
        judged: DeliveryFailed = {**event, "mapping_version": self._terms.mapping_version}
        correction = Correction(event["event_id"], event["channel"], avro.encode(Topic.DELIVERY_FAILED, judged))
        self.corrections.setdefault(key, {})[identity_of(event)] = correction


def decoded_failure(record: Record) -> DeliveryFailed | None:
    """Return the failure in a record; None: it is none of ours, and went to ``dead.letter`` when it was processed."""
    try:
        return cast("DeliveryFailed", event_of(record))
    except BadInputError:
        return None


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")
