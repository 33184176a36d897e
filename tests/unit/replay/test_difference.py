"""Whole recipients: their events, what is judged otherwise, and what follows for the row that a worker has."""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.outages import Outage, Outages
from app.domain.policy import Policy, parse_policy
from app.domain.recipients import apply_confirmed, apply_failed, apply_request
from app.domain.rows import Row, decode_row, encode_row
from app.events import DeliveryConfirmed, DeliveryFailed, SuppressionRequested
from app.identity import event_id
from app.replay.difference import OLDER, UNEXPLAINED, Case, Change, Fate, Terms
from app.replay.judgements import Judgement, judged_as, judgement_of
from app.replay.states import ALLOWED, State, state_of
from tests.unit.domain.samples import DAY, EMAIL, HOUR, NOW, POLICY, T0, asked, confirmed, failed, gone

Event = DeliveryFailed | DeliveryConfirmed | SuppressionRequested

NOBODY_KNOWS = judgement_of(
    failed("", T0, "unknown", attribution="UNKNOWN", permanence="UNDETERMINED", confidence="UNMAPPED")
)
GONE = judgement_of(gone("", T0))
STOP = judgement_of(gone("", T0, "recipient_opted_out"))
FULL = judgement_of(failed("", T0))


def terms(policy: Policy = POLICY, outages: Outages = Outages(), version: str = "1.new") -> Terms:  # noqa: B008 - a value
    return Terms(policy, lambda _: outages, NOW, version, f"replay:{version}")


def apply(row: Row, event: Event, policy: Policy = POLICY, outages: Outages = Outages()) -> None:  # noqa: B008 - a value
    """Apply any event as the worker does."""
    if "action" in event:
        apply_request(row, cast("SuppressionRequested", event), policy, NOW, received_at=event["occurred_at"])
    elif "kind" in event:
        apply_confirmed(row, cast("DeliveryConfirmed", event), policy, NOW)
    else:
        apply_failed(row, event, policy, NOW, outages=outages)


def row_of(*events: Event) -> Row:
    row = decode_row(None)
    for event in events:
        apply(row, event)
    return row


def case(row: Row, events: Iterable[Event], anew: Mapping[str, Judgement], with_terms: Terms | None = None) -> Case:
    """Hand over events that the row knows; ``anew`` are other judgements by event id."""
    found = Case("acme", EMAIL, encode_row(row), with_terms or terms())
    hand_over(found, events, anew)
    return found


def hand_over(found: Case, events: Iterable[Event], anew: Mapping[str, Judgement], *, pending: bool = False) -> None:
    for event in events:
        if "action" in event:
            request = cast("SuppressionRequested", event)
            found.take_requested(request, request["occurred_at"], by_replay=False, pending=pending)
        elif "kind" in event:
            found.take_confirmed(cast("DeliveryConfirmed", event), pending=pending)
        else:
            before = judgement_of(event)
            after = anew.get(event["event_id"], before)
            found.take_failed(event, before, after, correction=False, pending=pending)


def change(events: Sequence[Event], anew: Mapping[str, Judgement], row: Row | None = None) -> Change:
    """Return the one change there is."""
    (found,) = case(row or row_of(*events), events, anew).changes()
    return found


def after(row: Row, requests: Iterable[SuppressionRequested]) -> State:
    """Return the state that a row comes to."""
    for request in requests:
        apply(row, request)
    return state_of(row, "email", NOW)


def suppressed(reason: str, until: int | None) -> State:
    return State("suppressed", reason, until)


def request(action: str, reason: str, at: int, until: int | None, note: str) -> SuppressionRequested:
    """Return a request of a replay."""
    return asked(
        event_id("replay", "1.new", f"acme/{EMAIL}", "email", action, str(at), reason, str(until)),
        at,
        action,
        reason=reason,
        until=until,
        requested_by="replay:1.new",
        note=f"judged anew: {note}",
    )


