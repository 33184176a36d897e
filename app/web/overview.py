"""What the page shows, added up from the topics by tenant: pure, so that it needs no Kafka and no clock.

Memory is bounded whatever comes: `MOST_TENANTS` tenants (the one that was silent longest goes first), and of each 256
names in `hourly`, 20 suppressions, 100 accounts, 50 alerts and 10 dead letters. Records are kept as JSON, and one that
is longer than any of ours is refused. That is below 0.4 MB a tenant at worst and 50 MB in all (a test fills it); a
usual tenant takes 20 kB. ``complete`` tells whether anything was left out.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from app.domain.clock import DAY
from app.errors import BadInputError
from app.events import CreditChanged, DeliveryAlert, DeliveryStats, Micros, SuppressionChanged
from app.vocabulary import AlertKind, AlertState, Outcome
from app.web.auth import ALL_TENANTS
from app.web.hourly import HourlyCounts, Name

MOST_TENANTS = 128
MOST_SUPPRESSIONS = 20
MOST_ACCOUNTS = 100
MOST_ALERTS = 50
MOST_DEAD_LETTERS = 10

MOST_COUNT = 10**9
"""In one increment, which holds one batch."""
LONGEST_NAME = 80
"""Characters of the words that something is counted under, together."""
LONGEST_KEY = 256
"""Bytes of an account's name or an alert's key."""
LONGEST_SUPPRESSION = 2000
LONGEST_ACCOUNT = 600
LONGEST_ALERT = 2200
"""Bytes of what is shown of a record, as JSON; ours are shorter."""

FAILED = "failed"
CONFIRMED = "confirmed"
SUPPRESSION = "suppression"
DEAD = "dead"

_SHOWN_OF_SUPPRESSION = (
    *("tenant", "recipient", "channel", "state", "reason", "tier", "cause", "evidence", "requested_by"),
    *("since", "until", "changed_at"),
)
_AMOUNTS = ("granted_micros", "available_micros", "reserved_micros", "spent_micros")
_SHOWN_OF_ACCOUNT = ("tenant", "account", "currency", *_AMOUNTS, "sequence", "cause", "occurred_at")
_SHOWN_OF_ALERT = (
    *("tenant", "alert_key", "kind", "state", "summary", "action", "provider", "channel", "account", "reason"),
    *("sample_code", "observed", "threshold", "samples", "occurred_at"),
)


class DeadLetter(NamedTuple):
    """A record that could not be read."""

    at: Micros
    tenant: str
    """Empty: it named none that could be believed."""
    origin: str
    """Topic, partition and offset."""
    error: str
    """What is wrong with it, and never its contents."""


class _Kept(NamedTuple):
    """What is shown of a record, and what decides how long it is kept."""

    rank: tuple[Any, ...]
    packed: bytes


class TenantOverview:
    """What is known of one tenant; what does not fit is refused with BadInputError and changes nothing."""

    def __init__(self, *, complete: bool) -> None:
        self._complete = complete
        self.counts = HourlyCounts()
        self._suppressions: list[_Kept] = []
        self._accounts: OrderedDict[bytes, _Kept] = OrderedDict()
        self._alerts: dict[bytes, _Kept] = {}
        self.dead_letters: list[DeadLetter] = []

    @property
    def complete(self) -> bool:
        """Whether nothing had to be left out."""
        return self._complete and not self.counts.left_out

    def take_stats(self, stats: DeliveryStats, now: Micros) -> None:
        """Add an increment."""
        if not 0 <= stats["count"] <= MOST_COUNT:
            raise BadInputError(f"count: expected 0 to {MOST_COUNT}")
        if stats["outcome"] == Outcome.FAILED:
            name: Name = (FAILED, stats["provider"], stats["reason"], stats["attribution"])
        else:
            name = (CONFIRMED, stats["provider"], stats["outcome"])
        if sum(map(len, name)) > LONGEST_NAME or not all(map(str.isascii, name)):
            raise BadInputError(f"provider, outcome, reason: expected at most {LONGEST_NAME} ASCII characters together")
        self.counts.add(name, stats["minute"], stats["count"], now)

    def take_suppression(self, change: SuppressionChanged, now: Micros) -> None:
        """Count a change and keep the newest."""
        kept = _Kept((change["changed_at"],), _packed(change, _SHOWN_OF_SUPPRESSION, LONGEST_SUPPRESSION))
        self.counts.add((SUPPRESSION, change["state"]), change["changed_at"], 1, now)
        _keep_first(self._suppressions, kept, MOST_SUPPRESSIONS)

    def take_credit(self, change: CreditChanged) -> None:
        """Keep an account's newest state."""
        key = _key(change["account"])
        known = self._accounts.get(key)
        rank = (change["sequence"],)
        if known is not None and known.rank > rank:
            return
        self._accounts[key] = _Kept(rank, _packed(change, _SHOWN_OF_ACCOUNT, LONGEST_ACCOUNT))
        self._accounts.move_to_end(key)
        if len(self._accounts) > MOST_ACCOUNTS:
            self._accounts.popitem(last=False)
            self._complete = False

    def take_alert(self, alert: DeliveryAlert) -> None:
        """Keep an alert's newest state.

        When there are too many, the oldest cleared one goes, then the oldest about an unlisted code, then the oldest.
        """
        rank = (_is_raised(alert), alert["kind"] != AlertKind.UNLISTED_CODE, alert["occurred_at"])
        self._alerts[_key(alert["alert_key"])] = _Kept(rank, _packed(alert, _SHOWN_OF_ALERT, LONGEST_ALERT))
        if len(self._alerts) > MOST_ALERTS:
            key, oldest = min(self._alerts.items(), key=lambda each: each[1].rank)
            del self._alerts[key]
            was_raised = oldest.rank[0]
            self._complete = self._complete and not was_raised

    def take_dead_letter(self, letter: DeadLetter, now: Micros) -> None:
        """Count a dead letter and keep the newest."""
        self.counts.add((DEAD,), letter.at, 1, now)
        self.dead_letters.append(letter)
        self.dead_letters.sort(key=lambda each: each.at, reverse=True)
        del self.dead_letters[MOST_DEAD_LETTERS:]

    def latest_suppressions(self) -> list[dict[str, Any]]:
        """Return what is shown of the newest changes, newest first."""
        return [orjson.loads(each.packed) for each in self._suppressions]

    def accounts(self) -> list[dict[str, Any]]:
        """Return what is shown of the accounts."""
        return [orjson.loads(each.packed) for each in self._accounts.values()]

    def open_alerts(self, now: Micros) -> list[dict[str, Any]]:
        """Return what is shown of the alerts that are raised, and of those that were cleared in the last 24 hours."""
        alerts = [orjson.loads(each.packed) for each in self._alerts.values()]
        return [each for each in alerts if _is_raised(each) or each["occurred_at"] > now - DAY]


