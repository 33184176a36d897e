from aiokafka import TopicPartition
from aiokafka.record.memory_records import MemoryRecords

from app.faust_batches.transaction import Outgoing, Row
from app.faust_batches.wire.encoding import BATCH_BYTES, REQUEST_BYTES, changelog_records, record_batches, waves


def outgoing(size: int) -> Outgoing:
    return Outgoing(b"k", b"x" * size, [], 5)


def test_records_are_cut_into_batches_that_brokers_take() -> None:
    """In their order; one that is larger than a batch should be has a batch of its own."""
    made = record_batches([outgoing(400_000), outgoing(400_000), outgoing(400_000), outgoing(1_000_000), outgoing(1)])
    assert [each.records for each in made] == [2, 1, 1, 1]
    assert all(each.size <= BATCH_BYTES for each in made if each.records > 1)
    assert made[2].size < 1_048_588


def test_no_records_are_no_batch() -> None:
    assert record_batches([]) == []


def test_a_row_carries_when_it_is_due() -> None:
    """A tombstone and a row that is never due carry nothing."""
    found = list(changelog_records({b"a": Row(b"1", 258), b"b": Row(b"2", None), b"c": None}))
    assert found == [
        Outgoing(b"a", b"1", [("due", b"\0\0\0\0\0\0\1\2")], None),
        Outgoing(b"b", b"2", [], None),
        Outgoing(b"c", None, [], None),
    ]


def test_a_request_has_one_batch_of_a_partition_and_so_many_bytes() -> None:
    """Brokers take a partition's batches in the order of their sequence alone."""
    many = {TopicPartition("t", number): record_batches([outgoing(899_000)] * 2) for number in range(10)}
    found = list(waves(many))
    assert all(sum(each.size for each in wave.values()) <= REQUEST_BYTES for wave in found)
    assert sum(len(wave) for wave in found) == 20
    order = [tp for wave in found for tp in wave]
    assert set(order[:10]) == set(order[10:]) == set(many)


def test_a_batch_reads_back_as_it_was_written() -> None:
    (encoded,) = record_batches([Outgoing(b"k", b"v", [("h", b"1")], 7), Outgoing(None, None, [], 8)])
    encoded.builder.set_producer_state(1, 2, 3)
    batch = MemoryRecords(bytes(encoded.builder.build())).next_batch()
    assert (batch.producer_id, batch.is_transactional) == (1, True)
    found = [(record.key, record.value, list(record.headers), record.timestamp) for record in batch]
    assert found == [(b"k", b"v", [("h", b"1")], 7), (None, None, [], 8)]
