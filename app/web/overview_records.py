"""From the records of our topics to the overview; pure, and wary: whoever can write to a topic may have written it."""

from typing import Any, cast

from app import avro
from app.domain.clock import DAY
from app.errors import BadInputError
from app.events import CreditChanged, DeliveryAlert, DeliveryStats, Micros, SuppressionChanged
from app.faust_batches import Record
from app.identity import check_tenant
from app.topics import Topic
from app.web.overview import DeadLetter, Overview

_LONGEST_VALUE = 8192
"""Bytes; ours are below 3,000."""
_LONGEST_HEADER = 300
_ORIGIN = ("origin-topic", "origin-partition", "origin-offset")
_DATED_BY = {
    Topic.DELIVERY_STATS: "minute",
    Topic.SUPPRESSION_CHANGED: "changed_at",
    Topic.CREDIT_CHANGED: "occurred_at",
    Topic.DELIVERY_ALERT: "occurred_at",
}


def take(overview: Overview, record: Record, now: Micros) -> None:
    """Add a record to the overview.

    Raises BadInputError when it is none of ours; it has changed no figure then.
    """
    if record.topic == Topic.DEAD_LETTER:
        letter = dead_letter(record, now)
        overview.of(letter.tenant).take_dead_letter(letter, now)
        return
    value = checked(record, now)
    tenant = overview.of(value["tenant"])
    match record.topic:
        case Topic.DELIVERY_STATS:
            tenant.take_stats(cast("DeliveryStats", value), now)
        case Topic.SUPPRESSION_CHANGED:
            tenant.take_suppression(cast("SuppressionChanged", value), now)
        case Topic.CREDIT_CHANGED:
            tenant.take_credit(cast("CreditChanged", value))
        case Topic.DELIVERY_ALERT:
            tenant.take_alert(cast("DeliveryAlert", value))


def checked(record: Record, now: Micros) -> dict[str, Any]:
    """Decode a record and check what was decoded: all that is shown of an Avro topic passes here.

    Raises BadInputError.
    """
    if record.value and len(record.value) > _LONGEST_VALUE:
        raise BadInputError(f"value: {len(record.value)} bytes, expected at most {_LONGEST_VALUE}")
    value = avro.decode(record.topic, record.value)
    if value["tenant"] or record.topic != Topic.DELIVERY_ALERT:
        # alerts about what failed here name none where the record named none
        check_tenant(value["tenant"])
    field = _DATED_BY[cast("Topic", record.topic)]
    # a later one would stay the newest for good
    if not 0 <= value[field] <= now + DAY:
        raise BadInputError(f"{field}: integer, expected microseconds from 1970 to a day from now")
    return value


def dead_letter(record: Record, now: Micros) -> DeadLetter:
    """Return what a dead letter says of itself in its headers; its body is not looked at."""
    # the agent's own headers come last
    headers = dict(record.headers)

    def text(name: str) -> str:
        return (headers.get(name) or b"")[:_LONGEST_HEADER].decode("utf-8", "replace")

    try:
        tenant = check_tenant(text("tenant"))
    except BadInputError:
        tenant = ""
    origin = "/".join(text(name) or "?" for name in _ORIGIN)[:_LONGEST_HEADER]
    at = min(max(0, record.timestamp * 1000), now)
    return DeadLetter(at, tenant, origin, text("error-text"))
