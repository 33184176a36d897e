"""The log on the disk: segments in order, the oldest being drained, the newest written.

It blocks, so it is for one thread that is not the event loop's; only the figures may be read from others.
"""

import math
import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from app.gateway.spool.disk import SpoolError, failing
from app.gateway.spool.entries import Entry
from app.gateway.spool.folder import (
    Position,
    read_position,
    segment_files,
    segment_path,
    take_folder,
    write_position,
)
from app.gateway.spool.segments import Segment, SegmentWriter, count_entries

_POSITION_INTERVAL_S = 1.0


class Log:
    """Entries in the order in which they were appended, each there until it is dropped."""

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self.depth = 0
        """Entries that are not dropped."""
        self.size = 0
        """Bytes of all segments on the disk, those set aside as damaged among them."""
        self.oldest_us = 0
        """When the oldest entry was spooled; meaningless while there is none."""
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock: int | None = None
        self._segments: deque[Segment] = deque()
        self._writer: SegmentWriter | None = None
        self._next_number = 1
        self._offset = 0
        """Where the oldest entry begins in the first segment."""
        self._peeked: deque[tuple[int, int]] = deque()
        """When each entry that was peeked at was spooled, and the offset at which it ends in its segment."""
        self._written = Position()
        self._written_at = -math.inf

    def open(self) -> None:
        """Lock the folder and count what is in it; raises SpoolError."""
        with failing(self._folder):
            self._lock = take_folder(self._folder)
            self._written = read_position(self._folder)
            self._next_number = self._written.segment + 1
            for number, path in segment_files(self._folder).items():
                # above every number that was ever used: a position must not fit another segment of that name
                self._next_number = max(self._next_number, number + 1)
                if path.suffix == ".log":
                    self._take(number, path)
                else:
                    self.size += path.stat().st_size
        self._pass_drained()
        self._find_oldest()

    def _take(self, number: int, path: Path) -> None:
        is_first = not self._segments
        drained = is_first and number == self._written.segment and self._written.offset <= path.stat().st_size
        offset = self._written.offset if drained else 0
        segment = count_entries(path, offset)
        if is_first:
            self._offset = offset
        self._segments.append(segment)
        self.depth += segment.left
        self.size += segment.size

    def append(self, frames: Sequence[bytes], oldest_us: int) -> None:
        """Write encoded entries, the first of which was spooled at ``oldest_us``; return when they are on the disk.

        Raises SpoolError; then none of them counts, though a failing disk may have kept some.
        """
        data = b"".join(frames)
        with failing(self._folder):
            writer = self._writer_for(len(data))
            size = writer.segment.size
            try:
                writer.append(data, len(frames))
            finally:
                self.size += writer.segment.size - size
                if not writer.sound:
                    self._seal()
        if not self.depth:
            self.oldest_us = oldest_us
        self.depth += len(frames)

    def _writer_for(self, size: int) -> SegmentWriter:
        if self._writer and self._writer.segment.end and self._writer.segment.end + size > self._segment_bytes:
            self._seal()
        if self._writer is None:
            number = self._next_number
            # never twice, even if it fails now
            self._next_number += 1
            self._writer = SegmentWriter(segment_path(self._folder, number))
            self._segments.append(self._writer.segment)
        return self._writer

    def _seal(self) -> None:
        """Append no more to the newest segment."""
        if self._writer is None:
            return
        self._writer.close()
        segment, self._writer = self._writer.segment, None
        if not segment.end and not segment.damaged:
            self._segments.pop()
            self.size -= segment.remove()

    def peek(self, most_records: int, most_bytes: int) -> list[Entry]:
        """Return the oldest entries, at least one if there is any; raises SpoolError."""
        self._peeked.clear()
        found: list[Entry] = []
        offset = self._offset
        with failing(self._folder):
            for segment in tuple(self._segments):
                before = len(found)
                for entry, end in segment.read(offset):
                    most_bytes -= end - offset
                    if found and (most_bytes < 0 or len(found) == most_records):
                        return found
                    found.append(entry)
                    self._peeked.append((entry.spooled_at_us, end))
                    offset = end
                self._give_up_beyond(segment, len(found) - before)
                offset = 0
        return found

    def _give_up_beyond(self, segment: Segment, readable: int) -> None:
        """Correct the figures after a segment was read to its end, which is nearer than it was if it is damaged."""
        if readable == segment.left:
            return
        if self._writer and self._writer.segment is segment:
            self._seal()
        self.depth -= segment.left - readable
        segment.left = readable
        self._pass_drained()

    def drop(self, count: int) -> None:
        """Forget the oldest entries, at most as many as were peeked at; ValueError beyond that.

        A disk that fails now has them drained again after a restart, no more.
        """
        if not 0 <= count <= len(self._peeked):
            raise ValueError(f"{count} entries to drop, {len(self._peeked)} peeked at")
        for _ in range(count):
            _, self._offset = self._peeked.popleft()
            self._segments[0].left -= 1
            self.depth -= 1
            self._pass_drained()
        self._find_oldest()
        if time.monotonic() - self._written_at >= _POSITION_INTERVAL_S:
            self._write_position()

    def _find_oldest(self) -> None:
        if not self._peeked:
            # the next peek fails as well, and whoever asks for it is told
            with suppress(SpoolError):
                self.peek(1, 0)
        if self._peeked:
            self.oldest_us = self._peeked[0][0]

    def _pass_drained(self) -> None:
        while self._segments and not self._segments[0].left:
            segment = self._segments.popleft()
            if self._writer and self._writer.segment is segment:
                self._writer.close()
                self._writer = None
            self.size -= segment.remove()
            self._offset = 0

    def _write_position(self) -> None:
        # nothing to write where a segment begins: those before it are gone
        position = Position(self._segments[0].number, self._offset) if self._segments else Position()
        if not self._offset or position == self._written:
            return
        if write_position(self._folder, position):
            self._written = position
        self._written_at = time.monotonic()

    def close(self) -> None:
        """Write the position and unlock the folder; safe to be called twice, and after ``open`` failed."""
        if self._lock is None:
            return
        self._write_position()
        self._seal()
        os.close(self._lock)
        self._lock = None
