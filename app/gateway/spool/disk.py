"""What the spool asks of the disk, and how its errors are told."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import StoreError

_PRIVATE_FILE = 0o600


class SpoolError(StoreError):
    """The spool cannot be read or written; an entry whose ``add`` raises it is not acknowledged.

    It may still be drained: a disk that fails does not always let what was written be taken back.
    """


class SpoolFullError(SpoolError):
    """The spool may not grow any more; nothing of the entry was written."""


@contextmanager
def failing(folder: Path) -> Iterator[None]:
    """Turn errors of the disk into SpoolError; its text names the folder and what the system says."""
    try:
        yield
    except OSError as error:
        raise SpoolError(f"spool {folder}: {reason(error)}") from error


def reason(error: OSError) -> str:
    """Return what the system says, without file names."""
    return error.strerror or type(error).__name__


def open_private(path: Path, flags: int) -> int:
    """Open a file that nobody else may read, created or not, whatever the umask; raises OSError."""
    descriptor = os.open(path, flags, _PRIVATE_FILE)
    try:
        os.fchmod(descriptor, _PRIVATE_FILE)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it; raises OSError, and then part of it may have been written."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk; raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that, whatever happens, its old or its new content is there; raises OSError."""
    new = path.with_name(f"{path.name}.new")
    descriptor = open_private(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    sync_folder(path.parent)
