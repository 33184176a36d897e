"""Rows in RocksDB: a restart reads only the end of the changelog.

A row lies under its key, behind the eight bytes of the moment at which it is due. A second key for each such row begins
with that moment, so that what is due comes first and nothing is read to find it.
"""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.errors import StoreError
from app.faust_batches.rows.partition_rows import NEVER, encode_due
from app.faust_batches.transaction import Changes, Row

_FIRST_ROW = b"\x01"
"""Keys that are no row's begin with a zero byte, and lie before all others."""
_STATE_KEY = b"\x00state"
"""Layout of the folder, position, and when it was written."""
_DUE = b"\x00due"
_LAYOUT = 2
_MOMENT_END = len(_DUE) + 8
_BLOCK_CACHE_BYTES = 16 * 1024 * 1024
"""The default grows to gigabytes for every partition."""


class RocksRows:
    """The rows of one partition in a RocksDB folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with self._failing():
            self._open()

    def _open(self) -> None:
        # imported here: an optional dependency
        from rocksdict import AccessType, BlockBasedOptions, Cache, Options, Rdict  # noqa: PLC0415

        self._folder.parent.mkdir(parents=True, exist_ok=True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        blocks = BlockBasedOptions()
        blocks.set_block_cache(Cache(_BLOCK_CACHE_BYTES))
        options.set_block_based_table_factory(blocks)
        self._db: Any = Rdict(str(self._folder), options=options, access_type=AccessType.read_write())
        layout, position, written_at = _decode_state(self._db.get(_STATE_KEY))
        self.position, self.written_at = position, written_at
        if layout != _LAYOUT and next(iter(self._db.keys()), None) is not None:
            self.clear()

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""
        with self._failing():
            found: bytes | None = self._db.get(key)
        return None if found is None else found[8:]

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in key order."""
        with self._failing():
            for key, value in self._db.items(from_key=_FIRST_ROW):
                yield key, value[8:]

    def due(self, until: int, limit: int) -> list[bytes]:
        """Return at most ``limit`` keys of rows that are due by then, the earliest first."""
        found: list[bytes] = []
        last = encode_due(until)
        with self._failing():
            for key in self._db.keys(from_key=_DUE):
                if not key.startswith(_DUE) or key[len(_DUE) : _MOMENT_END] > last or len(found) == limit:
                    break
                found.append(key[_MOMENT_END:])
        return found

    def apply(self, changes: Changes, position: int) -> None:
        """Apply committed rows and their position in one write."""
        from rocksdict import WriteBatch  # noqa: PLC0415 - an optional dependency

        self.position = max(self.position, position)
        self.written_at = time.time()
        with self._failing():
            batch = WriteBatch(raw_mode=True)
            for key, row in changes.items():
                self._write(batch, key, row)
            batch.put(_STATE_KEY, _encode_state(self.position, self.written_at))
            self._db.write(batch)

    def _write(self, batch: Any, key: bytes, row: Row | None) -> None:
        known = self._db.get(key)
        old = known[:8] if known is not None else NEVER
        new = NEVER if row is None or row.due is None else encode_due(row.due)
        if old not in {NEVER, new}:
            batch.delete(_DUE + old + key)
        if row is None:
            batch.delete(key)
            return
        batch.put(key, new + row.value)
        if new not in {NEVER, old}:
            batch.put(_DUE + new + key, b"")

    def clear(self) -> None:
        """Forget everything."""
        with self._failing():
            self._db.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._open()

    def close(self) -> None:
        """Close the database."""
        with self._failing():
            self._db.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Tell errors of the disk from those of whoever asks: only here are they known for what they are."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(f"rows in {self._folder}: {type(error).__name__}") from error


def _encode_state(position: int, written_at: float) -> bytes:
    return b"%d %d %d" % (_LAYOUT, position, int(written_at))


def _decode_state(value: bytes | None) -> tuple[int, int, float]:
    try:
        layout, position, written_at = (value or b"").split(b" ")
        return int(layout), int(position), float(written_at)
    except ValueError:
        return 0, 0, 0.0
