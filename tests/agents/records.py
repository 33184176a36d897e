"""Consumed records without a broker, and what a processor makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app import avro
from app.faust_batches import Batch, Processor, Transaction
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.task import MOST_DUE
from app.stream.worker import LIMITS

NOW = 1_778_062_500_000_000
"""2026-05-06T10:15:00Z in microseconds."""
SECOND = 1_000_000


@dataclass(frozen=True)
class Consumed:
    """A record as aiokafka would hand it over."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = NOW // 1000


@dataclass
class Bench:
    """One processor with its rows, fed by hand; what it writes is applied as after a commit."""

    processor: Processor
    tables: Mapping[str, MemoryRows]
    partition: int = 0
    sent: list[tuple[str, bytes | None, Any]] = field(default_factory=list)
    """Topic, key, and value: decoded where the topic has a schema, else bytes."""
    headers: list[dict[str, bytes]] = field(default_factory=list)

    def process(self, *records: Consumed, now: int = NOW, reaches_end: bool = False) -> None:
        """Hand over records, one batch for each topic in order of first appearance."""
        batches: dict[str, list[Consumed]] = {}
        for record in records:
            batches.setdefault(record.topic, []).append(record)
        transaction = Transaction(self.partition, self.tables, now, LIMITS)
        handed = [Batch(topic, self.partition, each, reaches_end) for topic, each in batches.items()]
        self.processor.process(handed, transaction)
        self._commit(transaction)

    def tick(self, now: int) -> None:
        """Let the clock pass."""
        moment = self.processor.moment(now)
        for table in self.tables if moment is not None else ():
            transaction = Transaction(self.partition, self.tables, now, LIMITS)
            keys = transaction.due(table, moment or 0, MOST_DUE)
            self.processor.tend(table, keys, moment or 0, transaction)
            self._commit(transaction)

    def keep_quiet(self, now: int, seconds: int) -> int:
        """Let the clock pass, five seconds at a time, and no records come; return the time then."""
        end = now + seconds * SECOND
        while now < end:
            self.tick(now)
            now += 5 * SECOND
        self.tick(end)
        return end

    def take(self) -> list[tuple[str, bytes | None, Any]]:
        """Return what was sent since the last call."""
        taken, self.sent = self.sent, []
        return taken

    def _commit(self, transaction: Transaction) -> None:
        for (topic, _), records in transaction.outputs.items():
            for record in records:
                plain = topic.startswith(("raw.", "dead."))
                value = record.value if plain else avro.decode(topic, record.value)
                self.sent.append((topic, record.key, value))
                self.headers.append(dict(record.headers))
        for table, rows in transaction.rows.items():
            self.tables[table].apply(rows, 0)
