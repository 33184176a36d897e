"""Rows of the tables, by partition: in memory, or in RocksDB, with an index of when each is due."""

from app.faust_batches.rows.partition_rows import PartitionRows
from app.faust_batches.rows.table_store import TableStore

__all__ = ["PartitionRows", "TableStore"]
