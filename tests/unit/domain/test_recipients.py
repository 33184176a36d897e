from typing import cast

import orjson
import pytest

from app.domain.outages import Outage, Outages
from app.domain.policy import Policy, parse_policy
from app.domain.recipients import Applied, apply_confirmed, apply_failed, apply_request, expire, next_due
from app.domain.rows import Row, decode_row, encode_row
from app.events import DeliveryConfirmed, DeliveryFailed, SuppressionChanged, SuppressionRequested
from app.identity import event_id
from app.outputs import Output
from tests.unit.domain.samples import (
    DAY,
    EMAIL,
    HOUR,
    MINUTE,
    NOW,
    POLICY,
    SMS,
    T0,
    asked,
    confirmed,
    failed,
    gone,
)

KEY = f"acme/{EMAIL}"
DRY = parse_policy('[dry_run]\ntenants = ["acme"]', "p.toml")
Event = DeliveryFailed | DeliveryConfirmed | SuppressionRequested


def apply(row: Row, event: Event, now: int = NOW, policy: Policy = POLICY, *, degraded: bool = False) -> Applied:
    """Apply any event as its agent would."""
    if "action" in event:
        return apply_request(row, cast("SuppressionRequested", event), policy, now, received_at=event["occurred_at"])
    if "kind" in event:
        return apply_confirmed(row, cast("DeliveryConfirmed", event), policy, now)
    outages = Outages((Outage(0, None),)) if degraded else Outages()
    return apply_failed(row, event, policy, now, outages=outages)


def changes(row: Row, *events: Event, now: int = NOW, policy: Policy = POLICY) -> list[dict[str, object]]:
    """Apply events; return what each announcement says, without what every announcement says."""
    told = []
    for event in events:
        told += [dict(output.value) for output in apply(row, event, now, policy).outputs]
    return [{name: each[name] for name in ("state", "reason", "since", "until", "tier", "cause")} for each in told]


def suppressed(reason: str, since: int, days: int, tier: int = 1, cause: str = "failure") -> dict[str, object]:
    """Return what an announcement of a suppression says."""
    until = since + days * DAY if days else None
    return {
        "state": "suppressed",
        "reason": reason,
        "since": since,
        "until": until,
        "tier": tier,
        "cause": cause,
    }


def allowed(since: int, cause: str) -> dict[str, object]:
    """Return what the announcement of an end says."""
    return {"state": "allowed", "reason": "", "since": since, "until": None, "tier": 0, "cause": cause}


def test_a_permanent_failure_suppresses_at_once() -> None:
    """The whole announcement and the whole row after one failure."""
    row = decode_row(None)
    result = apply(row, gone("e1", T0), now=T0 + HOUR)
    record: SuppressionChanged = {
        "event_id": event_id("suppression.changed", f"{KEY}/email", "4"),
        "tenant": "acme",
        "channel": "email",
        "recipient": EMAIL,
        "state": "suppressed",
        "reason": "invalid_recipient",
        "since": T0,
        "until": T0 + 90 * DAY,
        "tier": 1,
        "sequence": 4,
        "cause": "failure",
        "evidence": ["e1"],
        "requested_by": "",
        "changed_at": T0,
        "policy_version": POLICY.version,
    }
    assert result == Applied(outputs=(Output("suppression.changed", f"{KEY}/email", record),))
    assert orjson.loads(encode_row(row)) == {
        "events": 1,
        "memory": row.memory.days,
        "channels": {
            "email": {
                "failed": {"RECIPIENT": {"invalid_recipient": 1}},
                "last_failure": [T0, "invalid_recipient"],
                "permanent": [[T0, "e1", "invalid_recipient"]],
                "suppression": {
                    "reason": "invalid_recipient",
                    "since": T0,
                    "until": T0 + 90 * DAY,
                    "tier": 1,
                    "cause": "failure",
                    "evidence": ["e1"],
                    "by": "",
                },
                "told": {"suppression": 4},
            }
        },
    }
    assert next_due(row, POLICY) == T0 + 90 * DAY


def test_phone_channels_are_suppressed_for_thirty_days_each_on_its_own() -> None:
    """A number that is not on WhatsApp still takes SMS."""
    row = decode_row(None)
    event = gone("e1", T0, "recipient_not_on_channel", channel="whatsapp", recipient=SMS)
    assert changes(row, event) == [suppressed("recipient_not_on_channel", T0, 30)]
    assert list(row.channels) == ["whatsapp"]


