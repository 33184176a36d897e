"""When an event happened, as far as the provider's clock can be believed."""

from typing import NamedTuple

from app.domain.policy_document import ClockLimits

MINUTE = 60_000_000
"""Microseconds."""
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Moment(NamedTuple):
    """A dated event."""

    at: int
    """Microseconds; the time that all judgements use."""
    note: str
    """``skewed``: the clock is not believed, ``at`` is the receipt. ``late``: believed, but old. Else empty."""


def judge_time(occurred_at: int, received_at: int, limits: ClockLimits) -> Moment:
    """Date an event: by the provider's clock, or by its receipt when that clock is off."""
    age = received_at - occurred_at
    if -MINUTE * limits.ahead_minutes <= age <= DAY * limits.late_days:
        return Moment(occurred_at, "")
    if 0 < age <= DAY * limits.broken_days:
        return Moment(occurred_at, "late")
    return Moment(received_at, "skewed")
