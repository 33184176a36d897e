"""A spool's folder: who has it, which files are in it, and how far it is drained."""

import fcntl
import logging
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from app.gateway.spool.disk import SpoolError, open_private, reason, replace_file, sync_folder

_PRIVATE_FOLDER = 0o700
_LOCK = "lock"
_POSITION = "position"
_SEGMENT = re.compile(r"([0-9]{8,})\.(log|damaged)")
# whoever looks for folders to adopt has the lock for a moment
_LOCK_ATTEMPTS = 5
_LOCK_PAUSE_S = 0.05

_log = logging.getLogger(__name__)


class Position(NamedTuple):
    """Where the oldest entry begins that is not known to be drained."""

    segment: int = 0
    offset: int = 0


def take_folder(folder: Path) -> int:
    """Create the folder where it is missing, make it private and lock it; return the lock's descriptor.

    Raises SpoolError if another process has it, and OSError if the disk fails.
    """
    missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
    folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    for each in missing:
        sync_folder(each.parent)
    folder.chmod(_PRIVATE_FOLDER)
    descriptor = open_private(folder / _LOCK, os.O_RDWR | os.O_CREAT)
    for _ in range(_LOCK_ATTEMPTS):
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        time.sleep(_LOCK_PAUSE_S)
    os.close(descriptor)
    raise SpoolError(f"spool {folder}: it is locked by another process")


def adopt(folder_parent: Path) -> list[Path]:
    """Return the spool folders below that hold entries and that no process has, by name.

    They are what ended processes have left; each is then opened like one's own, which fails if another process was
    faster. A folder that cannot be read is passed over. It reads the disk: not for the event loop.
    """
    if not folder_parent.is_dir():
        return []
    return [folder for folder in sorted(folder_parent.iterdir()) if _is_left_behind(folder)]


def _is_left_behind(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        # shared, so that several who look do not disturb each other
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return any(path.suffix == ".log" for path in segment_files(folder).values())
    except OSError:
        return False
    finally:
        os.close(descriptor)


def segment_path(folder: Path, number: int) -> Path:
    """Return the path of a segment that entries are read from."""
    return folder / f"{number:08}.log"


def segment_files(folder: Path) -> dict[int, Path]:
    """Return segments, and those set aside as damaged, by number in ascending order; raises OSError."""
    matches = [_SEGMENT.fullmatch(name) for name in os.listdir(folder)]  # noqa: PTH208 - the names alone
    return dict(sorted((int(match[1]), folder / match[0]) for match in matches if match))


def read_position(folder: Path) -> Position:
    """Return the position that was written last; raises OSError.

    One that is missing or broken is before every entry: those still there are drained again.
    """
    path = folder / _POSITION
    try:
        line = path.read_bytes()
    except FileNotFoundError:
        return Position()
    with suppress(ValueError):
        segment, offset, _ = map(int, line.split())
        position = Position(segment, offset)
        if line == _encode(position):
            return position
    _log.error("%s is damaged: the spool is drained from its beginning", path)
    return Position()


def write_position(folder: Path, position: Position) -> bool:
    """Write a position and return whether that succeeded; if not, more is drained twice after a crash."""
    try:
        replace_file(folder / _POSITION, _encode(position))
    except OSError as error:
        _log.warning("the position of spool %s cannot be written: %s", folder, reason(error))
        return False
    return True


def _encode(position: Position) -> bytes:
    line = b"%d %d" % position
    return b"%b %d\n" % (line, crc32(line))
