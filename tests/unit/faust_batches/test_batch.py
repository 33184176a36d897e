from app.faust_batches import Batch, Transaction
from app.faust_batches.batch import partition_of
from app.faust_batches.store import MemoryRows


def test_a_transaction_reads_its_own_writes_before_the_committed_rows() -> None:
    rows = MemoryRows()
    rows.apply({b"a": b"old", b"b": b"kept"}, 1)
    transaction = Transaction(0, {"t": rows}, now=1)
    transaction.put("t", b"a", b"new")
    transaction.put("t", b"c", None)
    assert [transaction.get("t", key) for key in (b"a", b"b", b"c", b"d")] == [b"new", b"kept", None, None]
    assert rows.get(b"a") == b"old"


def test_a_transaction_is_empty_until_something_is_written() -> None:
    assert Transaction(0, {"t": MemoryRows()}, now=1).empty
    written = Transaction(0, {"t": MemoryRows()}, now=1)
    written.put("t", b"a", None)
    assert not written.empty
    sent = Transaction(0, {}, now=1)
    sent.send("topic", b"k", b"v")
    assert not sent.empty


def test_keys_hash_as_in_the_java_client() -> None:
    """Vectors of Kafka's own UtilsTest.testMurmur2, brought to a partition as its default partitioner does."""
    murmur2 = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
    assert {key: partition_of(key, 1000) for key in murmur2} == {
        key: (value & 0x7FFFFFFF) % 1000 for key, value in murmur2.items()
    }


def test_the_offset_to_commit_is_one_after_the_last_record() -> None:
    class At:
        topic, partition, timestamp, key, value = "t", 0, 0, None, b""
        headers: tuple[tuple[str, bytes], ...] = ()

        def __init__(self, offset: int) -> None:
            self.offset = offset

    assert Batch("t", 0, [At(4), At(9)]).next_offset == 10