def test_a_failure_that_is_the_recipients_after_all_suppresses() -> None:
    """The whole change, with the request that brings it about: dated by the failure, ending as the policy says."""
    event = failed("e1", T0, **NOBODY_KNOWS._asdict())
    state = suppressed("invalid_recipient", T0 + 90 * DAY)
    note = "unknown/UNKNOWN/UNDETERMINED is now invalid_recipient/RECIPIENT/PERMANENT"
    requests = (request("suppress", "invalid_recipient", T0, T0 + 90 * DAY, note),)
    assert change([event], {"e1": GONE}) == Change(
        "acme", "email", EMAIL, ALLOWED, state, ("e1",), Fate.CHANGES, "", requests
    )
    assert after(row_of(event), requests) == state


def test_a_failure_that_is_nobodys_any_more_is_lifted() -> None:
    """The lift is dated by the failure."""
    state = suppressed("invalid_recipient", T0 + 90 * DAY)
    note = "invalid_recipient/RECIPIENT/PERMANENT is now unknown/UNKNOWN/UNDETERMINED"
    requests = (request("lift", "unknown", T0, None, note),)
    assert change([gone("e1", T0)], {"e1": NOBODY_KNOWS}) == Change(
        "acme", "email", EMAIL, state, ALLOWED, ("e1",), Fate.CHANGES, "", requests
    )
    assert after(row_of(gone("e1", T0)), requests) == ALLOWED


def test_a_lift_does_not_undo_a_newer_failure() -> None:
    """One that came to the row after the comparison: it suppresses, whether it is applied before the lift or after."""
    requests = change([gone("e1", T0)], {"e1": NOBODY_KNOWS}).requests
    newer = gone("e2", T0 + DAY)
    before, behind = row_of(gone("e1", T0), newer), row_of(gone("e1", T0), *requests, newer)
    assert after(before, requests) == state_of(behind, "email", NOW)
    # the row keeps the tier: it counts as first judged
    assert after(before, requests) == suppressed("invalid_recipient", T0 + DAY + 180 * DAY)


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "newest first"])
def test_a_lift_is_dated_by_the_newest_failure_that_is_judged_otherwise(order: int) -> None:
    """What the suppression rested on decided; it may be an older one."""
    events = [gone("e1", T0), gone("e2", T0 + DAY)]
    found = change(events[::order], {"e1": NOBODY_KNOWS, "e2": NOBODY_KNOWS})
    assert found.decided_by == ("e1",)
    assert [(each["action"], each["occurred_at"]) for each in found.requests] == [("lift", T0 + DAY)]


def test_a_suppression_that_another_failure_deserves_is_shortened() -> None:
    """The first failure falls away, so the second one would have begun it, later and for another reason."""
    events = [gone("e1", T0), gone("e2", T0 + DAY, "recipient_disabled")]
    found = change(events, {"e1": NOBODY_KNOWS})
    assert (found.before, found.after, found.decided_by) == (
        suppressed("invalid_recipient", T0 + 90 * DAY),
        suppressed("recipient_disabled", T0 + 91 * DAY),
        ("e2",),
    )
    assert after(row_of(*events), found.requests) == found.after


def test_what_a_lift_uncovers_is_not_asked_for() -> None:
    """Another suppression runs beside the one that falls away."""
    full = [failed(f"t{day}", T0 + (17 + day % 3) * DAY + day * HOUR) for day in range(5)]
    found = change([gone("e1", T0), *full], {"e1": NOBODY_KNOWS})
    assert found.after.reason == "mailbox_full"
    assert [each["action"] for each in found.requests] == ["lift"]
    assert after(row_of(gone("e1", T0), *full), found.requests) == found.after


def test_an_opt_out_by_failure_can_come_and_go() -> None:
    event = gone("e1", T0)
    coming = change([event], {"e1": STOP})
    assert coming.after == suppressed("recipient_opted_out", None)
    assert after(row_of(event), coming.requests) == coming.after
    stopped = judged_as(event, STOP)
    going = change([stopped], {"e1": GONE})
    assert going.after == suppressed("invalid_recipient", T0 + 90 * DAY)
    assert after(row_of(stopped), going.requests) == going.after


