r"""Reads record batches whose header names are no UTF-8: brokers take them, and aiokafka raises in its fetcher.

Only such a batch is parsed in Python; the bytes of a name that cannot be decoded are written out (``\xff``), so that
it can be written again as text.
"""

import logging
from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from app.faust_batches.wire.inflating import InflatedBatchError, inflated

log = logging.getLogger(__name__)

_LENGTH_AT = 8
_LENGTH_END = 12


class _Text(bytearray):
    """Bytes that always decode."""

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, errors)

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Text(found) if isinstance(place, slice) else found


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc] # no types are published
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Text(self._buffer)


class LenientRecords:
    """The batches of a fetched partition; takes the place of aiokafka's ``MemoryRecords``."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._records = MemoryRecords(data)

    def has_next(self) -> bool:
        """Tell whether there is another batch."""
        found: bool = self._records.has_next()
        return found

    def size_in_bytes(self) -> int:
        """Return the size of all batches."""
        return len(self._data)

    def _checked(self, batch: Any, data: bytes) -> "_CheckedBatch":
        return _CheckedBatch(batch, data)

    def next_batch(self) -> Any:
        """Return the next batch."""
        begin = self._at
        self._at += _LENGTH_END + int.from_bytes(self._data[begin + _LENGTH_AT : begin + _LENGTH_END], "big")
        return self._checked(self._records.next_batch(), self._data[begin : self._at])


class _CheckedBatch:
    """A batch that falls back on the parser above."""

    def __init__(self, batch: Any, data: bytes) -> None:
        self._batch = batch
        self._data = data
        self.is_control_batch = batch.is_control_batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        # how the fetcher reads the one record of a control batch
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the records; raises InflatedBatchError."""
        try:
            data = inflated(self._data)
        except InflatedBatchError as error:
            error.base_offset, error.next_offset = self._batch.base_offset, self._batch.next_offset
            raise
        try:
            return iter(list(self._batch if data is self._data else DefaultRecordBatch(data)))
        except ValueError:  # UnicodeDecodeError is one
            return iter(list(_LenientBatch(data)))


class _ForgivingBatch(_CheckedBatch):
    def __iter__(self) -> Iterator[Any]:
        """Iterate over the records; none where the batch grows beyond all measure."""
        try:
            return super().__iter__()
        except InflatedBatchError:
            log.warning("a record batch at offset %d is passed over: too large when unpacked", self._batch.base_offset)
            return iter(())


class _ForgivingRecords(LenientRecords):
    """For readers that only show or follow."""

    def _checked(self, batch: Any, data: bytes) -> "_CheckedBatch":
        return _ForgivingBatch(batch, data)


def install() -> None:
    """Let every consumer of this process read in this way."""
    fetcher.MemoryRecords = _ForgivingRecords
