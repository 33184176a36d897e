"""The row of a provider on a channel: counts by minute, outages, and what is wrong at present.

Counts are kept by minute of event time over a sliding window that ends with the newest minute, so that a replay of old
records sees what was to be seen then: ``minutes`` and ``newest`` are a function of the set of counted events. The row
stays below 35 kB, with the built-in policy's window below 12 kB: at most 180 minutes of seven counts of eight digits,
32 outages, a line for each fault and for 32 unlisted codes of 80 bytes.
"""

from typing import NamedTuple, NotRequired, TypedDict

import orjson

from app.domain.clock import DAY, MINUTE
from app.domain.outages import Outage, Outages
from app.events import DeliveryStats
from app.json_bytes import dumps
from app.vocabulary import Attribution, Confirmation, Outcome

MOST_COUNT = 99_999_999
"""Of a kind in a minute; more are not told apart."""

_PROVIDERS_SIDE = (Attribution.CARRIER, Attribution.PROVIDER, Attribution.UNKNOWN)


class Fault(TypedDict):
    """A fault on our side whose alert is raised."""

    seen: int
    """When it was last heard of, by our clock."""
    code: str


class Unlisted(TypedDict):
    """A code in no table whose alert is raised."""

    seen: int
    """When it was last heard of, by our clock."""
    reason: str
    """What it was judged as when the alert was raised."""


class Rates(TypedDict):
    """The row; the reducers change it in place."""

    minutes: dict[str, dict[str, int]]
    """Failures by attribution, and deliveries, by minute since 1970."""
    newest: int
    """Newest minute, since 1970."""
    outages: list[tuple[int, int | None]]
    """Beginning and end of each, as :class:`app.domain.outages.Outages` has them; lists, to JSON."""
    heard: NotRequired[int]
    """When a report last came, by our clock; present while an outage lasts."""
    faults: dict[str, Fault]
    """By reason."""
    unlisted: dict[str, Unlisted]
    """By code; empty for failures that have none."""
    told: int
    """Alerts raised and cleared so far."""


class Share(NamedTuple):
    """Failures that are not the recipients', and all reports."""

    failures: int
    total: int

    def reaches(self, percent: int) -> bool:
        """Whether so many of all reports are failures."""
        return self.failures * 100 >= percent * self.total


def decode_rates(value: bytes | None) -> Rates:
    """Return the row of these bytes; None is a provider nobody has heard from."""
    empty: Rates = {"minutes": {}, "newest": 0, "outages": [], "faults": {}, "unlisted": {}, "told": 0}
    rates: Rates = orjson.loads(value) if value else empty
    return rates


def encode_rates(rates: Rates) -> bytes:
    """Return a row's bytes; equal rows have equal bytes."""
    return dumps(rates)


def outages_of(rates: Rates) -> Outages:
    """Return the row's outages as a value."""
    return Outages(tuple([Outage(since, until) for since, until in rates["outages"]]))


def keep_outages(rates: Rates, outages: Outages) -> None:
    """Put outages into the row."""
    rates["outages"] = [(each.since, each.until) for each in outages.periods]


def count(rates: Rates, stats: DeliveryStats, window: int, now: int) -> bool:
    """Count an increment in its minute; False: it has no part in the rate, or is older than the window of minutes.

    A minute more than a day ahead of the clock is somebody's mistake: it would end the window for good.
    """
    if stats["outcome"] == Outcome.FAILED:
        what = stats["attribution"]
    elif stats["outcome"] == Confirmation.DELIVERED:
        what = Confirmation.DELIVERED.value
    else:
        return False
    if stats["minute"] > now + DAY:
        return False
    minute = stats["minute"] // MINUTE
    if minute > rates["newest"]:
        rates["newest"] = minute
        rates["minutes"] = {name: each for name, each in rates["minutes"].items() if int(name) > minute - window}
    if minute <= rates["newest"] - window:
        return False
    counts = rates["minutes"].setdefault(str(minute), {})
    counts[what] = min(counts.get(what, 0) + stats["count"], MOST_COUNT)
    return True


def share(rates: Rates) -> Share:
    """Add up the window."""
    minutes = rates["minutes"].values()
    failures = sum(each.get(side, 0) for each in minutes for side in _PROVIDERS_SIDE)
    return Share(failures, sum(sum(each.values()) for each in minutes))
