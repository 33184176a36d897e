"""What an agent sees: batches of records in, rows beside them, and what it is to do with what fails."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from app.faust_batches.transaction import Transaction


class Record(Protocol):
    """A consumed record, as aiokafka hands it over."""

    @property
    def topic(self) -> str:
        """Topic it was read from."""

    @property
    def partition(self) -> int:
        """Partition it was read from."""

    @property
    def offset(self) -> int:
        """Offset in that partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970, or whatever its producer wrote: any 64-bit number."""

    @property
    def key(self) -> bytes | None:
        """Key, if any."""

    @property
    def value(self) -> bytes | None:
        """Value; None is a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Headers in order; a name may come twice."""


_USUAL_BYTES = 4096


class Batch(NamedTuple):
    """Records of one partition, in their order."""

    topic: str
    partition: int
    records: Sequence[Record]
    reaches_end: bool = False
    """Nothing more was in the partition when these were fetched."""

    @property
    def load(self) -> int:
        """How much memory it takes, as a number of records of usual size."""
        return sum(1 + len(record.value or b"") // _USUAL_BYTES for record in self.records)

    @property
    def next_offset(self) -> int:
        """The offset to commit once the batch has taken effect."""
        return self.records[-1].offset + 1


class Rows(Protocol):
    """The rows of one table and one partition."""

    def get(self, key: bytes) -> bytes | None:
        """Return a row."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row, in no order."""


class Processor(Protocol):
    """The work of one agent on one partition: made anew at each take-over, called by one task only.

    It keeps nothing between two calls that follows from a transaction: what a call changed may be dropped, and its
    records may come again.
    """

    def process(self, batches: Sequence[Batch], transaction: Transaction) -> None:
        """Turn records into outputs and rows.

        Bad data becomes an output (a dead letter). When this raises, its changes are dropped and it is called again
        for each record alone; the record that raises is put aside (:class:`Incidents`).
        """

    def moment(self, now: int) -> int | None:
        """Return up to when what is due may be done; None: it is not known yet. ``now`` is the clock, microseconds."""

    def tend(self, table: str, keys: Sequence[bytes], moment: int, transaction: Transaction) -> None:
        """Do what is due for these rows (:meth:`Transaction.put` says when); called about once a second.

        Each of them is to be put again with another due time, or deleted. When this raises, its changes are dropped
        and it is called again for each row alone; the row that raises is put aside.
        """


class Incidents(Protocol):
    """What an application does about what it did not expect; all of it goes out in the transaction that passes it."""

    def put_aside(self, agent: str, record: Record, error: Exception, transaction: Transaction) -> None:
        """Keep a record whose processing raised, so that nothing of it is lost."""

    def put_row_aside(
        self, agent: str, table: str, key: bytes, row: bytes, error: Exception, transaction: Transaction
    ) -> None:
        """Keep a copy of a row for which work by the clock raised; the row stays, and is due again in a day."""

    def gap(
        self, agent: str, topic: str, partition: int, committed: int, resumed_at: int, transaction: Transaction
    ) -> None:
        """Tell of records that nobody will process: those between the committed offset and the one resumed at."""
