"""Alerts that are raised at the first report of something, and cleared when nothing like it is heard any more.

They are about faults on our side, and about codes that no table lists. Both are timed by when they were heard of: they
are news however late their webhook comes.
"""

from collections.abc import Iterator, Sequence

import orjson

from app.domain.advice import FAULTS, UNLISTED_CODE, UNLISTED_TEXT
from app.domain.alert_records import Alert, Subject, alert_output
from app.domain.rates import Rates
from app.domain.unlisted import listing_words
from app.events import DeliveryStats
from app.outputs import Output
from app.vocabulary import AlertKind, AlertState, Attribution, Reason

LONGEST_CODE = 80
"""Bytes of a code as JSON; of a longer one, which is a text rather than a code, the beginning is kept."""
MOST_CODES = 32
"""Unlisted codes of a provider on a channel that are told at a time; others are told when one of them is cleared."""


def report(rates: Rates, stats: DeliveryStats, place: Subject, now: int) -> list[Output]:
    """Note what an increment tells of; return what it raises."""
    outputs: list[Output] = []
    if stats["reason"] in FAULTS and stats["attribution"] != Attribution.RECIPIENT:
        outputs += _report_fault(rates, stats, place, now)
    if stats["unlisted"]:
        outputs += _report_unlisted(rates, stats, place, now)
    return outputs


def clear_quiet(rates: Rates, place: Subject, quiet: int, now: int) -> list[Output]:
    """Clear the alerts of what was not heard of for so long, in microseconds."""
    outputs = []
    for reason in [each for each in sorted(rates["faults"]) if rates["faults"][each]["seen"] + quiet <= now]:
        outputs.append(_fault_alert(rates, place, Reason(reason), AlertState.CLEARED, now))
        del rates["faults"][reason]
    for code in [each for each in sorted(rates["unlisted"]) if rates["unlisted"][each]["seen"] + quiet <= now]:
        outputs.append(_unlisted_alert(rates, place, code, AlertState.CLEARED, now))
        del rates["unlisted"][code]
    return outputs


def quiet_due(rates: Rates, quiet: int) -> Iterator[int]:
    """Return when `clear_quiet` has something to do."""
    yield from (fault["seen"] + quiet for fault in rates["faults"].values())
    yield from (code["seen"] + quiet for code in rates["unlisted"].values())


def _report_fault(rates: Rates, stats: DeliveryStats, place: Subject, now: int) -> Iterator[Output]:
    reason = Reason(stats["reason"])
    known = rates["faults"].get(reason.value)
    if known is None:
        rates["faults"][reason.value] = {"seen": now, "code": _kept_code(stats)}
        yield _fault_alert(rates, place, reason, AlertState.RAISED, stats["minute"])
    else:
        known["seen"] = max(now, known["seen"])


def _fault_alert(rates: Rates, place: Subject, reason: Reason, state: AlertState, at: int) -> Output:
    rates["told"] += 1
    code = rates["faults"][reason]["code"]
    observed = float(state is AlertState.RAISED)
    alert = Alert(AlertKind.SENDER_FAULT, state, at, rates["told"], reason, code, observed, 1.0, about=reason)
    return alert_output(alert, place, FAULTS[reason])


def _report_unlisted(rates: Rates, stats: DeliveryStats, place: Subject, now: int) -> Iterator[Output]:
    code = _kept_code(stats)
    known = rates["unlisted"].get(code)
    if known is not None:
        known["seen"] = max(now, known["seen"])
    elif len(rates["unlisted"]) < MOST_CODES:
        rates["unlisted"][code] = {"seen": now, "reason": stats["reason"]}
        yield _unlisted_alert(rates, place, code, AlertState.RAISED, stats["minute"], stats["samples"])


def _unlisted_alert(
    rates: Rates, place: Subject, code: str, state: AlertState, at: int, samples: Sequence[str] = ()
) -> Output:
    rates["told"] += 1
    reason = rates["unlisted"][code]["reason"]
    observed = float(state is AlertState.RAISED)
    alert = Alert(
        AlertKind.UNLISTED_CODE, state, at, rates["told"], reason, code, observed, 1.0, tuple(samples), about=code
    )
    advice = UNLISTED_CODE if code else UNLISTED_TEXT
    return alert_output(alert, place, advice, code=code, reason=reason, **listing_words(place, code))


def _kept_code(stats: DeliveryStats) -> str:
    code = stats["sample_code"]
    while len(orjson.dumps(code)) > LONGEST_CODE + len('""'):
        code = code[:-1]
    return code
