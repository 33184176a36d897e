"""Takes committed records out of the bytes that a leader answers with."""

from collections import deque
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from aiokafka.errors import CorruptRecordException
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord

from app.faust_batches.wire.lenient_records import LenientRecords


class Unpacking:
    """Takes out what lies at a position or after it, but for control records and what belongs to aborted transactions.

    Kept up to date while it reads, so that what came before an error can be used.
    """

    def __init__(self, position: int) -> None:
        self.records: list[Any] = []
        """The client library's own, with offset, timestamp, key, value and headers."""
        self.next_offset = position

    def read(self, data: bytes, aborted: Sequence[tuple[int, int]]) -> None:
        """Read the batches of one partition; ``aborted``: producers and the first offsets of their transactions.

        Raises CorruptRecordException where a checksum is wrong, InflatedBatchError where a batch grows beyond measure.
        """
        batches = LenientRecords(data)
        ahead = deque(sorted(aborted or (), key=itemgetter(1)))
        aborting = set[int]()
        while batches.has_next():
            batch = batches.next_batch()
            if not batch.validate_crc():
                raise CorruptRecordException("a checksum is wrong")
            # batches of formats before transactions name no producer
            if batch.producer_id is not None:
                while ahead and ahead[0][1] <= batch.base_offset:
                    aborting.add(ahead.popleft()[0])
            if batch.is_control_batch:
                if ControlRecord.parse(next(batch).key) == ABORT_MARKER:
                    aborting.discard(batch.producer_id)
            elif not (batch.is_transactional and batch.producer_id in aborting):
                # a whole batch comes also when the position lies within it
                first = self.next_offset
                self.records += [record for record in batch if record.offset >= first]
            # also behind records that compaction has taken away
            self.next_offset = max(self.next_offset, batch.next_offset)
