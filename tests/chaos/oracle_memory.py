"""Which event ids a row must remember, and how: worked out once more from the documents of its layout."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping
from hashlib import blake2b

from tests.chaos.oracle_rules import DAY
from tests.chaos.webhooks import Micros

_DAYS = 14
"""So many days before the newest one are remembered whole."""
_AT_LEAST = 128
_AT_MOST = 65_536
_LONGEST_ID = 64


def remembered(ids: Mapping[str, Micros]) -> dict[str, str]:
    """Return the memory of these ids, which are given with their moments: ids by day, shortened and in order."""
    by_day: defaultdict[int, list[str]] = defaultdict(list)
    for event_id, at in ids.items():
        by_day[at // DAY].append(_mark(event_id))
    memory: dict[str, str] = {}
    count = 0
    for day in sorted(by_day, reverse=True):
        is_old = day < max(by_day) - _DAYS
        if (is_old and count >= _AT_LEAST) or count == _AT_MOST:
            break
        marks = sorted(by_day[day], reverse=True)[: _AT_MOST - count]
        memory[str(day)] = "".join(reversed(marks))
        count += len(marks)
    return memory


def kept_id(event_id: str) -> str:
    """Return an id as facts and evidence have it: of more than 64 characters the first 53, and a fingerprint.

    The ids of a load are plain letters, so that a character is a byte, and none looks as if it had been cut.
    """
    return event_id if len(event_id) <= _LONGEST_ID else f"{event_id[:53]}~{_mark(event_id)}"


def _mark(event_id: str) -> str:
    return b64encode(blake2b(event_id.encode(), digest_size=8).digest())[:10].decode()