def test_a_persons_request_outlives_the_failure_that_falls_away() -> None:
    """It is older than the lift, which takes it along: so it is asked for again."""
    events: list[Event] = [asked("r1", T0, "suppress", until=NOW + DAY), gone("e1", T0 + DAY)]
    found = change(events, {"e1": NOBODY_KNOWS})
    assert (found.after, found.decided_by) == (suppressed("cancelled", NOW + DAY), ("r1",))
    assert [(each["action"], each["until"]) for each in found.requests] == [("lift", None), ("suppress", NOW + DAY)]
    assert after(row_of(*events), found.requests) == found.after


def test_another_judgement_without_another_state_is_no_change() -> None:
    """A failure that counts and does not suffice; one in a suppression that runs; one of the sender."""
    running = [gone("e1", T0), gone("e2", T0 + DAY)]
    assert list(case(row_of(*running), running, {"e2": FULL}).changes()) == []
    single = [failed("e1", T0)]
    assert list(case(row_of(*single), single, {"e1": NOBODY_KNOWS}).changes()) == []


def test_a_tenant_in_dry_run_changes_by_opt_outs_alone() -> None:
    trial = terms(parse_policy('[dry_run]\ntenants = ["acme"]', "policy"))
    event = gone("e1", T0)
    row = decode_row(None)
    apply(row, event, trial.policy)
    assert list(case(row, [event], {"e1": NOBODY_KNOWS}, trial).changes()) == []
    (found,) = case(row, [event], {"e1": STOP}, trial).changes()
    assert (found.before, found.after) == (ALLOWED, suppressed("recipient_opted_out", None))


def test_an_outage_excuses_failures_in_both_judgements() -> None:
    outages = Outages((Outage(0, None),))
    events = [failed(f"t{day}", T0 + (15 + day) * DAY, **NOBODY_KNOWS._asdict()) for day in range(5)]
    row = decode_row(None)
    for event in events:
        apply(row, event, outages=outages)
    anew = {event["event_id"]: FULL for event in events}
    assert list(case(row, events, anew, terms(outages=outages)).changes()) == []
    assert [found.fate for found in case(row, events, anew).changes()] == [Fate.CHANGES]


def test_an_event_that_the_worker_has_not_applied_is_added_to_its_row() -> None:
    """Else the lift would find nothing to lift, and the failure would suppress when it is applied."""
    found = Case("acme", EMAIL, None, terms())
    hand_over(found, [gone("e1", T0), confirmed("c", T0), asked("r", T0 - DAY, "lift")], {"e1": FULL}, pending=True)
    (only,) = found.changes()
    assert (only.before, only.after) == (suppressed("invalid_recipient", T0 + 90 * DAY), ALLOWED)
    assert [each["action"] for each in only.requests] == ["lift"]


def test_what_rests_on_older_records_is_kept() -> None:
    """Its evidence is no longer in the topics."""
    old = gone("old", T0 - 20 * DAY)
    found = change([gone("e1", T0)], {"e1": NOBODY_KNOWS}, row_of(old, gone("e1", T0)))
    assert (found.fate, found.why, found.requests) == (Fate.KEPT, OLDER, ())
    assert found.before == suppressed("invalid_recipient", T0 + 70 * DAY)


@pytest.mark.parametrize(
    "older",
    [
        [asked("r", T0 - DAY, "suppress", until=NOW + DAY)],
        [failed(f"t{day}", T0 + (15 + day) * DAY) for day in range(5)],
    ],
    ids=["a person's request", "other failures"],
)
def test_what_would_fall_with_it_is_kept(older: list[Event]) -> None:
    """The suppression that falls away ends last; one that runs beside it, and of which no record is left, stays."""
    found = change([gone("e1", T0 + 19 * DAY)], {"e1": NOBODY_KNOWS}, row_of(*older, gone("e1", T0 + 19 * DAY)))
    assert found.before == suppressed("invalid_recipient", T0 + 109 * DAY)
    assert (found.fate, found.why, found.requests) == (Fate.KEPT, OLDER, ())


def test_a_state_that_the_records_do_not_explain_is_kept() -> None:
    """The row was made under a policy that suppresses nobody."""
    row = decode_row(None)
    apply(row, gone("e1", T0), parse_policy("[[rule]]\nsuppress = false", "policy"))
    found = change([gone("e1", T0)], {"e1": GONE._replace(reason="recipient_disabled")}, row)
    assert (found.before, found.after) == (ALLOWED, suppressed("recipient_disabled", T0 + 90 * DAY))
    assert (found.fate, found.why, found.requests) == (Fate.KEPT, UNEXPLAINED, ())


