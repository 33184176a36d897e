"""What every kind of store does for one partition of a table."""

from collections.abc import Iterable
from typing import Protocol

from app.faust_batches.transaction import Changes, Layer

DUE_HEADER = "due"
"""Header of a changelog record: when its row is due, microseconds since 1970 in eight bytes; absent: never."""

NEVER = b"\xff" * 8
"""Beyond every moment: a row that is never due."""


class PartitionRows(Layer, Protocol):
    """One partition's rows, with the changelog offset they stand for.

    Rows are written only after the transaction that carried them was committed, so they never run ahead of the
    changelog; what lies behind is read again at the next recovery, which does no harm: the same rows come in the same
    order. Reading and writing raises StoreError where the disk fails.
    """

    @property
    def position(self) -> int:
        """Offset of the first changelog record that may be missing."""

    @property
    def written_at(self) -> float:
        """When these rows were last written, seconds since 1970; 0: not known."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in no order."""

    def apply(self, changes: Changes, position: int) -> None:
        """Apply committed rows."""

    def clear(self) -> None:
        """Forget everything: the changelog no longer holds what these rows stand for."""

    def close(self) -> None:
        """Let go of files."""


def encode_due(moment: int) -> bytes:
    """Return a moment as eight bytes that sort as it does."""
    return moment.to_bytes(8, "big")


def decode_due(value: bytes | None) -> int | None:
    """Return the moment of these bytes; None where they are none."""
    return int.from_bytes(value, "big") if value is not None and len(value) == 8 else None  # noqa: PLR2004 - eight bytes
