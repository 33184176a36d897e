"""Rows of the tables, by partition: in memory, or in RocksDB.

A partition's rows stand for its changelog up to ``position``. They are written only after the transaction that carried
them was committed, so they never run ahead of the changelog; what lies behind is read again at the next recovery,
which does no harm: the same rows come in the same order.
"""

import contextlib
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from app.faust_batches.batch import Rows

POSITION_KEY = b"\x00position"
"""No row may have this key; row keys are text."""


class PartitionRows(Rows, Protocol):
    """One partition's rows, with the changelog offset they stand for."""

    @property
    def position(self) -> int:
        """Offset of the first changelog record that may be missing."""

    def apply(self, rows: Mapping[bytes, bytes | None], position: int) -> None:
        """Take over committed rows."""

    def clear(self) -> None:
        """Forget everything: the changelog no longer holds what these rows stand for."""

    def close(self) -> None:
        """Let go of files."""


class MemoryRows:
    """Rows in a dict; rebuilt from the changelog at each start."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self.position = 0

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        return self._rows.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in no order."""
        return self._rows.items()

    def apply(self, rows: Mapping[bytes, bytes | None], position: int) -> None:
        """Take over committed rows."""
        for key, value in rows.items():
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value
        self.position = max(self.position, position)

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self.position = 0

    def close(self) -> None:
        """Nothing to let go of."""


class RocksRows:
    """Rows in a RocksDB folder; a restart reads only the end of the changelog."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open()

    def _open(self) -> None:
        # imported here: an optional dependency
        from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict  # noqa: PLC0415

        self._folder.parent.mkdir(parents=True, exist_ok=True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        blocks = BlockBasedOptions()
        # the default grows to gigabytes for every partition
        blocks.set_block_cache(Cache(64 * 1024 * 1024))
        options.set_block_based_table_factory(blocks)
        self._db: Any = Rdict(str(self._folder), options=options, access_type=AccessType.read_write())
        stored = self._db.get(POSITION_KEY)
        self.position = int(stored) if stored else 0

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        found: bytes | None = self._db.get(key)
        return found

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in key order."""
        return ((key, value) for key, value in self._db.items() if key != POSITION_KEY)

    def apply(self, rows: Mapping[bytes, bytes | None], position: int) -> None:
        """Take over committed rows and their position in one write."""
        from rocksdict import WriteBatch  # noqa: PLC0415 - an optional dependency

        self.position = max(self.position, position)
        batch = WriteBatch(raw_mode=True)
        for key, value in rows.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(POSITION_KEY, b"%d" % self.position)
        self._db.write(batch)

    def clear(self) -> None:
        """Forget everything."""
        self.close()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder)
        self._open()

    def close(self) -> None:
        """Close the database."""
        self._db.close()


class TableStore:
    """The rows of one table on this worker, one :class:`PartitionRows` for each partition it owns."""

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
