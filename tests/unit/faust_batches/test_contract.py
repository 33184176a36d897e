"""The private names of Faust and aiokafka that app/faust_batches leans on, with the signatures it was written against.

When one of these fails after an upgrade, read the new source before you touch the expectation.
"""

import importlib.metadata
import inspect
from typing import Any, cast

import aiokafka
import faust
import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator, MessageBatch
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faust.serializers.schemas import Schema
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

SIGNATURES: list[tuple[Any, str]] = [
    (faust.App._new_transport, "(self)"),
    (faust.App._on_partitions_revoked, "(self, revoked)"),
    (faust.App.on_stop, "(self)"),
    (faust.App.crash, "(self, reason)"),
    (faust.App.on_rebalance_end, "(self)"),
    (faust.Table.on_start, "(self)"),
    (faust.Table.on_rebalance, "(self, assigned, revoked, newly_assigned, generation_id)"),
    (TableManager.on_actives_ready, "(self)"),
    (TableManager.on_standbys_ready, "(self)"),
    (Recovery.on_partitions_revoked, "(self, revoked)"),
    (Recovery.on_rebalance, "(self, assigned, revoked, newly_assigned, generation_id)"),
    (Schema.compile, "(self, app, on_key_decode_error, on_value_decode_error, default_propagate)"),
    (driver.Consumer._new_consumer_thread, "(self)"),
    (driver.AIOKafkaConsumerThread._create_worker_consumer, "(self, transport)"),
    (driver.AIOKafkaConsumerThread._ensure_consumer, "(self)"),
    (driver.AIOKafkaConsumerThread._fetch_records, "(self, consumer, active_partitions, timeout, max_records)"),
    (Fetcher._create_fetch_waiter, "(self)"),
    (driver.AIOKafkaConsumerThread.seek_to_committed, "(self)"),
    (driver.AIOKafkaConsumerThread.getmany, "(self, active_partitions, timeout)"),
    (Consumer.getmany, "(self, timeout)"),
    (Consumer._getmany, "(self, active_partitions, timeout)"),
    (Consumer._get_active_partitions, "(self)"),
    (Consumer.commit, "(self, topics, start_new_transaction)"),
    (Consumer._add_gap, "(self, tp, offset_from, offset_to)"),
    (Consumer.verify_event_path, "(self, now, tp)"),
    (Consumer.perform_seek, "(self)"),
    (GroupCoordinator.fetch_committed_offsets, "(self, partitions)"),
    (Fetcher.fetched_records, "(self, partitions, timeout, max_records)"),
    (AIOKafkaProducer.send_batch, "(self, batch, topic, partition)"),
    (AIOKafkaProducer.create_batch, "(self)"),
    (BatchBuilder.append, "(self, timestamp, key, value, headers)"),
    (AIOKafkaProducer.send_offsets_to_transaction, "(self, offsets, group_id)"),
]


@pytest.mark.parametrize(("function", "expected"), SIGNATURES, ids=lambda value: getattr(value, "__qualname__", ""))
def test_signature_is_the_one_overridden_or_called(function: object, expected: str) -> None:
    """A changed parameter list means changed behaviour behind it."""
    assert "(" + ", ".join(inspect.signature(cast("Any", function)).parameters) + ")" == expected


def test_versions_are_the_pinned_ones() -> None:
    """The exact versions this package was written and tested against are installed."""
    assert importlib.metadata.version("faust-streaming") == "0.15.3"
    assert importlib.metadata.version("aiokafka") == "0.14.0" == aiokafka.__version__


def test_private_attributes_exist() -> None:
    """Attributes reached into are still assigned where this package expects them."""
    assert "self._fetch_waiters = set()" in inspect.getsource(Fetcher.__init__)
    assert "self._active_partitions" in inspect.getsource(Consumer._get_active_partitions)
    assert "self._recovery is None" in inspect.getsource(TableManager.recovery.fget)  # type: ignore[attr-defined]
    assert "return BACKOFF_OVERRIDE" in inspect.getsource(sender)
    assert "self._drain_waiter = create_future()" in inspect.getsource(MessageBatch.__init__)
    assert "self._batches = " in inspect.getsource(MessageAccumulator.__init__)
    assert "return self._transaction_waiter" in inspect.getsource(TransactionManager.wait_for_transaction_end)
    assert "self._message_accumulator = " in inspect.getsource(AIOKafkaProducer.__init__)
    assert "self._txn_manager = " in inspect.getsource(AIOKafkaProducer.__init__)
    assert "app)._fetcher.maybe_start()" in inspect.getsource(Recovery.on_recovery_completed)
    assert DefaultRecordBatchBuilder is not None


def test_an_acked_message_is_not_tracked_without_acks() -> None:
    """Topics declared with acks=False keep Faust's own offset bookkeeping out of the way."""
    assert "if channel.acks:" in inspect.getsource(faust.transport.conductor.Conductor._update_indices)
    assert "if self.app.topics.acks_enabled_for(message.topic):" in inspect.getsource(Consumer.ack)
