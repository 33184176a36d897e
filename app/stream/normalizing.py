"""Agent ``normalize``: raw webhooks to judged events, credit entries, opt-outs and dead letters.

Its table ``messages`` joins Prelude's events with the recipient that only ``created`` names.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

from app.classify.overlay import Overlay
from app.domain import introductions
from app.domain.unlisted import unlisted_code
from app.edge import receipt
from app.errors import BadInputError
from app.events import DeliveryFailed
from app.faust_batches import Batch, Record, Transaction
from app.faust_batches.partitioning import partition_of
from app.normalize import normalize
from app.outputs import Normalized, RawRecord
from app.raw_records import MOST_BYTES, read_headers, record_key
from app.stream.dead_letters import kept_headers
from app.stream.envelope import bad_input, send, send_dead_letter
from app.stream.metrics import IGNORED, UNLISTED
from app.stream.watermark import Watermark
from app.topics import RAW_TOPICS, Table, Topic
from app.vocabulary import Provider

AGENT = "normalize"
TABLE = Table.MESSAGES
TOPICS = tuple(RAW_TOPICS.values())

_PROVIDERS: dict[str, Provider] = {topic: provider for provider, topic in RAW_TOPICS.items()}
_REKEYED = "rekeyed"


class Waiting(NamedTuple):
    """How long messages are remembered."""

    wait_s: int
    """How long an event waits for its recipient."""
    retention_s: int
    """How long a recipient is remembered for events to come."""


class Normalizing:
    """The normalize agent's work on one partition of each raw topic.

    ``quiet_s``: one out of which nothing came for so many seconds is taken to be read to its end.
    """

    def __init__(self, waiting: Waiting, overlay: Overlay, partitions: int, quiet_s: float) -> None:
        self._waiting = waiting
        self._overlay = overlay
        self._partitions = partitions
        self._read_up_to = Watermark(map(str, TOPICS), quiet_s)

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Normalise each record."""
        for batch in batches:
            provider = _PROVIDERS[batch.topic]
            last = batch.records[-1] if batch.reaches_end else None
            for record in batch.records:
                if record is last:
                    self._read_up_to.read_to_end(record.topic, transaction.now)
                self._process_record(provider, record, transaction)

    def moment(self, now: int) -> int | None:
        """Return up to when every webhook that may name a recipient has been read."""
        return self._read_up_to.moment(now)

    def tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:  # noqa: ARG002 - there is one table
        """Send what waited too long for its recipient, and forget old messages."""
        for key in keys:
            stored = transaction.get(TABLE, key)
            if stored is not None:
                row, released = introductions.expire(introductions.decode(stored), moment)
                send(transaction, released, moment)
                self._put(key, row, transaction)

    def _process_record(self, provider: Provider, record: Record, transaction: Transaction) -> None:
        read = None
        try:
            raw = raw_record(provider, record)
            if self._rekey(provider, record, transaction):
                return
            read = self._read_up_to.read(record.topic, raw.received_at, transaction.now)
            normalized = normalize(raw, self._overlay)
        except BadInputError as error:
            normalized = Normalized(dead_letter=bad_input(error))
        if normalized.dead_letter is not None:
            send_dead_letter(AGENT, record, normalized.dead_letter, transaction)
        elif normalized.ignored:
            IGNORED.labels(provider, normalized.ignored).inc()
        _count_unlisted(normalized)
        if normalized.introduces is not None or normalized.awaits:
            try:
                self._join(normalized, transaction, read)
            except BadInputError as error:
                send_dead_letter(AGENT, record, bad_input(error), transaction)
        else:
            send(transaction, normalized.outputs, read)

    def _rekey(self, provider: Provider, record: Record, transaction: Transaction) -> bool:
        """Send a record that came to another partition than its message's others on to the right one."""
        key = key_elsewhere(provider, record, self._partitions)
        if key is None:
            return False
        headers = [*kept_headers(record.headers), (_REKEYED, b"%d/%d" % (record.partition, record.offset))]
        transaction.send(record.topic, key, record.value, headers, timestamp=record.timestamp)
        return True

    def _join(self, normalized: Normalized, transaction: Transaction, read: int | None) -> None:
        introduction = normalized.introduces
        tenant = str(normalized.outputs[0].value["tenant"])
        message = introduction.message_id if introduction else normalized.awaits
        key = f"{tenant}/{message}".encode()
        stored = transaction.get(TABLE, key)
        row = introductions.decode(stored) if stored is not None else None
        if introduction is not None:
            row, released = introductions.introduce(row, introduction, transaction.now, self._waiting.retention_s)
            released = (*normalized.outputs, *released)
        else:
            row, released = introductions.park_or_complete(
                row, normalized.outputs, transaction.now, self._waiting.wait_s, self._waiting.retention_s
            )
        send(transaction, released, read)
        self._put(key, row, transaction)

    def _put(self, key: bytes, row: introductions.Row | None, transaction: Transaction) -> None:
        if row is None:
            transaction.put(TABLE, key, None)
        else:
            transaction.put(TABLE, key, introductions.encode(row), introductions.next_due(row))


def _count_unlisted(normalized: Normalized) -> None:
    for output in normalized.outputs:
        if output.topic == Topic.DELIVERY_FAILED:
            event = cast("DeliveryFailed", output.value)
            if unlisted_code(event) is not None:
                UNLISTED.labels(event["provider"], event["channel"]).inc()


def key_elsewhere(provider: Provider, record: Record, partitions: int) -> bytes | None:
    """Return the key that brings a record to the partition where it is processed; None: it is there.

    Only events that are joined must meet. A producer may leave the key out or hash it differently (librdkafka's default
    does); a record is sent on once at most.
    """
    if provider is not Provider.PRELUDE:
        return None
    key = record_key(provider, record.value or b"")
    if key is None or partition_of(key, partitions) == record.partition:
        return None
    return None if any(name == _REKEYED for name, _ in record.headers) else key


def raw_record(provider: Provider, record: Record) -> RawRecord:
    """Return the webhook in a record; raises BadInputError where it or its headers are not as they should be."""
    if len(record.value or b"") > MOST_BYTES:
        raise BadInputError(f"value: {len(record.value or b'')} bytes, expected at most {MOST_BYTES}")
    provenance = read_headers(record.headers)
    received_at = receipt(record.timestamp) if provenance.received_at is None else provenance.received_at
    return RawRecord(
        provider,
        record.value or b"",
        provenance.tenant,
        received_at,
        provenance.account or f"{provenance.tenant}/{provider}",
        record.topic,
        record.partition,
        record.offset,
    )
