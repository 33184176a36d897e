from app.faust_batches import Batch
from app.faust_batches.batch import partition_of


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
