"""For workers that are given nothing which they cannot process."""

from app.faust_batches import Record, Transaction


class Refusing:
    """Says that something is wrong with the worker itself."""

    def put_aside(self, agent: str, record: Record, error: Exception, transaction: Transaction) -> None:
        """Raise what processing raised."""
        del agent, record, transaction
        raise error

    def put_row_aside(
        self, agent: str, table: str, key: bytes, row: bytes, error: Exception, transaction: Transaction
    ) -> None:
        """Raise what tending raised."""
        del agent, table, key, row, transaction
        raise error

    def gap(
        self, agent: str, topic: str, partition: int, committed: int, resumed_at: int, transaction: Transaction
    ) -> None:
        """Raise."""
        del agent, transaction
        raise AssertionError(f"{topic}/{partition}: {committed} to {resumed_at}")
