from typing import cast

import pytest

from app import avro
from app.domain import alerts
from app.domain.outages import KEPT, Outage, Outages, takes_effect
from app.domain.rates import decode_rates
from app.domain.recipients import apply_failed
from app.domain.rows import decode_row, encode_row
from app.events import DeliveryFailed, DeliveryStats
from app.outputs import Output
from app.stream.health import ProviderHealthReader
from tests.unit.domain.samples import DAY, MINUTE, NOW, POLICY, T0, failed
from tests.unit.domain.test_alerts import reports

ROUTE = ("acme", "teekrr", "sms")


@pytest.mark.parametrize(("decided_at", "at"), [(T0, 2), (T0 + MINUTE - 1, 2), (T0 + MINUTE, 3)])
def test_a_change_takes_effect_at_the_start_of_the_second_minute_after(decided_at: int, at: int) -> None:
    assert takes_effect(decided_at) == T0 + at * MINUTE


def test_an_outage_covers_its_beginning_and_not_its_end() -> None:
    """Of several each counts; an open one covers everything from its beginning on."""
    outages = Outages().begun(T0).ended(T0 + 5).begun(T0 + 10)
    covered = [at for at in range(T0 - 1, T0 + 13) if outages.covers(at)]
    assert covered == [*range(T0, T0 + 5), T0 + 10, T0 + 11, T0 + 12]
    assert outages.covers(T0 + 900 * DAY)


def test_only_the_newest_are_kept() -> None:
    """Of the oldest nothing is known any more."""
    outages = Outages()
    for number in range(KEPT + 3):
        outages = outages.begun(T0 + 2 * number * MINUTE).ended(T0 + (2 * number + 1) * MINUTE)
    assert outages.periods == tuple(
        Outage(T0 + 2 * number * MINUTE, T0 + (2 * number + 1) * MINUTE) for number in range(3, KEPT + 3)
    )


@pytest.mark.parametrize(
    ("outages", "lasts", "until"),
    [
        (Outages(), False, 0),
        (Outages((Outage(T0, None),)), True, T0),
        (Outages((Outage(T0, T0 + 1),)), False, T0 + 1),
    ],
)
def test_what_is_decided_ends_with_the_last_change(outages: Outages, lasts: bool, until: int) -> None:  # noqa: FBT001 - a parameter of the test
    assert (outages.lasts, outages.decided_until) == (lasts, until)


def test_a_late_failure_is_judged_by_the_outage_it_happened_in() -> None:
    """It comes days after the outage has ended; one from before or after the outage counts as ever."""
    outages = Outages((Outage(T0 + DAY, T0 + 2 * DAY),))
    row = decode_row(None)
    for name, at in (("before", T0), ("within", T0 + DAY), ("after", T0 + 2 * DAY)):
        apply_failed(row, failed(name, at), POLICY, NOW, outages=outages)
    channel = row.channels["email"]
    assert [fact[1] for fact in channel["transient"]] == ["before", "after"]
    assert channel["degraded"] == 1


def test_a_failure_whose_clock_is_off_is_judged_by_its_receipt() -> None:
    """As everything else about it."""
    outages = Outages((Outage(T0, T0 + DAY),))
    row = decode_row(None)
    apply_failed(row, failed("a", T0 + 900 * DAY, received_at=T0), POLICY, NOW, outages=outages)
    assert row.channels["email"]["degraded"] == 1


class Announcer:
    """An alert agent whose decisions about an outage reach a reader at once."""

    def __init__(self) -> None:
        self._rates = decode_rates(None)
        self.reader = ProviderHealthReader({})
        self.last = b""

    def hear(self, stats: DeliveryStats) -> None:
        """Judge an increment in the minute it is about."""
        self._announce(alerts.apply_stats(self._rates, stats, POLICY, stats["minute"]))

    def _announce(self, outputs: list[Output]) -> None:
        for output in outputs:
            if output.topic == "provider.health":
                self.last = avro.encode(output.topic, output.value)
                self.reader.take(self.last)


def failure(minute: int) -> DeliveryFailed:
    return failed(f"f{minute}", T0 + minute * MINUTE, channel="sms", recipient="+447810000001")


def test_a_replay_that_knows_all_outages_ends_in_the_same_row() -> None:
    """Live, each failure is judged by what was announced by its minute; the replay knows all of it from the start."""
    live, announcer = decode_row(None), Announcer()
    # an hour in which two minutes are bad; the first has left the window when the second comes
    for minute in range(60):
        outages = announcer.reader.outages(*ROUTE)
        apply_failed(live, failure(minute), POLICY, NOW, outages=outages)
        bad = minute in {10, 50}
        announcer.hear(reports(4000, "CARRIER", minute) if bad else reports(100, minute=minute))
    reader = ProviderHealthReader({})
    reader.take(announcer.last)
    assert reader.outages(*ROUTE).periods == (
        Outage(T0 + 12 * MINUTE, T0 + 42 * MINUTE),
        Outage(T0 + 52 * MINUTE, None),
    )
    replayed = decode_row(None)
    for minute in reversed(range(60)):
        apply_failed(replayed, failure(minute), POLICY, NOW, outages=reader.outages(*ROUTE))
    assert encode_row(replayed) == encode_row(live)
    assert live.channels["sms"]["degraded"] == 30 + 8


def test_what_comes_before_its_outage_is_announced_counts_and_a_replay_leaves_it_out() -> None:
    """The limit: an event of a time that nothing is announced for yet."""
    announcer = Announcer()
    live, replayed = decode_row(None), decode_row(None)
    apply_failed(live, failure(2), POLICY, NOW, outages=announcer.reader.outages(*ROUTE))
    announcer.hear(reports(400, "CARRIER", 0))
    apply_failed(replayed, failure(2), POLICY, NOW, outages=announcer.reader.outages(*ROUTE))
    assert ("transient" in live.channels["sms"], "transient" in replayed.channels["sms"]) == (True, False)


def test_a_replay_tells_nothing_of_times_that_were_decided() -> None:
    """The same reports again, by a version that knows the history, change neither the history nor any alert."""
    announcer = Announcer()
    stats = [reports(400, "CARRIER", 0), *(reports(100, minute=minute) for minute in range(1, 40))]
    for each in stats:
        announcer.hear(each)
    known = announcer.reader.outages(*ROUTE)
    assert [each.until is None for each in known.periods] == [False]
    rates = decode_rates(None)
    alerts.adopt(rates, known, NOW)
    assert [output for each in stats for output in alerts.apply_stats(rates, each, POLICY, NOW)] == []
    [health, _] = alerts.apply_stats(rates, reports(10**4, "CARRIER", 40), POLICY, NOW)
    assert cast("list[object]", health.value["periods"]) == [
        *({"since": since, "until": until} for since, until in known.periods),
        {"since": T0 + 42 * MINUTE, "until": None},
    ]