def test_what_is_so_already_needs_no_request() -> None:
    """A person has lifted what falls away now."""
    events = [gone("e1", T0), gone("e2", T0 + DAY)]
    lifted = row_of(*events, asked("r1", T0 + DAY, "lift"))
    found = change(events, {"e1": NOBODY_KNOWS, "e2": NOBODY_KNOWS}, lifted)
    assert (found.before, found.after, found.fate, found.requests) == (ALLOWED, ALLOWED, Fate.ALREADY_SO, ())


def test_what_was_no_failure_before_counts() -> None:
    found = Case("acme", EMAIL, None, terms())
    found.take_new(gone("e1", T0))
    (only,) = found.changes()
    assert (only.after, only.decided_by) == (suppressed("invalid_recipient", T0 + 90 * DAY), ("e1",))
    assert [each["note"] for each in only.requests] == [
        "judged anew: no failure is now invalid_recipient/RECIPIENT/PERMANENT"
    ]


def test_a_correction_stands_in_for_an_original_that_was_deleted() -> None:
    """A replay found e1 to be the recipient's and suppressed; now another failure is judged otherwise."""
    event, other = judged_as(gone("e1", T0), NOBODY_KNOWS), failed("e2", T0 + DAY)
    requests = change([event], {"e1": GONE}).requests
    found = Case("acme", EMAIL, encode_row(row_of(event, other, *requests)), terms())
    found.take_failed(gone("e1", T0), GONE, GONE, correction=True, pending=False)
    found.take_requested(requests[0], T0, by_replay=True, pending=False)
    hand_over(found, [other], {"e2": NOBODY_KNOWS})
    assert list(found.changes()) == []


KINDS = (GONE, FULL, NOBODY_KNOWS, STOP, judgement_of(gone("", T0, "recipient_disabled")))
MOMENTS = st.integers(0, 19 * 24).map(lambda hours: T0 + hours * HOUR)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Event], dict[str, Judgement]]:
    """Return events of a recipient, and other judgements on some of the failures."""
    events: list[Event] = []
    anew: dict[str, Judgement] = {}
    for number in range(draw(st.integers(1, 8))):
        name, at = f"e{number}", draw(MOMENTS)
        kind = draw(st.sampled_from(["failure"] * 5 + ["delivered", "opted_in", "suppress", "lift"]))
        if kind == "failure":
            events.append(judged_as(failed(name, at, raw_offset=number), draw(st.sampled_from(KINDS))))
            if draw(st.booleans()):
                anew[name] = draw(st.sampled_from(KINDS))
        elif kind in {"suppress", "lift"}:
            until = draw(st.sampled_from([None, NOW + 9 * DAY, NOW - DAY])) if kind == "suppress" else None
            events.append(asked(name, at, kind, until=until))
        else:
            events.append(confirmed(name, at, kind))
    return events, anew


@given(history=histories())
@settings(max_examples=300, deadline=None)
def test_every_state_is_reached_and_a_replay_back_reaches_the_first_one(
    history: tuple[list[Event], dict[str, Judgement]],
) -> None:
    """By requests alone, from a row that still counts as first judged."""
    events, anew = history
    row = row_of(*events)
    at_first = state_of(row, "email", NOW)
    found = list(case(row, events, anew).changes())
    assert {each.fate for each in found} <= {Fate.CHANGES}
    for each in found:
        assert after(row, each.requests) == each.after
    back = Case("acme", EMAIL, encode_row(row), terms(version="1.old"))
    for event in events:
        if "event_id_basis" in event and "kind" not in event:
            failure = cast("DeliveryFailed", event)
            first = judgement_of(failure)
            back.take_failed(failure, anew.get(failure["event_id"], first), first, correction=False, pending=False)
        else:
            hand_over(back, [event], {})
    for each in found:
        for request_made in each.requests:
            back.take_requested(request_made, request_made["occurred_at"], by_replay=True, pending=False)
    for each in back.changes():
        after(row, each.requests)
    assert state_of(row, "email", NOW) == at_first
