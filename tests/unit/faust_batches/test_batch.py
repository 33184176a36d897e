from app.faust_batches import Batch


def test_the_offset_to_commit_is_one_after_the_last_record() -> None:
    class At:
        topic, partition, timestamp, key, value = "t", 0, 0, None, b""
        headers: tuple[tuple[str, bytes], ...] = ()

        def __init__(self, offset: int) -> None:
            self.offset = offset

    assert Batch("t", 0, [At(4), At(9)]).next_offset == 10
