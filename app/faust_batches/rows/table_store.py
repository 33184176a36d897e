"""The rows of one table on this worker, one :class:`PartitionRows` for each partition that it owns."""

from collections.abc import Iterable
from pathlib import Path

from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.rows.partition_rows import PartitionRows
from app.faust_batches.rows.rocks import RocksRows


class TableStore:
    """Opens and closes the partitions of a table."""

    def __init__(self, name: str, folder: Path | None) -> None:
        self.name = name
        self._folder = folder
        """Where RocksDB keeps its folders; None: in memory."""
        self.partitions: dict[int, PartitionRows] = {}

    def open(self, partition: int) -> PartitionRows:
        """Return the partition's rows, kept or new."""
        rows = self.partitions.get(partition)
        if rows is None:
            rows = MemoryRows() if self._folder is None else RocksRows(self._folder / self.name / str(partition))
            self.partitions[partition] = rows
        return rows

    def keep_only(self, partitions: Iterable[int]) -> None:
        """Close the partitions that left this worker: reading them would show what was true once."""
        for partition in set(self.partitions).difference(partitions):
            self.partitions.pop(partition).close()

    def close(self) -> None:
        """Close everything."""
        self.keep_only(())
