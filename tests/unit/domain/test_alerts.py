from typing import Any, cast

import pytest

from app.domain.advice import FAULTS
from app.domain.alerts import adopt, apply_stats, next_due, tick
from app.domain.outages import Outage, Outages
from app.domain.policy import parse_policy
from app.domain.rates import Rates, count, decode_rates, encode_rates, keep_outages, outages_of
from app.events import DeliveryAlert, DeliveryStats, ProviderHealth
from app.identity import event_id
from app.outputs import Output
from app.vocabulary import Reason
from tests.unit.domain.samples import DAY, HOUR, MINUTE, POLICY, T0

KEY = "acme/teekrr/sms"


def reports(
    count: int, attribution: str = "", minute: int = 0, reason: str = "network_error", **fields: object
) -> DeliveryStats:
    """Return so many failures of an attribution, or deliveries, in a minute after T0."""
    stats: dict[str, Any] = {
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "sms",
        "outcome": "failed" if attribution else "delivered",
        "reason": reason if attribution else "",
        "attribution": attribution or "UNKNOWN",
        "minute": T0 + minute * MINUTE,
        "count": count,
        "sample_code": "elfo:9" if attribution else "",
        "unlisted": False,
        "samples": [],
    }
    return cast("DeliveryStats", stats | fields)


def told(rates: Rates, *stats: DeliveryStats) -> list[Output]:
    """Apply increments, each in the minute it is about."""
    return [output for each in stats for output in apply_stats(rates, each, POLICY, each["minute"])]


def kinds(outputs: list[Output]) -> list[tuple[str, object]]:
    """Return what was told, in short."""
    return [(output.topic, output.value.get("state", output.value.get("degraded"))) for output in outputs]


RAISED = [("provider.health", True), ("delivery.alert", "raised")]
CLEARED = [("provider.health", False), ("delivery.alert", "cleared")]


def test_a_bad_rate_is_told_once_with_the_providers_health() -> None:
    """The whole records when half of twenty reports are failures that are not the recipients'."""
    rates = decode_rates(None)
    assert told(rates, reports(10), reports(9, "CARRIER"), reports(0, "PROVIDER")) == []
    health: ProviderHealth = {
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "sms",
        "degraded": True,
        "failures": 10,
        "total": 20,
        "window_minutes": 30,
        "since": T0 + 3 * MINUTE,
        "changed_at": T0 + MINUTE,
        "periods": [{"since": T0 + 3 * MINUTE, "until": None}],
    }
    key = "provider_failure_rate/acme/teekrr/sms"
    alert: DeliveryAlert = {
        "event_id": event_id("delivery.alert", key, "raised", str(T0 + MINUTE), "1"),
        "alert_key": key,
        "tenant": "acme",
        "kind": "provider_failure_rate",
        "state": "raised",
        "summary": "teekrr fails 10 of 20 sms messages for reasons that are not the recipients'.",
        "action": "Look at the status page of teekrr and send sms messages another way until it recovers; "
        "no recipient is judged by its transient failures meanwhile.",
        "provider": "teekrr",
        "channel": "sms",
        "account": "",
        "reason": "",
        "sample_code": "",
        "observed": 50.0,
        "threshold": 50.0,
        "samples": [],
        "occurred_at": T0 + MINUTE,
    }
    assert told(rates, reports(1, "UNKNOWN", 1)) == [
        Output("provider.health", KEY, health),
        Output("delivery.alert", key, alert),
    ]
    assert told(rates, reports(100, "CARRIER", 2)) == []


@pytest.mark.parametrize("attribution", ["RECIPIENT", "SENDER", "CONTENT"])
def test_faults_of_others_are_no_failure_of_the_provider(attribution: str) -> None:
    """A bad list or a broken template does not degrade a provider; such reports count as reports."""
    rates = decode_rates(None)
    assert told(rates, reports(100, attribution, reason="unsupported_content"), reports(99, "CARRIER")) == []
    assert kinds(told(rates, reports(1, "CARRIER"))) == RAISED


def test_acceptance_and_reading_count_for_nothing() -> None:
    """They are about messages that are counted as delivered or failed as well."""
    rates = decode_rates(None)
    assert told(rates, reports(100, outcome="accepted"), reports(100, outcome="read"), reports(10)) == []
    assert kinds(told(rates, reports(10, "CARRIER"))) == RAISED


def test_few_reports_raise_nothing() -> None:
    """Nineteen failures of nineteen are not enough to judge by."""
    assert told(decode_rates(None), reports(19, "CARRIER")) == []


def test_the_alert_is_cleared_when_the_rate_is_good_again() -> None:
    """Not at once below half, but below a quarter."""
    rates = decode_rates(None)
    assert kinds(told(rates, reports(20, "CARRIER"))) == RAISED
    rates = decode_rates(encode_rates(rates))
    assert told(rates, reports(60, minute=1)) == []
    assert kinds(told(rates, reports(1, minute=2))) == CLEARED