@pytest.mark.parametrize(
    "event",
    [
        gone("e1", T0, "sender_reputation", attribution="SENDER"),
        gone("e1", T0, "template_error", attribution="CONTENT"),
        gone("e1", T0, "carrier_rejected", attribution="CARRIER"),
        gone("e1", T0, "provider_error", attribution="PROVIDER"),
        gone("e1", T0, "unknown", attribution="UNKNOWN"),
        gone("e1", T0, confidence="UNMAPPED"),
        gone("e1", T0, "recipient_opted_out", confidence="UNMAPPED"),
        gone("e1", T0, "recipient_suppressed"),
        failed("e1", T0, permanence="UNDETERMINED"),
    ],
    ids=lambda event: f"{event['attribution']}-{event['reason']}-{event['confidence']}-{event['permanence']}",
)
def test_nothing_else_touches_a_recipient(event: DeliveryFailed) -> None:
    """Other people's faults, unmapped codes, echoes and the undetermined are counted and leave no fact."""
    row = decode_row(None)
    assert apply(row, event) == Applied()
    assert row.channels == {
        "email": {
            "failed": {event["attribution"]: {event["reason"]: 1}},
            "last_failure": [T0, event["reason"]],
        }
    }


def test_a_repeat_changes_nothing() -> None:
    """The same failure again, also days later and after the row was stored, leaves the same bytes."""
    row = decode_row(None)
    apply(row, gone("e1", T0))
    stored = encode_row(row)
    again = decode_row(stored)
    result = apply(again, gone("e1", T0, received_at=T0 + 13 * DAY))
    assert result == Applied(changed=False, duplicate=True)
    assert encode_row(again) == stored


def test_two_reports_of_one_failure_count_once_and_both_are_evidence() -> None:
    """A bounce says more than the failure with the same id that came before it, or after it."""
    first = failed("e", T0, "unknown", attribution="UNKNOWN", confidence="UNMAPPED", event_id_basis="message")
    second = gone("e", T0 + 1, event_id_basis="message", outcome="bounced")
    for reports, counts in (
        ((first, second, first, second), {"UNKNOWN": {"unknown": 1}}),
        ((second, first, second, first), {"RECIPIENT": {"invalid_recipient": 1}}),
    ):
        row = decode_row(None)
        applied = [apply(row, report) for report in reports]
        assert [each.duplicate for each in applied] == [False, True, True, True]
        assert [each.changed for each in applied] == [True, True, False, False]
        assert row.channels["email"]["failed"] == counts
        assert row.channels["email"]["suppression"]["since"] == T0 + 1


def test_two_reports_of_one_failure_are_one_toward_a_threshold() -> None:
    """Five failures make a suppression, not three that were reported twice."""
    row = decode_row(None)
    for day in range(4):
        for outcome in ("failed", "bounced"):
            event = failed(f"e{day}", T0 + day * DAY, event_id_basis="message", outcome=outcome)
            assert changes(row, event) == []
    last = T0 + 4 * DAY
    assert changes(row, failed("e4", last, event_id_basis="message"), now=last) == [suppressed("mailbox_full", last, 7)]


def test_a_second_permanent_failure_is_not_announced() -> None:
    """While a suppression runs another failure counts and changes nothing."""
    row = decode_row(None)
    apply(row, gone("e1", T0))
    assert apply(row, gone("e2", T0 + DAY)) == Applied()
    assert row.channels["email"]["failed"] == {"RECIPIENT": {"invalid_recipient": 2}}


def test_an_earlier_failure_that_comes_late_moves_the_suppression() -> None:
    """The suppression begins with the first failure by event time, so that arrival does not matter."""
    row = decode_row(None)
    told = changes(row, gone("e2", T0 + DAY), gone("e1", T0))
    assert told == [suppressed("invalid_recipient", T0 + DAY, 90), suppressed("invalid_recipient", T0, 90)]


@pytest.mark.parametrize(("after", "tier"), [(90 * DAY - 1, 0), (90 * DAY, 2)])
def test_a_relapse_doubles_the_days(after: int, tier: int) -> None:
    """A failure at the very end of a suppression, or later, begins the next tier; one before it changes nothing."""
    row = decode_row(None)
    told = changes(row, gone("e1", T0), now=T0)
    told += changes(row, gone("e2", T0 + after), now=T0 + after)
    expected = [suppressed("invalid_recipient", T0, 90)]
    if tier:
        expected.append(suppressed("invalid_recipient", T0 + after, 180, tier))
    assert told == expected


