"""What goes wrong with single records and rows: put aside as dead letters, counted, and told to a person."""

import logging
import traceback
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from app import avro
from app.domain.advice import GAP, LOG_CUT_SHORT, RECORD_FAILED, ROW_FAILED, Advice
from app.domain.alert_records import Alert, Subject, alert_output
from app.errors import UndeliveredError
from app.faust_batches import Record, Transaction
from app.identity import check_tenant
from app.outputs import DeadLetter
from app.stream.envelope import send, send_dead_letter
from app.stream.metrics import GAPS, RECORDS_FAILED, ROWS_FAILED
from app.vocabulary import AlertKind, AlertState

log = logging.getLogger(__name__)

TABLE_PREFIX = "table/"
"""A dead letter of a row has this and the table's name in place of the topic it came from."""
TOLD_AGAIN_AFTER = 60 * 60 * 1_000_000
"""Microseconds from an alert to the next one of the same cause."""
MOST_CAUSES = 1000
"""Causes that are remembered; above that the one told longest ago may be told again early."""

_PACKAGE = __name__.partition(".")[0]


class Cause(NamedTuple):
    """What alerts have in common that are not to be repeated."""

    kind: AlertKind
    agent: str
    error: str
    """Name of the error's class; empty for a gap."""
    place: str
    """In the code; for a gap, the partition."""


class _Told(NamedTuple):
    at: int
    source: str
    """The record or row with which it was told."""


class _Row(NamedTuple):
    """A row as a record, for its dead letter."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    timestamp: int
    offset: int = -1
    headers: Sequence[tuple[str, bytes]] = ()


class Incidents:
    """Writes dead letters and alerts about what failed; one for all tasks of a process."""

    def __init__(self) -> None:
        self._told: OrderedDict[Cause, _Told] = OrderedDict()

    def put_aside(self, agent: str, record: Record, error: Exception, transaction: Transaction) -> None:
        """Put a record aside on which processing failed."""
        cause = Cause(AlertKind.RECORD_FAILED, agent, type(error).__name__, place_of(error))
        RECORDS_FAILED.labels(agent, record.topic, cause.error).inc()
        send_dead_letter(agent, record, dead_letter(error), transaction)
        source = f"{record.topic}/{record.partition}/{record.offset}"
        if self._is_due(cause, source, transaction.now):
            log.error("%s failed on %s: %s at %s", agent, source, cause.error, cause.place)
            alert = _raised(cause, record.offset, transaction.now)
            _tell(alert, cause, Subject(tenant_of(record)), RECORD_FAILED, transaction, record=source)

    def put_row_aside(
        self, agent: str, table: str, key: bytes, row: bytes, error: Exception, transaction: Transaction
    ) -> None:
        """Put a copy of a row aside on which work that was due by the clock failed."""
        cause = Cause(AlertKind.ROW_FAILED, agent, type(error).__name__, place_of(error))
        ROWS_FAILED.labels(agent, table, cause.error).inc()
        copy = _Row(TABLE_PREFIX + table, transaction.partition, key, row, transaction.now // 1000)
        send_dead_letter(agent, copy, dead_letter(error), transaction)
        if self._is_due(cause, f"{table}/{key!r}", transaction.now):
            log.error("%s failed on a row of %s: %s at %s", agent, table, cause.error, cause.place)
            alert = _raised(cause, transaction.partition, transaction.now)
            # the key may be an address: it stands in the dead letter only
            _tell(alert, cause, Subject(""), ROW_FAILED, transaction, table=table)

    def gap(
        self, agent: str, topic: str, partition: int, committed: int, resumed_at: int, transaction: Transaction
    ) -> None:
        """Tell that an agent goes on at another offset than the committed one."""
        cause = Cause(AlertKind.OFFSET_GAP, agent, "", f"{topic}/{partition}")
        GAPS.labels(agent, topic).inc()
        if self._is_due(cause, str(committed), transaction.now):
            log.error("%s: %s was committed up to %d, goes on at %d", agent, cause.place, committed, resumed_at)
            missing = max(0, resumed_at - committed)
            alert = _raised(cause, resumed_at, transaction.now)._replace(observed=float(missing))
            words = {
                "topic": topic,
                "partition": str(partition),
                "committed": str(committed),
                "resumed_at": str(resumed_at),
            }
            _tell(alert, cause, Subject(""), GAP if missing else LOG_CUT_SHORT, transaction, **words)

    def _is_due(self, cause: Cause, source: str, now: int) -> bool:
        """Tell whether a cause is to be told now, and remember it.

        What it was told with comes again only if the transaction with the alert was not committed.
        """
        told = self._told.get(cause)
        if told is not None and told.source != source and now - told.at < TOLD_AGAIN_AFTER:
            return False
        self._told[cause] = _Told(now, source)
        self._told.move_to_end(cause)
        if len(self._told) > MOST_CAUSES:
            self._told.popitem(last=False)
        return True


def place_of(error: Exception) -> str:
    """Return ``module.function:line`` of the innermost frame in this package."""
    place = "unknown"
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == _PACKAGE:
            place = f"{module}.{frame.f_code.co_qualname}:{line}"
    return place


def dead_letter(error: Exception) -> DeadLetter:
    """Say why something is put aside: in our own errors' words, which hold no values, else by the place alone."""
    text = str(error) if isinstance(error, UndeliveredError) else place_of(error)
    return DeadLetter(type(error).__name__, text)


def tenant_of(record: Record) -> str:
    """Return the tenant that a record names, in its header or its value; empty if none can be believed."""
    try:
        header = dict(record.headers).get("tenant")
        return check_tenant(header.decode() if header else avro.decode(record.topic, record.value)["tenant"])
    except Exception:  # noqa: BLE001 - whatever the processing failed on may make this fail too
        return ""


def _raised(cause: Cause, number: int, now: int) -> Alert:
    parts = (part for part in cause[1:] if part)
    return Alert(cause.kind, AlertState.RAISED, now, number, about="/".join(parts))


def _tell(alert: Alert, cause: Cause, subject: Subject, advice: Advice, transaction: Transaction, **words: str) -> None:
    words |= {"agent": cause.agent, "error": cause.error, "place": cause.place}
    send(transaction, [alert_output(alert, subject, advice, **words)])