def test_old_minutes_leave_the_window() -> None:
    """A report counts for thirty minutes of event time, and not when it comes later than that."""
    rates = decode_rates(None)
    assert told(rates, reports(19, "CARRIER"), reports(1, minute=30)) == []
    assert told(rates, reports(50, "CARRIER", 0)) == []
    assert rates["minutes"] == {str(T0 // MINUTE + 30): {"delivered": 1}}
    assert kinds(told(rates, reports(50, "CARRIER", 1))) == RAISED


def test_a_silent_provider_is_cleared_by_time() -> None:
    """When nothing was reported for the window the alert is cleared, as `next_due` says."""
    rates = decode_rates(None)
    told(rates, reports(20, "CARRIER"))
    due = T0 + 30 * MINUTE
    assert next_due(rates, POLICY) == due
    assert tick(rates, KEY, POLICY, due - 1) == []
    assert kinds(tick(rates, KEY, POLICY, due)) == CLEARED
    assert next_due(rates, POLICY) is None
    assert tick(rates, KEY, POLICY, due) == []


def test_an_outage_that_ends_in_silence_ends_ahead_of_the_clock() -> None:
    """Whatever came until then was judged as if the outage lasted; a late report of the old time does not renew it."""
    rates = decode_rates(None)
    told(rates, reports(20, "CARRIER"))
    [health, _] = tick(rates, KEY, POLICY, T0 + 30 * MINUTE + 1)
    assert (health.value["failures"], health.value["total"], health.value["changed_at"]) == (0, 0, T0 + 30 * MINUTE + 1)
    assert health.value["periods"] == [{"since": T0 + 2 * MINUTE, "until": T0 + 32 * MINUTE}]
    assert apply_stats(rates, reports(1, "CARRIER"), POLICY, T0 + 31 * MINUTE) == []


def test_a_backlog_is_no_silence() -> None:
    """Reports of yesterday that come now keep yesterday's outage open until a report of a better minute."""
    rates = decode_rates(None)
    now = T0 + 24 * HOUR
    apply_stats(rates, reports(20, "CARRIER"), POLICY, now)
    assert next_due(rates, POLICY) == now + 30 * MINUTE
    assert tick(rates, KEY, POLICY, now + 30 * MINUTE - 1) == []
    outputs = apply_stats(rates, reports(1, minute=40), POLICY, now + MINUTE)
    assert kinds(outputs) == CLEARED
    assert outputs[0].value["since"] == T0 + 42 * MINUTE
    assert "heard" not in rates


def test_nothing_is_decided_twice_in_a_minute() -> None:
    """An outage lasts a minute at least, and so does the time between two."""
    rates = decode_rates(None)
    assert kinds(told(rates, reports(20, "CARRIER"))) == RAISED
    assert told(rates, reports(10**3)) == []
    assert kinds(told(rates, reports(1, minute=1))) == CLEARED
    assert told(rates, reports(10**5, "CARRIER", 1)) == []
    assert kinds(told(rates, reports(1, "CARRIER", 2))) == RAISED
    assert outages_of(rates).periods == (
        Outage(T0 + 2 * MINUTE, T0 + 3 * MINUTE),
        Outage(T0 + 4 * MINUTE, None),
    )


def test_an_outage_that_another_version_began_is_ended_by_this_one() -> None:
    """Its alert has the same key; what is older than the row's own history is not taken over."""
    rates = decode_rates(None)
    adopt(rates, Outages((Outage(T0, None),)), T0)
    assert next_due(rates, POLICY) == T0 + 30 * MINUTE
    outputs = told(rates, reports(1))
    assert kinds(outputs) == CLEARED
    assert outages_of(rates).periods == (Outage(T0, T0 + 2 * MINUTE),)
    before = encode_rates(rates)
    adopt(rates, Outages((Outage(T0, None),)), T0)
    adopt(rates, Outages(), T0)
    assert encode_rates(rates) == before


def test_a_fault_of_ours_is_told_at_the_first_report_and_once() -> None:
    """The whole record says what to do; more of the same say nothing, another reason does."""
    rates = decode_rates(None)
    key = "sender_fault/acme/teekrr/sms/insufficient_funds"
    alert: DeliveryAlert = {
        "event_id": event_id("delivery.alert", key, "raised", str(T0), "1"),
        "alert_key": key,
        "tenant": "acme",
        "kind": "sender_fault",
        "state": "raised",
        "summary": "Our account at teekrr has no credit left for sms.",
        "action": "Top up the account at teekrr or repair its payment method.",
        "provider": "teekrr",
        "channel": "sms",
        "account": "",
        "reason": "insufficient_funds",
        "sample_code": "elfo:9",
        "observed": 1.0,
        "threshold": 1.0,
        "samples": [],
        "occurred_at": T0,
    }
    fault = reports(1, "SENDER", reason="insufficient_funds")
    assert told(rates, fault) == [Output("delivery.alert", key, alert)]
    assert told(rates, fault, fault) == []
    other = told(rates, reports(1, "SENDER", 1, "sender_credentials"))
    assert [output.value["reason"] for output in other] == ["sender_credentials"]


def test_a_fault_that_is_not_heard_of_any_more_is_cleared() -> None:
    """An hour after the last report of it by our clock."""
    rates = decode_rates(None)
    fault = reports(1, "SENDER", reason="sender_reputation")
    apply_stats(rates, fault, POLICY, T0 + HOUR)
    apply_stats(rates, fault, POLICY, T0 + 2 * HOUR)
    assert next_due(rates, POLICY) == T0 + 3 * HOUR
    assert tick(rates, KEY, POLICY, T0 + 3 * HOUR - 1) == []
    assert kinds(tick(rates, KEY, POLICY, T0 + 3 * HOUR)) == [("delivery.alert", "cleared")]
    assert rates["faults"] == {}
    assert kinds(apply_stats(rates, fault, POLICY, T0 + 9 * HOUR)) == [("delivery.alert", "raised")]


def test_news_of_a_fault_that_comes_late_is_still_told() -> None:
    """A webhook that waited for hours is out of the rate's window, but the fault may well last."""
    rates = decode_rates(None)
    told(rates, reports(1, minute=300))
    assert kinds(told(rates, reports(1, "SENDER", 0, "sender_credentials"))) == [("delivery.alert", "raised")]


def test_a_recipients_side_of_a_reason_is_no_fault_of_ours() -> None:
    assert told(decode_rates(None), reports(1, "RECIPIENT", reason="quota_exceeded")) == []


@pytest.mark.parametrize("reason", FAULTS)
def test_every_fault_says_what_to_do_in_one_sentence(reason: Reason) -> None:
    """Each advice is filled, names the provider or the channel, and is one sentence."""
    (output,) = told(decode_rates(None), reports(1, "SENDER", reason=reason))
    for text in (str(output.value["summary"]), str(output.value["action"])):
        assert text.endswith(".")
        assert "{" not in text
        assert text.count(". ") == 0
    assert "teekrr" in f"{output.value['summary']} {output.value['action']}"


def test_a_row_stays_small() -> None:
    """A day of reports of every kind, outages and codes leaves thirty minutes of counts, 32 outages and 32 codes."""
    rates = decode_rates(None)
    codes = [f"{'treble:' + 'X' * 60}{number:04}" for number in range(100)]
    for number, code in enumerate(codes):
        apply_stats(rates, reports(1, "UNKNOWN", number, sample_code=code, unlisted=True), POLICY, T0)
        keep_outages(rates, outages_of(rates).begun(T0 + 2 * number).ended(T0 + 2 * number + 1))
    for minute in range(24 * 60):
        for attribution in ("", "RECIPIENT", "SENDER", "CONTENT", "CARRIER", "PROVIDER", "UNKNOWN"):
            apply_stats(rates, reports(10**6, attribution, minute), POLICY, T0)
    assert [len(rates[part]) for part in ("minutes", "outages", "unlisted")] == [30, 32, 32]
    assert len(encode_rates(rates)) < 12_000


def test_a_row_of_somebody_elses_increments_stays_small() -> None:
    """Whatever passes the edge, at the longest window: counts that never end, codes that are long and escaped."""
    policy = parse_policy("[alerts]\nwindow_minutes = 180", "p.toml")
    rates, last = decode_rates(None), 10**17 // MINUTE
    for number in range(40):
        keep_outages(rates, outages_of(rates).begun(10**17 + 2 * number).ended(10**17 + 2 * number + 1))
        code = f"{number}" + '"\x01\U0001f600' * 50
        for reason in Reason:
            increment = reports(1, "CONTENT", reason=reason, sample_code=code, unlisted=True)
            apply_stats(rates, {**increment, "minute": 10**17}, policy, 10**17)
    for minute in range(last - 179, last + 1):
        for attribution in ("", "RECIPIENT", "SENDER", "CONTENT", "CARRIER", "PROVIDER", "UNKNOWN"):
            increment = reports(10**6, attribution)
            increment["minute"] = minute * MINUTE
            for _ in range(101):
                count(rates, increment, 180, 10**17)
    assert [len(rates[part]) for part in ("minutes", "outages", "unlisted", "faults")] == [180, 32, 32, len(FAULTS)]
    assert max(max(each.values()) for each in rates["minutes"].values()) == 99_999_999
    assert 30_000 < len(encode_rates(rates)) < 35_000


@pytest.mark.parametrize(("ahead", "counted"), [(DAY, True), (DAY + MINUTE, False), (10**16, False)])
def test_a_minute_far_ahead_of_the_clock_does_not_end_the_window(ahead: int, *, counted: bool) -> None:
    """One wrong clock would make every report after it too old to count."""
    rates = decode_rates(None)
    apply_stats(rates, {**reports(1, "CARRIER"), "minute": T0 + ahead}, POLICY, T0)
    assert rates["newest"] == ((T0 + ahead) // MINUTE if counted else 0)


@pytest.mark.parametrize(("ahead", "adopted"), [(DAY + 2 * MINUTE, True), (DAY + 3 * MINUTE, False), (10**16, False)])
def test_an_outage_far_ahead_of_the_clock_is_not_taken_over(ahead: int, *, adopted: bool) -> None:
    """Nothing could be announced before its end."""
    rates = decode_rates(None)
    adopt(rates, Outages((Outage(T0, T0 + ahead),)), T0)
    assert bool(rates["outages"]) is adopted
