"""Watches the accounts: little credit left, figures that contradict each other, reservations nobody settles."""

from typing import NotRequired, TypedDict

import orjson

from app.domain.advice import CREDIT_INVARIANT, LOW_CREDIT, STALE
from app.domain.alert_records import Alert, Subject, alert_output
from app.domain.clock import DAY
from app.domain.policy import Policy
from app.events import CreditChanged
from app.json_bytes import dumps
from app.outputs import Output
from app.vocabulary import AlertKind, AlertState

QUIET = DAY
"""The alert about stale reservations is cleared when none became stale for so long."""


class Watch(TypedDict):
    """The row of an account; the reducers change it in place, and it is below 0.2 kB."""

    low: NotRequired[bool]
    broken: NotRequired[bool]
    """Present while the alert of that kind is raised."""
    stale_seen: NotRequired[int]
    """When a reservation last became stale, by our clock; present while that alert is raised."""
    tenant: str
    told: int
    """Alerts raised and cleared so far."""


def decode_watch(value: bytes | None) -> Watch:
    """Return the row of these bytes; None is an account nobody has heard of."""
    watch: Watch = orjson.loads(value) if value else {"tenant": "", "told": 0}
    return watch


def encode_watch(watch: Watch) -> bytes:
    """Return a row's bytes; equal rows have equal bytes."""
    return dumps(watch)


def apply_credit(watch: Watch, change: CreditChanged, policy: Policy, now: int) -> list[Output]:
    """Look at an account's new state; return what it raises or clears."""
    watch["tenant"] = change["tenant"]
    subject = Subject(change["tenant"], account=change["account"])
    outputs = _judge_figures(watch, change, subject)
    outputs += _judge_balance(watch, change, subject, policy)
    if change["cause"] == "reservation_stale":
        if "stale_seen" not in watch:
            alert = _next(watch, AlertKind.RESERVATION_STALE, AlertState.RAISED, change["occurred_at"])
            outputs.append(alert_output(alert, subject, STALE, message_id=change["message_id"]))
        watch["stale_seen"] = now
    return outputs


def tick(watch: Watch, account: str, now: int) -> list[Output]:
    """Clear the alert about stale reservations when there was no new one for `QUIET`."""
    if "stale_seen" not in watch or watch["stale_seen"] + QUIET > now:
        return []
    del watch["stale_seen"]
    alert = _next(watch, AlertKind.RESERVATION_STALE, AlertState.CLEARED, now)
    return [alert_output(alert, Subject(watch["tenant"], account=account), STALE, message_id="")]


def next_due(watch: Watch) -> int | None:
    """Return when `tick` has something to do, or None."""
    return watch["stale_seen"] + QUIET if "stale_seen" in watch else None


def _judge_figures(watch: Watch, change: CreditChanged, subject: Subject) -> list[Output]:
    broken = change["cause"] == "invariant_broken"
    if broken == ("broken" in watch):
        return []
    difference = (
        change["granted_micros"] - change["available_micros"] - change["reserved_micros"] - change["spent_micros"]
    )
    if broken:
        watch["broken"] = True
    else:
        del watch["broken"]
    state = AlertState.RAISED if broken else AlertState.CLEARED
    alert = _next(watch, AlertKind.CREDIT_INVARIANT, state, change["occurred_at"])
    return [alert_output(alert._replace(observed=float(difference)), subject, CREDIT_INVARIANT)]


def _judge_balance(watch: Watch, change: CreditChanged, subject: Subject, policy: Policy) -> list[Output]:
    granted, available = change["granted_micros"], change["available_micros"]
    floor = max(granted * policy.alerts.low_credit_percent // 100, policy.alerts.low_credit_micros)
    low = granted > 0 and available < floor
    if low == ("low" in watch):
        return []
    if low:
        watch["low"] = True
    else:
        del watch["low"]
    state = AlertState.RAISED if low else AlertState.CLEARED
    alert = _next(watch, AlertKind.LOW_CREDIT, state, change["occurred_at"])
    percent = f"{100 * available / granted:.1f}" if granted else "0"
    alert = alert._replace(observed=float(available), threshold=float(floor))
    return [alert_output(alert, subject, LOW_CREDIT, percent=percent)]


def _next(watch: Watch, kind: str, state: AlertState, at: int) -> Alert:
    watch["told"] += 1
    return Alert(kind, state, at, watch["told"])
