"""Reads records whose header names are no UTF-8, which aiokafka refuses to: whoever checks a run must see them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


@contextmanager
def legible_records() -> Iterator[None]:
    """Let the consumers of this process read any header name; what is no UTF-8 in it is replaced."""
    before = fetcher.MemoryRecords
    fetcher.MemoryRecords = _Records
    try:
        yield
    finally:
        fetcher.MemoryRecords = before


class _Records(_MemoryRecordsPy):  # type: ignore[misc] # aiokafka has no types
    def next_batch(self) -> Any:  # noqa: ANN401 - a batch of either kind
        found = self._next_slice
        batch = super().next_batch()
        return batch if found is None or _is_legible(found) else _Batch(found)


def _is_legible(batch: memoryview) -> bool:
    # in C, so that looking at all records beforehand costs little
    try:
        for _ in DefaultRecordBatch(batch):
            pass
    except UnicodeDecodeError:
        return False
    return True


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc] # aiokafka has no types
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Lenient(self._buffer)


class _Lenient(bytearray):
    """Bytes that can be decoded, whatever they are."""

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - as a bytearray's
        found = super().__getitem__(place)
        return _Lenient(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace" if errors == "strict" else errors)
