from aiokafka import partitioner
from hypothesis import given
from hypothesis import strategies as st

from app.faust_batches.partitioning import murmur2, partition_of


def test_keys_hash_as_in_the_java_client() -> None:
    """Vectors of Kafka's own UtilsTest.testMurmur2, brought to a partition as its default partitioner does."""
    hashes = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
    assert {key: partition_of(key, 1000) for key in hashes} == {
        key: (value & 0x7FFFFFFF) % 1000 for key, value in hashes.items()
    }


@given(st.binary(max_size=80))
def test_it_is_the_hash_of_the_client_library(key: bytes) -> None:
    assert murmur2(key) == partitioner.murmur2(key) & 0xFFFFFFFF
