"""The private names of Faust and aiokafka that app/faust_batches leans on, with the signatures it was written against.

When one of these fails after an upgrade, read the new source before you touch the expectation.
"""

import importlib.metadata
import inspect
from typing import Any, cast

import aiokafka
import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder, _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver

from app.faust_batches.application import BatchApp, BatchBoot

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
    (driver.Consumer._new_consumer_thread, "(self)"),
    (driver.AIOKafkaConsumerThread._create_worker_consumer, "(self, transport)"),
    (driver.AIOKafkaConsumerThread._ensure_consumer, "(self)"),
    (driver.AIOKafkaConsumerThread._fetch_records, "(self, consumer, active_partitions, timeout, max_records)"),
    (driver.AIOKafkaConsumerThread.getmany, "(self, active_partitions, timeout)"),
    (Consumer.getmany, "(self, timeout)"),
    (Consumer._getmany, "(self, active_partitions, timeout)"),
    (Consumer.commit, "(self, topics, start_new_transaction)"),
    (Consumer.verify_event_path, "(self, now, tp)"),
    (Fetcher._create_fetch_waiter, "(self)"),
    (Fetcher._get_actions_per_node, "(self, assignment)"),
    (driver.AIOKafkaConsumerThread.on_start, "(self)"),
    (GroupCoordinator.request_rejoin, "(self)"),
    (GroupCoordinator.check_errors, "(self)"),
    (AIOKafkaClient.bootstrap, "(self)"),
    (AIOKafkaClient.send, "(self, node_id, request, group)"),
    (AIOKafkaClient.coordinator_lookup, "(self, coordinator_type, coordinator_key)"),
    (AIOKafkaClient.force_metadata_update, "(self)"),
    (AIOKafkaClient.add_topic, "(self, topic)"),
    (InitProducerIdRequest.__init__, "(self, transactional_id, transaction_timeout_ms)"),
    (AddPartitionsToTxnRequest.__init__, "(self, transactional_id, producer_id, producer_epoch, topics)"),
    (AddOffsetsToTxnRequest.__init__, "(self, transactional_id, producer_id, producer_epoch, group_id)"),
    (
        EndTxnRequest.__init__,
        "(self, transactional_id, producer_id, producer_epoch, transaction_result)",
    ),
    (ProduceRequest.__init__, "(self, transactional_id, required_acks, timeout, topics)"),
    (_DefaultRecordBatchBuilderPy.set_producer_state, "(self, producer_id, producer_epoch, base_sequence)"),
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
    assert "self._recovery is None" in inspect.getsource(TableManager.recovery.fget)  # type: ignore[attr-defined]
    assert "self._coordination_task = " in inspect.getsource(GroupCoordinator.__init__)
    assert "self.generation = " in inspect.getsource(GroupCoordinator.__init__)
    assert "self.member_id = " in inspect.getsource(GroupCoordinator.__init__)
    assert "self._pending_exception = exc" in inspect.getsource(GroupCoordinator._push_error_to_user)
    assert "app)._fetcher.maybe_start()" in inspect.getsource(Recovery.on_recovery_completed)
    assert DefaultRecordBatchBuilder is not None


def test_faust_s_own_producer_is_left_out() -> None:
    """Its settings hold no login, so it could not connect where one is asked for."""
    boot = BatchBoot(cast("Any", None))
    assert list(boot.kafka_producer()) == []
    assert "self.boot_strategy = self.BootStrategy(self)" in inspect.getsource(faust.App.__init__)
    assert BatchApp.BootStrategy is BatchBoot


def test_the_fetcher_makes_batches_by_the_name_that_is_replaced() -> None:
    """And asks them what the replacement answers."""
    assert "records = MemoryRecords(part_data[-1])" in inspect.getsource(Fetcher._proc_fetch_request)
    assert fetcher.MemoryRecords is not MemoryRecords
    asked = {name for name in dir(_MemoryRecordsPy) if not name.startswith("_") and name.islower()}
    assert asked == {"has_next", "next_batch", "size_in_bytes"}


def test_a_fetcher_that_is_told_to_do_nothing_does_nothing() -> None:
    """Five answers in this order, and nothing else is asked for."""
    source = inspect.getsource(Fetcher._fetch_requests_routine)
    names = ["fetch_requests,", "reset_requests,", "timeout,", "invalid_metadata,", "resume_futures,"]
    places = [source.index(name) for name in names]
    assert places == sorted(places)
    assert ") = self._get_actions_per_node(assignment)" in source
    assert fetcher.OffsetResetStrategy.from_str("none") == fetcher.OffsetResetStrategy.NONE


def test_an_acked_message_is_not_tracked_without_acks() -> None:
    """Topics declared with acks=False keep Faust's own offset bookkeeping out of the way."""
    assert "if channel.acks:" in inspect.getsource(faust.transport.conductor.Conductor._update_indices)
    assert "if self.app.topics.acks_enabled_for(message.topic):" in inspect.getsource(Consumer.ack)
