"""Reports that name no recipient: each is remembered for some days, so that its copies are not counted again.

A row is ``{"at": 1728000000000000}``, the moment of the report, under the key ``~acme/<event id>``. There is one for
each report, not one for a tenant, because such reports are spread over the partitions by their messages and a row must
lie where its report does: a tenant's row would be one in every partition, of up to 655 kB, stored anew with every
report. So a row stays at 70 bytes, never changes, and goes when its days are over.

Such a key does not belong to the partition that it hashes to, and need not: nothing but its own report asks for it. The
views of the web look up recipients, whose keys begin with their tenant, and no tenant's name begins with ``~``.
"""

import orjson

from app.domain.clock import DAY, judge_time
from app.domain.policy_document import ClockLimits, MemoryLimits
from app.events import DeliveryConfirmed, DeliveryFailed
from app.json_bytes import dumps

_MARK = "~"


def row_key(event: DeliveryFailed | DeliveryConfirmed) -> bytes:
    """Return the key under which a report is remembered; two reports of one failure share it, as they share the id."""
    return f"{_MARK}{event['tenant']}/{event['event_id']}".encode()


def is_row_key(key: bytes) -> bool:
    """Tell whether a key of the table ``recipients`` is of such a report and not of a recipient."""
    return key.startswith(_MARK.encode())


def new_row(event: DeliveryFailed | DeliveryConfirmed, limits: ClockLimits) -> bytes:
    """Return the row that remembers a report."""
    return dumps({"at": judge_time(event["occurred_at"], event["received_at"], limits).at})


def forget_at(row: bytes, limits: MemoryLimits) -> int:
    """Return when a row is to be deleted: as soon as a recipient's row would have passed the whole of its last day."""
    at: int = orjson.loads(row)["at"]
    return at + (limits.days_at_least + 1) * DAY
