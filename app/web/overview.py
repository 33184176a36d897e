"""What the page shows, added up from the topics by tenant: pure, so that it needs no Kafka and no clock.

Memory is bounded whatever comes: `MOST_TENANTS` tenants (the one that was silent longest goes first), and of each 256
names in `hourly`, 20 suppressions, 100 accounts, 50 alerts and 10 dead letters. That is below 0.4 MB a tenant at worst
and 50 MB in all (a test fills it); a usual tenant takes 20 kB. ``complete`` tells whether anything was left out.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from app.domain.clock import DAY
from app.events import CreditChanged, DeliveryAlert, DeliveryStats, Micros, SuppressionChanged
from app.vocabulary import AlertKind, AlertState, Outcome
from app.web.auth import ALL_TENANTS
from app.web.hourly import HourlyCounts, Name

MOST_TENANTS = 128
MOST_SUPPRESSIONS = 20
MOST_ACCOUNTS = 100
MOST_ALERTS = 50
MOST_DEAD_LETTERS = 10

FAILED = "failed"
CONFIRMED = "confirmed"
SUPPRESSION = "suppression"
DEAD = "dead"


class DeadLetter(NamedTuple):
    """A record that could not be read."""

    at: Micros
    tenant: str
    """Empty: it named none that could be believed."""
    origin: str
    """Topic, partition and offset."""
    error: str
    """What is wrong with it, and never its contents."""


class TenantOverview:
    """What is known of one tenant."""

    def __init__(self, *, complete: bool) -> None:
        self._complete = complete
        self.counts = HourlyCounts()
        self.suppressions: list[SuppressionChanged] = []
        self.accounts: OrderedDict[str, CreditChanged] = OrderedDict()
        self.alerts: dict[str, DeliveryAlert] = {}
        self.dead_letters: list[DeadLetter] = []

    @property
    def complete(self) -> bool:
        """Whether nothing had to be left out."""
        return self._complete and not self.counts.left_out

    def take_stats(self, stats: DeliveryStats, now: Micros) -> None:
        """Add an increment."""
        if stats["outcome"] == Outcome.FAILED:
            name: Name = (FAILED, stats["provider"], stats["reason"], stats["attribution"])
        else:
            name = (CONFIRMED, stats["provider"], stats["outcome"])
        self.counts.add(name, stats["minute"], stats["count"], now)

    def take_suppression(self, change: SuppressionChanged, now: Micros) -> None:
        """Count a change and keep the newest."""
        self.counts.add((SUPPRESSION, change["state"]), change["changed_at"], 1, now)
        _keep_newest(self.suppressions, change, lambda each: each["changed_at"], MOST_SUPPRESSIONS)

    def take_credit(self, change: CreditChanged) -> None:
        """Keep an account's newest state."""
        known = self.accounts.get(change["account"])
        if known is not None and known["sequence"] > change["sequence"]:
            return
        self.accounts[change["account"]] = change
        self.accounts.move_to_end(change["account"])
        if len(self.accounts) > MOST_ACCOUNTS:
            self.accounts.popitem(last=False)
            self._complete = False

    def take_alert(self, alert: DeliveryAlert) -> None:
        """Keep an alert's newest state.

        When there are too many, the oldest cleared one goes, then the oldest about an unlisted code, then the oldest.
        """
        self.alerts[alert["alert_key"]] = alert
        if len(self.alerts) > MOST_ALERTS:
            oldest = min(self.alerts.values(), key=_worth_keeping)
            del self.alerts[oldest["alert_key"]]
            self._complete = self._complete and not _is_raised(oldest)

    def take_dead_letter(self, letter: DeadLetter, now: Micros) -> None:
        """Count a dead letter and keep the newest."""
        self.counts.add((DEAD,), letter.at, 1, now)
        _keep_newest(self.dead_letters, letter, lambda each: each.at, MOST_DEAD_LETTERS)

    def open_alerts(self, now: Micros) -> list[DeliveryAlert]:
        """Return the alerts that are raised, and those that were cleared in the last 24 hours."""
        return [each for each in self.alerts.values() if _is_raised(each) or each["occurred_at"] > now - DAY]


class Overview:
    """Every tenant's overview."""

    def __init__(self) -> None:
        self._tenants: OrderedDict[str, TenantOverview] = OrderedDict()
        self.caught_up = False
        """Whether all that was there at the start has been read."""
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


def _keep_newest(kept: list[Any], new: Any, time_of: Callable[[Any], Micros], most: int) -> None:  # noqa: ANN401
    kept.append(new)
    kept.sort(key=time_of, reverse=True)
    del kept[most:]


def _worth_keeping(alert: DeliveryAlert) -> tuple[bool, bool, Micros]:
    return _is_raised(alert), alert["kind"] != AlertKind.UNLISTED_CODE, alert["occurred_at"]


def _is_raised(alert: DeliveryAlert) -> bool:
    return alert["state"] == AlertState.RAISED
