"""Records to and from Kafka: Avro values, CloudEvents attributes as headers, dead letters."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

from app import avro
from app.edge import check, receipt
from app.errors import BadInputError
from app.faust_batches import Batch, Record, Transaction
from app.outputs import DeadLetter, Output
from app.stream.dead_letters import Place, letter_of
from app.stream.metrics import DEAD_LETTERS
from app.topics import Topic

SOURCE = b"undelivered"
REPLAYED = "replayed"
"""Header of what a replay writes; its value is the version of the mapping that judged anew."""
READ_UP_TO = "read-up-to"
"""Last header of what is made of a webhook: up to when its raw partition had been read, in microseconds, if that is
later than the receipt of the webhook itself."""

_MICROSECONDS = re.compile(rb"[0-9]{1,17}")


@cache
def _constant_headers(topic: str) -> list[tuple[str, bytes]]:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", f"undelivered.{topic}.v1".encode()),
        ("ce_source", SOURCE),
        ("content-type", b"application/avro"),
        ("avro-fingerprint", avro.fingerprint(topic).encode()),
    ]


def headers_of(topic: str, event_id: str) -> list[tuple[str, bytes]]:
    """Return the headers of a record of the product."""
    return [("ce_id", event_id.encode()), *_constant_headers(topic)]


def is_replayed(record: Record) -> bool:
    """Tell whether a replay wrote a record."""
    return any(name == REPLAYED for name, _ in record.headers)


def read_up_to(record: Record, received_at: int) -> int:
    """Return up to when the input behind a record had been read: what its last header says, or its own receipt."""
    if not record.headers:
        return received_at
    name, value = record.headers[-1]
    if name != READ_UP_TO or not _MICROSECONDS.fullmatch(value or b""):
        return received_at
    return max(received_at, int(value))


def send(transaction: Transaction, outputs: Sequence[Output], read: int | None = None) -> None:
    """Write records of the product, encoded by their topic's schema.

    ``read`` is up to when the raw partition behind them had been read; None: they come of no webhook.
    """
    for number, (topic, key, value) in enumerate(outputs):
        # counts have no identity of their own
        event_id = value.get("event_id") or f"{transaction.partition}/{transaction.now}/{number}"
        headers = headers_of(topic, event_id)
        if read is not None and read > value["received_at"]:
            headers.append((READ_UP_TO, b"%d" % read))
        transaction.send(topic, key.encode(), avro.encode(topic, value), headers)


def decoded(agent: str, batches: Iterable[Batch], transaction: Transaction) -> Iterator[tuple[Record, dict[str, Any]]]:
    """Decode the records of batches in order; what `event_of` cannot read is put aside on the way."""
    for batch in batches:
        for record in batch.records:
            try:
                event = event_of(record)
            except BadInputError as error:
                send_dead_letter(agent, record, bad_input(error), transaction)
            else:
                yield record, event


def event_of(record: Record) -> dict[str, Any]:
    """Return what a record of the product says, whoever wrote it.

    Raises BadInputError where it is no Avro record of its topic, or beyond the bounds of `app.edge`.
    """
    receipt(record.timestamp)
    event = avro.decode(record.topic, record.value)
    check(record.topic, event)
    return event


def send_dead_letter(agent: str, record: Record, letter: DeadLetter, transaction: Transaction) -> None:
    """Put an unreadable record aside and count it: its bytes and headers as they came, as far as they fit, and why."""
    DEAD_LETTERS.labels(agent, record.topic).inc()
    place = Place(record.topic, record.partition, record.offset, record.timestamp)
    transaction.send(Topic.DEAD_LETTER, *letter_of(place, record.key, record.value, record.headers, letter))


def bad_input(error: BadInputError) -> DeadLetter:
    """Turn an error about a record's contents into its dead letter."""
    return DeadLetter(type(error).__name__, str(error))