class Overview:
    """Every tenant's overview."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, TenantOverview] = OrderedDict()
        self.caught_up = False
        """Whether all that was to be read at the start has been read."""
        self.partly_read: set[str] = set()
        """Topics of which not everything was read that might have been shown."""
        self.lag: Mapping[str, int] | None = None
        """Records that wait for each agent; None: not known."""
        self.all_tenants = True
        """Whether every tenant ever heard of is still here."""

    def of(self, tenant: str) -> TenantOverview:
        """Return a tenant's overview to add to."""
        found = self._tenants.get(tenant)
        if found is None:
            # it may be one that was forgotten
            found = self._tenants[tenant] = TenantOverview(complete=self.all_tenants)
            if len(self._tenants) > MOST_TENANTS:
                self._tenants.popitem(last=False)
                self.all_tenants = False
        self._tenants.move_to_end(tenant)
        return found

    def seen_by(self, tenant: str) -> Iterable[TenantOverview]:
        """Return what a caller of this tenant may see; ``*``: everything."""
        if tenant == ALL_TENANTS:
            return self._tenants.values()
        return [self._tenants[tenant]] if tenant in self._tenants else []


def _key(text: str) -> bytes:
    key = text.encode()
    if len(key) > LONGEST_KEY:
        raise BadInputError(f"account or alert_key: {len(key)} bytes, expected at most {LONGEST_KEY}")
    return key


def _packed(record: Mapping[str, Any], shown: Iterable[str], most: int) -> bytes:
    packed = orjson.dumps({field: record[field] for field in shown})
    if len(packed) > most:
        raise BadInputError(f"value: {len(packed)} bytes to show, expected at most {most}")
    # orjson hands out its buffer, which is many times as large as what is in it: keep a copy
    return bytes(memoryview(packed))


def _keep_first(kept: list[_Kept], new: _Kept, most: int) -> None:
    kept.append(new)
    kept.sort(key=lambda each: each.rank, reverse=True)
    del kept[most:]


def _is_raised(alert: Mapping[str, Any]) -> bool:
    return bool(alert["state"] == AlertState.RAISED)
