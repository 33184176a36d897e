"""Segments: files of entries, one after another, that are appended to by one process and never after it."""

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Counter

from app.gateway.spool.disk import open_private, reason, sync_folder, write_all
from app.gateway.spool.entries import Entry, Unreadable, read_entry

_DAMAGES = Counter("undelivered_spool_damaged_segments", "Segments of the gateway's spool that are damaged")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Segment:
    """A file of entries."""

    path: Path
    size: int = 0
    """Its bytes on the disk."""
    end: int = 0
    """The offset at which its last whole entry ends."""
    left: int = 0
    """Its entries that are not drained."""
    damaged: bool = False
    """There is something unreadable at ``end``; what follows may hold acknowledged entries."""

    @property
    def number(self) -> int:
        """Its place in the order of segments."""
        return int(self.path.stem)

    def read(self, offset: int) -> Iterator[tuple[Entry, int]]:
        """Read its entries from an offset on, with the offset at which each ends; raises OSError.

        It stops where it cannot go on, and lowers ``end`` to there.
        """
        with self.path.open("rb") as file:
            file.seek(offset)
            while offset < self.end:
                found = read_entry(file, self.end - offset)
                if isinstance(found, Unreadable):
                    self._cut_at(offset, found)
                    return
                entry, length = found
                offset += length
                yield entry, offset

    def _cut_at(self, offset: int, why: Unreadable) -> None:
        # once counted, every entry is known to have been whole
        if why is Unreadable.TORN and not self.left:
            _log.warning("%s: the last %d bytes are an entry half written", self.path, self.size - offset)
        else:
            self.damaged = True
            _DAMAGES.inc()
            _log.error("%s is damaged at byte %d; what follows in it is kept, not drained", self.path, offset)
        self.end = offset

    def remove(self) -> int:
        """Delete its file, or keep it beside if it is damaged; return how many bytes that sets free."""
        try:
            if self.damaged:
                self.path.rename(self.path.with_suffix(".damaged"))
                return 0
            self.path.unlink()
        except OSError as error:
            _log.warning("%s, though drained, cannot be put away: %s", self.path, reason(error))
            return 0
        return self.size


def count_entries(path: Path, offset: int) -> Segment:
    """Return a segment that another process has written, after reading it from an offset on; raises OSError."""
    size = path.stat().st_size
    segment = Segment(path, size=size, end=size)
    segment.left = sum(1 for _ in segment.read(offset))
    return segment


class SegmentWriter:
    """Appends to a new segment; its name is on the disk before it returns. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self.segment = Segment(path)
        self.sound = True
        """False: it must not be appended to."""
        self._descriptor = open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND)
        try:
            sync_folder(path.parent)
        except OSError:
            self.close()
            self.segment.remove()
            raise

    def append(self, data: bytes, count: int) -> None:
        """Write entries and return when they are on the disk; raises OSError, and then none of them counts."""
        segment = self.segment
        segment.size += len(data)
        written = False
        try:
            write_all(self._descriptor, data)
            written = True
            os.fsync(self._descriptor)
        except OSError:
            # pages that could not be synced pass for clean afterwards, so the next fsync would say nothing
            self.sound = self._cut_off() and not written
            raise
        segment.end += len(data)
        segment.left += count

    def close(self) -> None:
        """Close the file."""
        # all that counts is on the disk already
        with suppress(OSError):
            os.close(self._descriptor)

    def _cut_off(self) -> bool:
        try:
            os.ftruncate(self._descriptor, self.segment.end)
        except OSError as error:
            _log.warning("%s cannot be cut off: %s", self.segment.path, reason(error))
            return False
        self.segment.size = self.segment.end
        return True
