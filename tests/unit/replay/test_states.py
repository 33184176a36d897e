from app.domain.outages import Outages
from app.domain.recipients import apply_failed
from app.domain.rows import Row, decode_row
from app.replay.states import ALLOWED, State, state_of, without
from tests.unit.domain.samples import DAY, POLICY, T0, gone


def row() -> Row:
    found = decode_row(None)
    apply_failed(found, gone("e1", T0), POLICY, T0, outages=Outages())
    return found


def test_a_suppression_lasts_until_its_end_whether_or_not_that_was_announced() -> None:
    until = T0 + 90 * DAY
    assert state_of(row(), "email", until - 1) == State("suppressed", "invalid_recipient", until)
    assert state_of(row(), "email", until) == ALLOWED


def test_a_channel_that_nothing_is_known_of_is_allowed() -> None:
    assert state_of(row(), "sms", T0) == ALLOWED


def test_known_facts_are_left_out_and_what_lifts_stays() -> None:
    facts = row().channels["email"]
    facts["request"] = [T0, "r1", "cancelled", "bob", None]
    facts["opt_outs"] = [[T0, "o1", "recipient_opted_out", ""], [T0, "o2", "recipient_opted_out", ""]]
    facts["lifts"] = [[T0, "l1", "bob"]]
    left = without(facts, {"e1", "o1", "l1"})
    assert left == {**facts, "permanent": [], "opt_outs": [[T0, "o2", "recipient_opted_out", ""]]}
    assert "request" not in without(facts, {"r1"})
    assert facts["permanent"] == [[T0, "e1", "invalid_recipient"]]
