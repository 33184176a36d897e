"""Agent ``suppress``: failures, confirmations and requests to recipients' rows, and what is told of them."""

from collections.abc import Sequence
from typing import Any, cast

from app import avro
from app.domain import recipients, unaddressed
from app.domain.policy import Policy
from app.domain.recipients import Applied
from app.domain.rows import Row, decode_row, encode_row
from app.domain.stats import count_batch
from app.events import DeliveryConfirmed, DeliveryFailed, SuppressionRequested
from app.faust_batches import Batch, Record, Transaction
from app.faust_batches.partitioning import partition_of
from app.identity import canonical, recipient_key
from app.stream.dead_letters import kept_headers
from app.stream.envelope import decoded, is_replayed, read_up_to, send
from app.stream.health import ProviderHealthReader
from app.stream.metrics import APPLIED, FORWARDED
from app.stream.watermark import Watermark, raw_partitions
from app.topics import Table, Topic
from app.vocabulary import Confirmation

AGENT = "suppress"
TABLE = Table.RECIPIENTS
TOPICS = (Topic.DELIVERY_FAILED, Topic.DELIVERY_CONFIRMED, Topic.SUPPRESSION_REQUESTED)

_ASKED = (str(Topic.SUPPRESSION_REQUESTED), "", -1)
"""Requests with no webhook behind them, as a source beside the partitions of raw topics."""