def test_tiers_grow_up_to_the_longest() -> None:
    """Relapse after relapse: 90, 180, 360, 720 and 720 days."""
    row = decode_row(None)
    at = T0
    for tier, days in enumerate((90, 180, 360, 720, 720), 1):
        assert changes(row, gone(f"e{tier}", at), now=at) == [suppressed("invalid_recipient", at, days, tier)]
        at += days * DAY


def transients(*moments: int) -> list[DeliveryFailed]:
    """Return transient failures at these moments."""
    return [failed(f"t{at}", at) for at in moments]


def test_five_transient_failures_on_three_days_suppress_for_seven_days() -> None:
    """The fifth makes it, when there are three days among them; the five are the evidence."""
    row = decode_row(None)
    events = transients(T0, T0 + HOUR, T0 + DAY, T0 + DAY + HOUR, T0 + 2 * DAY)
    assert changes(row, *events[:4]) == []
    result = apply(row, events[4], now=T0 + 2 * DAY)
    assert result.outputs[0].value == {
        "event_id": event_id("suppression.changed", f"{KEY}/email", "12"),
        "tenant": "acme",
        "channel": "email",
        "recipient": EMAIL,
        "state": "suppressed",
        "reason": "mailbox_full",
        "since": T0 + 2 * DAY,
        "until": T0 + 9 * DAY,
        "tier": 1,
        "sequence": 12,
        "cause": "failure",
        "evidence": [event["event_id"] for event in events],
        "requested_by": "",
        "changed_at": T0 + 2 * DAY,
        "policy_version": POLICY.version,
    }