class Suppressing:
    """The suppress agent's work on one partition.

    What it reads comes out of every partition of the raw topics, by three topics, and each way may be read at a speed
    of its own. ``quiet_s``: one by which nothing came for so many seconds is taken to be read, and so are requests.
    """

    def __init__(self, policy: Policy, health: ProviderHealthReader, partitions: int, quiet_s: float) -> None:
        self._policy = policy
        self._health = health
        self._partitions = partitions
        webhooks = ((str(topic), *origin) for topic in TOPICS for origin in raw_partitions(partitions))
        self._read_up_to = Watermark([_ASKED, *webhooks], quiet_s)

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Apply each record to its row; a row is decoded and encoded once for all of them."""
        rows: dict[bytes, Row] = {}
        changed: set[bytes] = set()
        failed: list[DeliveryFailed] = []
        confirmed: list[DeliveryConfirmed] = []
        for record, event in decoded(AGENT, batches, transaction):
            if record.topic == Topic.DELIVERY_FAILED and is_replayed(record):
                # a correction for consumers: the row counts as first judged, what follows from it comes as requests
                APPLIED.labels(AGENT, "replayed").inc()
                continue
            self._note(event, record, transaction.now)
            if record.topic == Topic.SUPPRESSION_REQUESTED and self._forward(event, record, transaction):
                continue
            if event["recipient"]:
                known = self._apply(event, record, rows, changed, transaction)
            else:
                known = self._remember(event, record, transaction)
            if not known and record.topic == Topic.DELIVERY_FAILED:
                failed.append(cast("DeliveryFailed", event))
            elif not known and record.topic == Topic.DELIVERY_CONFIRMED:
                confirmed.append(cast("DeliveryConfirmed", event))
        for key in changed:
            self._put(key, rows[key], transaction)
        send(transaction, count_batch(failed, confirmed, self._policy))
        if any(batch.reaches_end and batch.topic == Topic.SUPPRESSION_REQUESTED for batch in batches):
            self._read_up_to.read_to_end(_ASKED, transaction.now)

    def moment(self, now: int) -> int | None:
        """Return up to when all that concerns recipients has been read."""
        return self._read_up_to.moment(now)

    def tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:  # noqa: ARG002 - there is one table
        """End the suppressions whose time is over; forget old good news, and old reports that named no recipient."""
        for key in keys:
            if unaddressed.is_row_key(key):
                transaction.put(TABLE, key, None)
                continue
            row = decode_row(transaction.get(TABLE, key))
            applied = recipients.expire(row, key.decode(), self._policy, moment)
            send(transaction, applied.outputs)
            if applied.forget:
                transaction.put(TABLE, key, None)
            else:
                self._put(key, row, transaction)

    def _note(self, event: dict[str, Any], record: Record, now: int) -> None:
        """Note how far a record says that its source was read."""
        received_at = event["received_at"]
        if received_at is None:
            self._read_up_to.read(_ASKED, record.timestamp * 1000, now)
        else:
            source = (record.topic, event["raw_topic"], event["raw_partition"])
            self._read_up_to.read(source, read_up_to(record, received_at), now)

    def _apply(
        self,
        event: dict[str, Any],
        record: Record,
        rows: dict[bytes, Row],
        changed: set[bytes],
        transaction: Transaction,
    ) -> bool:
        """Apply an event; True when its row knew it already."""
        key = recipient_key(event["tenant"], event["recipient"]).encode()
        row = rows.get(key)
        if row is None:
            row = rows[key] = decode_row(transaction.get(TABLE, key))
        applied = self._applied(event, record, row, transaction.now)
        if applied.changed:
            changed.add(key)
        if applied.duplicate or applied.note:
            APPLIED.labels(AGENT, "duplicate" if applied.duplicate else applied.note).inc()
        send(transaction, applied.outputs)
        return applied.duplicate

    def _remember(self, event: dict[str, Any], record: Record, transaction: Transaction) -> bool:
        """Remember a report that names no recipient; True when it is a copy.

        A request without an address asks for nothing, and acceptance is not counted at all.
        """
        if record.topic == Topic.SUPPRESSION_REQUESTED or event.get("kind") == Confirmation.ACCEPTED:
            return False
        report = cast("DeliveryFailed | DeliveryConfirmed", event)
        key = unaddressed.row_key(report)
        if transaction.get(TABLE, key) is not None:
            APPLIED.labels(AGENT, "duplicate").inc()
            return True
        row = unaddressed.new_row(report, self._policy.clock)
        transaction.put(TABLE, key, row, unaddressed.forget_at(row, self._policy.memory))
        return False

    def _applied(self, event: dict[str, Any], record: Record, row: Row, now: int) -> Applied:
        if record.topic == Topic.DELIVERY_FAILED:
            outages = self._health.outages(event["tenant"], event["provider"], event["channel"])
            return recipients.apply_failed(row, cast("DeliveryFailed", event), self._policy, now, outages=outages)
        if record.topic == Topic.DELIVERY_CONFIRMED:
            return recipients.apply_confirmed(row, cast("DeliveryConfirmed", event), self._policy, now)
        request = cast("SuppressionRequested", event)
        return recipients.apply_request(row, request, self._policy, now, received_at=receipt_of(request, record))

    def _forward(self, event: dict[str, Any], record: Record, transaction: Transaction) -> bool:
        """Bring a request's address to its one spelling, and the record to that address's partition.

        A person writes an address as they like, and a producer may hash its key differently.
        """
        key = spell_recipient(cast("SuppressionRequested", event)).encode()
        if partition_of(key, self._partitions) == record.partition:
            return False
        FORWARDED.labels(record.topic).inc()
        value = avro.encode(record.topic, event)
        transaction.send(record.topic, key, value, kept_headers(record.headers), timestamp=record.timestamp)
        return True

    def _put(self, key: bytes, row: Row, transaction: Transaction) -> None:
        transaction.put(TABLE, key, encode_row(row), recipients.next_due(row, self._policy))


def spell_recipient(request: SuppressionRequested) -> str:
    """Bring a request's address to its one spelling, and return the key of its row."""
    request["recipient"] = canonical(request["recipient"], request["channel"]).value
    return recipient_key(request["tenant"], request["recipient"])


def receipt_of(request: SuppressionRequested, record: Record) -> int:
    """Return when a request was received, in microseconds: the webhook behind it, or its record."""
    return record.timestamp * 1000 if request["received_at"] is None else request["received_at"]