def test_a_bad_day_suppresses_nobody() -> None:
    """A hundred transient failures on two days are not enough."""
    row = decode_row(None)
    events = transients(*(T0 + DAY // 2 + i * 10 * MINUTE for i in range(100)))
    assert changes(row, *events, now=T0 + 2 * DAY) == []


@pytest.mark.parametrize(("last", "count"), [(30 * DAY - 1, 1), (30 * DAY, 0), (30 * DAY + 1, 0)])
def test_the_window_slides(last: int, count: int) -> None:
    """A failure exactly thirty days old no longer counts; one a moment younger does."""
    row = decode_row(None)
    events = transients(T0, T0 + DAY, T0 + 2 * DAY, T0 + 3 * DAY, T0 + last)
    assert len(changes(row, *events, now=T0 + last)) == count


def test_transient_failures_go_on_counting_after_the_suppression() -> None:
    """The window slides over suppressions: one more failure after the seven days is a relapse, as long as before."""
    row = decode_row(None)
    changes(row, *transients(*(T0 + i * DAY for i in range(5))), now=T0 + 4 * DAY)
    late = T0 + 11 * DAY
    assert changes(row, *transients(late), now=late) == [suppressed("mailbox_full", late, 7, 2)]


def test_a_delivery_lifts_a_transient_suppression_and_resets_the_count() -> None:
    """A newer delivery ends it at once, and four more failures are not enough again."""
    row = decode_row(None)
    changes(row, *transients(*(T0 + i * DAY for i in range(5))), now=T0 + 5 * DAY)
    at = T0 + 5 * DAY
    assert changes(row, confirmed("d", at), now=at) == [allowed(at, "delivery")]
    assert changes(row, *transients(*(at + i * DAY for i in range(1, 5))), now=at + 5 * DAY) == []
    assert changes(row, *transients(at + 5 * DAY), now=at + 5 * DAY) == [suppressed("mailbox_full", at + 5 * DAY, 7)]


def test_an_older_delivery_that_comes_late_lifts_nothing_newer() -> None:
    """A delivery forgets the failures before it only; those after it still count."""
    row = decode_row(None)
    changes(row, *transients(*(T0 + i * DAY for i in range(6))), now=T0 + 5 * DAY)
    assert changes(row, confirmed("d", T0 + HOUR), now=T0 + 6 * DAY) == [suppressed("mailbox_full", T0 + 5 * DAY, 7)]
    assert changes(row, confirmed("d2", T0 + DAY + HOUR), now=T0 + 6 * DAY) == [allowed(T0 + DAY + HOUR, "delivery")]


def test_a_delivery_lifts_no_permanent_suppression() -> None:
    """A catch-all that takes one message does not make a dead address alive."""
    row = decode_row(None)
    changes(row, gone("e1", T0), now=T0)
    assert changes(row, confirmed("d", T0 + DAY), confirmed("r", T0 + DAY, "read"), now=T0 + DAY) == []
    assert row.channels["email"]["confirmed"] == {"delivered": 1, "read": 1}
    assert row.channels["email"]["last_success"] == T0 + DAY


def test_reports_that_say_nothing_about_the_recipient_leave_the_row_alone() -> None:
    """Acceptance, and kinds to come, are not even remembered."""
    row = decode_row(None)
    assert apply(row, confirmed("a", T0, "accepted")) == Applied(changed=False)
    assert apply(row, confirmed("b", T0, "billed")) == Applied(changed=False)
    assert encode_row(row) == encode_row(decode_row(None))


def test_an_opt_out_has_no_end_and_only_consent_or_a_person_lifts_it() -> None:
    """Deliveries, time and providers do not; the recipient's consent does."""
    row = decode_row(None)
    assert changes(row, gone("o", T0, "recipient_opted_out"), now=T0) == [
        suppressed("recipient_opted_out", T0, 0, cause="opt_out")
    ]
    years = T0 + 2000 * DAY
    assert changes(row, confirmed("d", years), now=years) == []
    assert next_due(row, POLICY) is None
    assert expire(row, KEY, POLICY, years) == Applied(changed=False)
    assert changes(row, confirmed("i", years, "opted_in"), now=years) == [allowed(years, "opt_in")]


def test_an_opt_out_from_a_transient_report_has_no_end_either() -> None:
    """The wish counts, not how a provider calls it."""
    row = decode_row(None)
    assert changes(row, failed("o", T0, "recipient_opted_out"), now=T0) == [
        suppressed("recipient_opted_out", T0, 0, cause="opt_out")
    ]


def test_consent_before_an_opt_out_lifts_nothing() -> None:
    """The later word counts, and at the same moment the opt-out."""
    for moment in (T0, T0 - DAY):
        row = decode_row(None)
        events = (gone("o", T0, "recipient_opted_out"), confirmed("i", moment, "opted_in"))
        assert changes(row, *events) == [suppressed("recipient_opted_out", T0, 0, cause="opt_out")]


def test_consent_lifts_no_failure() -> None:
    """A person who wants mail again has no new mailbox by that."""
    row = decode_row(None)
    changes(row, gone("e1", T0), now=T0)
    assert changes(row, confirmed("i", T0 + DAY, "opted_in"), now=T0 + DAY) == []


def test_an_opt_out_outweighs_a_failure() -> None:
    """Of suppressions side by side the one that ends last is in force."""
    row = decode_row(None)
    told = changes(row, gone("e1", T0), gone("o", T0 + DAY, "recipient_opted_out"), gone("e2", T0 + 2 * DAY))
    assert told == [
        suppressed("invalid_recipient", T0, 90),
        suppressed("recipient_opted_out", T0 + DAY, 0, cause="opt_out"),
    ]
    assert changes(row, confirmed("i", T0 + 3 * DAY, "opted_in")) == [suppressed("invalid_recipient", T0, 90)]


def test_a_persons_request_suppresses_until_it_says() -> None:
    """The announcement says who asked; another request replaces it; it ends by itself."""
    row = decode_row(None)
    first = apply(row, asked("q1", T0, "suppress", until=T0 + 5 * DAY), now=T0).outputs[0].value
    assert (first["cause"], first["requested_by"], first["reason"]) == ("request", "bob", "cancelled")
    assert (first["until"], first["evidence"]) == (T0 + 5 * DAY, ["q1"])
    assert changes(row, asked("q2", T0 + DAY, "suppress", until=T0 + 2 * DAY), now=T0 + DAY) == [
        suppressed("cancelled", T0 + DAY, 1, cause="request")
    ]
    ended = expire(row, KEY, POLICY, T0 + 2 * DAY)
    assert [output.value["state"] for output in ended.outputs] == ["allowed"]


def test_a_request_without_channel_is_about_every_channel_of_the_address() -> None:
    """For a number SMS and WhatsApp, for an e-mail address e-mail."""
    row = decode_row(None)
    result = apply(row, asked("q", T0, "suppress", channel="", recipient=SMS), now=T0)
    assert [output.key for output in result.outputs] == [f"acme/{SMS}/sms", f"acme/{SMS}/whatsapp"]
    row = decode_row(None)
    result = apply(row, asked("q", T0, "suppress", channel=""), now=T0)
    assert [output.key for output in result.outputs] == [f"{KEY}/email"]


def test_a_named_person_lifts_everything() -> None:
    """A lift ends opt-outs, requests and failures before it, says who lifted, and a new failure is a relapse."""
    row = decode_row(None)
    changes(row, gone("e1", T0), gone("o", T0, "recipient_opted_out"), asked("q", T0, "suppress"), now=T0)
    at = T0 + HOUR
    lifted = apply(row, asked("l", at, "lift", requested_by="eve"), now=at).outputs[0].value
    assert (lifted["state"], lifted["cause"], lifted["requested_by"]) == ("allowed", "request", "eve")
    assert changes(row, gone("e2", at + HOUR), now=at + HOUR) == [suppressed("invalid_recipient", at + HOUR, 180, 2)]


def test_a_lift_restarts_the_transient_count() -> None:
    """After a lift the same failures do not suppress again with the next one."""
    row = decode_row(None)
    changes(row, *transients(*(T0 + i * DAY for i in range(5))), now=T0 + 5 * DAY)
    assert changes(row, asked("l", T0 + 5 * DAY, "lift"), now=T0 + 5 * DAY) == [allowed(T0 + 5 * DAY, "request")]
    assert changes(row, *transients(T0 + 6 * DAY), now=T0 + 6 * DAY) == []


@pytest.mark.parametrize("by", ["", "provider:prelude"])
def test_nobody_answers_for_a_providers_lift(by: str) -> None:
    """A lift without a name, or by a provider, is counted and lifts nothing."""
    row = decode_row(None)
    changes(row, gone("e1", T0))
    assert apply(row, asked("l", T0 + DAY, "lift", requested_by=by)) == Applied(note="unaudited")
    assert row.channels["email"]["requested"] == {"lift": 1}


def test_a_providers_opt_out_by_request_is_an_opt_out() -> None:
    """A STOP that arrives as a request has no end, names the provider, and consent lifts it."""
    row = decode_row(None)
    stop = asked(
        "q", T0, "suppress", channel="", recipient=SMS, reason="recipient_opted_out", requested_by="provider:prelude"
    )
    told = [dict(output.value) for output in apply(row, stop, now=T0).outputs]
    assert [(each["channel"], each["cause"], each["requested_by"], each["until"]) for each in told] == [
        ("sms", "opt_out", "provider:prelude", None),
        ("whatsapp", "opt_out", "provider:prelude", None),
    ]
    start = confirmed("i", T0 + DAY, "opted_in", channel="sms", recipient=SMS)
    assert changes(row, start, now=T0 + DAY) == [allowed(T0 + DAY, "opt_in")]
    assert "suppression" in row.channels["whatsapp"]


def test_expiry_is_announced_once_when_its_time_comes() -> None:
    """Not a moment before, once, with the end of the suppression as its date."""
    row = decode_row(None)
    apply(row, gone("e1", T0), now=T0)
    end = T0 + 90 * DAY
    assert expire(row, KEY, POLICY, end - 1) == Applied(changed=False)
    result = expire(row, KEY, POLICY, end + 7)
    record: SuppressionChanged = {
        "event_id": event_id("suppression.changed", f"{KEY}/email", "5"),
        "tenant": "acme",
        "channel": "email",
        "recipient": EMAIL,
        "state": "allowed",
        "reason": "",
        "since": end,
        "until": None,
        "tier": 0,
        "sequence": 5,
        "cause": "expiry",
        "evidence": [],
        "requested_by": "",
        "changed_at": end,
        "policy_version": POLICY.version,
    }
    assert result == Applied(outputs=(Output("suppression.changed", f"{KEY}/email", record),))
    assert next_due(row, POLICY) is None
    assert expire(row, KEY, POLICY, end + 7) == Applied(changed=False)


def test_an_event_that_comes_after_the_end_finds_it_over() -> None:
    """What ends it is its time, whatever the event that came before the clock was looked at; it is told when it was."""
    row = decode_row(None)
    apply(row, gone("e1", T0), now=T0)
    end = T0 + 90 * DAY
    assert changes(row, asked("l", end + HOUR, "lift"), now=end + HOUR) == []
    [told] = expire(row, KEY, POLICY, end).outputs
    assert (told.value["state"], told.value["since"], told.value["cause"]) == ("allowed", end, "expiry")
    assert expire(row, KEY, POLICY, end + HOUR).outputs == ()


def test_of_suppressions_that_end_together_the_weightier_is_announced() -> None:
    """What people want comes before what failures say."""
    row = decode_row(None)
    told = changes(row, gone("e1", T0), asked("q", T0, "suppress", until=T0 + 90 * DAY), now=T0)
    assert told[-1] == suppressed("cancelled", T0, 90, cause="request")
    told = changes(row, asked("r", T0 + DAY, "suppress"), gone("o", T0, "recipient_opted_out"), now=T0 + DAY)
    assert told[-1] == suppressed("recipient_opted_out", T0, 0, cause="opt_out")


def test_expiry_of_one_channel_leaves_the_other() -> None:
    """`next_due` is the earliest end of all channels."""
    row = decode_row(None)
    apply(row, gone("s", T0, channel="sms", recipient=SMS), now=T0)
    apply(row, gone("w", T0 + DAY, channel="whatsapp", recipient=SMS), now=T0 + DAY)
    assert next_due(row, POLICY) == T0 + 30 * DAY
    ended = expire(row, f"acme/{SMS}", POLICY, T0 + 30 * DAY)
    assert [output.key for output in ended.outputs] == [f"acme/{SMS}/sms"]
    assert next_due(row, POLICY) == T0 + 31 * DAY


def test_a_failure_long_over_suppresses_nobody() -> None:
    """A failure that arrives after its suppression would have ended is counted, noted as late, and not announced."""
    row = decode_row(None)
    late = gone("e1", T0, received_at=T0 + 100 * DAY)
    assert apply(row, late, now=T0 + 100 * DAY) == Applied(note="late")
    assert (next_due(row, POLICY), row.tree["dates"]) == (None, {"late": 1})


def test_a_clock_that_is_ahead_is_not_believed() -> None:
    """A failure from the year 2100 counts at its receipt, and is noted as skewed."""
    row = decode_row(None)
    event = gone("e1", T0 + 30_000 * DAY, received_at=T0)
    result = apply(row, event, now=T0)
    assert (result.note, result.outputs[0].value["since"]) == ("skewed", T0)
    assert row.tree["dates"] == {"skewed": 1}
    assert row.channels["email"]["last_failure"] == [T0, "invalid_recipient"]


def test_a_degraded_provider_suppresses_nobody_for_transient_failures() -> None:
    """They are counted, and the row records that they were left out; permanent ones still count."""
    row = decode_row(None)
    for event in transients(*(T0 + i * DAY for i in range(5))):
        assert apply(row, event, degraded=True) == Applied()
    assert row.channels["email"] == {
        "failed": {"RECIPIENT": {"mailbox_full": 5}},
        "last_failure": [T0 + 4 * DAY, "mailbox_full"],
        "degraded": 5,
    }
    assert len(apply(row, gone("e1", T0), degraded=True).outputs) == 1


def test_a_policy_may_leave_out_all_failures_of_a_degraded_provider_but_no_opt_out() -> None:
    """With `while_degraded = "all"` permanent failures are left out as well."""
    policy = parse_policy('[guard]\nwhile_degraded = "all"', "p.toml")
    row = decode_row(None)
    assert apply(row, gone("e1", T0), policy=policy, degraded=True) == Applied()
    assert len(apply(row, gone("o", T0, "recipient_opted_out"), policy=policy, degraded=True).outputs) == 1


def test_a_rule_that_asks_for_longer_prolongs_a_running_suppression() -> None:
    """A reason that lasts longer than the running one takes over, and says so."""
    text = '[[rule]]\nreason = "recipient_disabled"\nsuppress_days = "unlimited"'
    policy = parse_policy(text, "p.toml")
    row = decode_row(None)
    told = changes(row, gone("e1", T0), gone("e2", T0 + DAY, "recipient_disabled"), gone("e3", T0 + DAY), policy=policy)
    assert told == [
        suppressed("invalid_recipient", T0, 90),
        suppressed("recipient_disabled", T0, 0),
    ]


def test_a_rule_can_ask_for_more_than_one_permanent_failure() -> None:
    """Two permanent failures on two days, where a policy asks for that."""
    policy = parse_policy('[[rule]]\npermanence = "PERMANENT"\nfailures = 2\ndistinct_days = 2', "p.toml")
    row = decode_row(None)
    events = [gone("e1", T0), gone("e2", T0 + HOUR), gone("e3", T0 + DAY)]
    assert changes(row, *events, policy=policy) == [suppressed("invalid_recipient", T0 + DAY, 90)]


def told(applied: Applied) -> list[tuple[str, object, object]]:
    """Return topic, state and cause of each announcement."""
    return [(output.topic, output.value["state"], output.value["cause"]) for output in applied.outputs]


def test_a_dry_run_tells_apart_what_failures_would_do() -> None:
    """Failures of a tenant in dry run announce nothing as fact; the trial says what would have been, its end too."""
    row = decode_row(None)
    assert told(apply(row, gone("e1", T0), T0, DRY)) == [("suppression.trial", "suppressed", "failure")]
    assert apply(row, gone("e2", T0 + DAY), T0 + DAY, DRY) == Applied()
    assert list(row.channels["email"]) == ["failed", "last_failure", "permanent", "trial", "told"]
    assert next_due(row, POLICY) == T0 + 90 * DAY
    assert told(expire(row, KEY, DRY, T0 + 90 * DAY)) == [("suppression.trial", "allowed", "expiry")]
    assert (next_due(row, POLICY), "trial" in row.channels["email"]) == (None, False)


def test_a_dry_run_holds_back_no_opt_out_and_no_request() -> None:
    """What people ask for takes effect in dry run, beside the trial and whatever came first."""
    wishes: list[Event] = [gone("o", T0, "recipient_opted_out"), asked("q", T0, "suppress", until=T0 + 5 * DAY)]
    for wish, cause in zip(wishes, ("opt_out", "request"), strict=True):
        for order in ((gone("e", T0), wish), (wish, gone("e", T0))):
            row = decode_row(None)
            announced = [each for event in order for each in told(apply(row, event, T0, DRY))]
            assert sorted(announced) == [
                ("suppression.changed", "suppressed", cause),
                ("suppression.trial", "suppressed", "failure"),
            ]


def test_a_lift_in_dry_run_ends_both() -> None:
    """One event may change both judgements: two records, each of its own topic's sequence and with an id of its own."""
    row = decode_row(None)
    changes(row, gone("e", T0), gone("o", T0, "recipient_opted_out"), now=T0, policy=DRY)
    lifted = apply(row, asked("l", T0 + HOUR, "lift"), T0 + HOUR, DRY)
    assert told(lifted) == [("suppression.changed", "allowed", "request"), ("suppression.trial", "allowed", "request")]
    assert [(output.value["sequence"], output.value["event_id"]) for output in lifted.outputs] == [
        (7, event_id("suppression.changed", f"{KEY}/email", "7")),
        (5, event_id("suppression.trial", f"{KEY}/email", "5")),
    ]


def test_consent_ends_an_opt_out_and_a_delivery_a_trial() -> None:
    """In dry run as always: consent says nothing of a mailbox, and a delivery nothing of what its reader wants."""
    row = decode_row(None)
    changes(row, *transients(*(T0 + i * DAY for i in range(5))), now=T0 + 4 * DAY, policy=DRY)
    changes(row, gone("o", T0, "recipient_opted_out"), now=T0 + 4 * DAY, policy=DRY)
    at = T0 + 5 * DAY
    assert told(apply(row, confirmed("i", at, "opted_in"), at, DRY)) == [("suppression.changed", "allowed", "opt_in")]
    assert told(apply(row, confirmed("d", at), at, DRY)) == [("suppression.trial", "allowed", "delivery")]


def test_in_a_dry_run_both_ends_are_kept() -> None:
    """The request ends first, then the trial, each on its topic and each once."""
    row = decode_row(None)
    changes(row, gone("e", T0), asked("q", T0, "suppress", until=T0 + 5 * DAY), now=T0, policy=DRY)
    ends = []
    while (due := next_due(row, POLICY)) is not None:
        ends.append((due - T0, told(expire(row, KEY, DRY, due))))
    assert ends == [
        (5 * DAY, [("suppression.changed", "allowed", "expiry")]),
        (90 * DAY, [("suppression.trial", "allowed", "expiry")]),
    ]


def test_a_suppression_by_failures_ends_when_its_tenant_goes_into_dry_run() -> None:
    """At the next event it is announced to have ended, and its trial begins; without an event it ends at its end."""
    row = decode_row(None)
    apply(row, gone("e1", T0), T0)
    stored = encode_row(row)
    assert told(apply(row, gone("e2", T0 + DAY), T0 + DAY, DRY)) == [
        ("suppression.changed", "allowed", "failure"),
        ("suppression.trial", "suppressed", "failure"),
    ]
    row = decode_row(stored)
    assert expire(row, KEY, DRY, T0 + 90 * DAY - 1) == Applied(changed=False)
    assert told(expire(row, KEY, DRY, T0 + 90 * DAY)) == [("suppression.changed", "allowed", "expiry")]


def test_an_opt_out_in_dry_run_takes_over_from_failures_that_were_in_force() -> None:
    """The address was suppressed and stays so: the reason changes."""
    row = decode_row(None)
    apply(row, gone("e1", T0), T0)
    assert told(apply(row, gone("o", T0 + DAY, "recipient_opted_out"), T0 + DAY, DRY)) == [
        ("suppression.changed", "suppressed", "opt_out"),
        ("suppression.trial", "suppressed", "failure"),
    ]


def test_what_is_left_of_a_trial_ends_after_the_dry_run() -> None:
    """At the next event, at which the failures suppress for real, or at its end."""
    row = decode_row(None)
    apply(row, gone("e1", T0), T0, DRY)
    stored = encode_row(row)
    assert told(apply(row, gone("e2", T0 + DAY), T0 + DAY)) == [
        ("suppression.changed", "suppressed", "failure"),
        ("suppression.trial", "allowed", "failure"),
    ]
    row = decode_row(stored)
    assert told(expire(row, KEY, POLICY, T0 + 90 * DAY)) == [("suppression.trial", "allowed", "expiry")]


def test_the_end_of_one_judgement_does_not_touch_the_other() -> None:
    """Under a policy that has changed meanwhile, too: between two events a judgement changes at its end alone."""
    row = decode_row(None)
    changes(row, gone("e", T0), asked("q", T0, "suppress", until=T0 + 5 * DAY), now=T0, policy=DRY)
    longer = parse_policy('[dry_run]\ntenants = ["acme"]\n[[rule]]\nsuppress_days = 120', "p.toml")
    assert told(expire(row, KEY, longer, T0 + 5 * DAY)) == [("suppression.changed", "allowed", "expiry")]
    assert row.channels["email"]["trial"]["until"] == T0 + 90 * DAY


def test_a_policy_that_became_stricter_prolongs_at_the_end() -> None:
    """A row is judged anew when something happens to it; its announced end is such a moment."""
    row = decode_row(None)
    apply(row, gone("e1", T0), now=T0)
    policy = parse_policy('[[rule]]\npermanence = "PERMANENT"\nsuppress_days = 120', "p.toml")
    (output,) = expire(row, KEY, policy, T0 + 90 * DAY).outputs
    assert (output.value["state"], output.value["until"], output.value["sequence"]) == ("suppressed", T0 + 120 * DAY, 5)
    assert next_due(row, POLICY) == T0 + 120 * DAY


@pytest.mark.parametrize("event", [gone("e", T0, channel="fax"), confirmed("e", T0, channel="fax")])
def test_an_event_on_a_channel_nobody_knows_counts_once_and_leaves_nothing(event: Event) -> None:
    """A row grows by no name that anybody can make up; the note tells that the event did nothing more."""
    row = decode_row(None)
    assert apply(row, event) == Applied(note="unknown_channel")
    assert apply(row, event) == Applied(changed=False, duplicate=True)
    assert (row.tree["events"], row.channels) == (1, {})


def test_a_request_for_a_channel_nobody_knows_is_about_none() -> None:
    row = decode_row(None)
    assert apply(row, asked("q", T0, "suppress", channel="fax")) == Applied(note="unknown_channel")
    assert (row.tree["events"], row.channels) == (1, {})
