from typing import Any

from app.events import DeliveryFailed
from app.replay.judgements import Recorded, Verdict, identity_of, judgement_of, mark, place
from app.replay.rejudging import Group, Rejudged
from tests.unit.domain.samples import T0, failed, gone

KEY = "acme/ann@example.com"
WHERE = place("raw.teekrr", 0, 1)
FULL = Verdict("mailbox_full", "RECIPIENT", "TRANSIENT")
GONE = Verdict("invalid_recipient", "RECIPIENT", "PERMANENT")


def rejudged(*events: DeliveryFailed) -> Rejudged:
    recorded = Recorded()
    for event in events:
        recorded.add(event, mark(KEY))
    return Rejudged(recorded)


def compare(found: Rejudged, *events: DeliveryFailed, joined: bool = False, complete: bool = True) -> None:
    found.compare(WHERE, [(KEY, event) for event in events], joined=joined, complete=complete)


def counts(found: Rejudged) -> dict[str, int]:
    return {name: getattr(found, name) for name in ("webhooks", "failures", "waiting", "older")}


def groups(found: Rejudged) -> dict[Group, tuple[int, str]]:
    return {group: (tally.count, tally.sample_code) for group, tally in found.groups.items()}


def nothing(**other: Any) -> dict[str, int]:  # noqa: ANN401 - any count
    return {"webhooks": 1, "failures": 0, "waiting": 0, "older": 0, **other}


def test_the_same_judgement_is_no_change() -> None:
    """The version of the mapping and what it does not decide are not compared."""
    found = rejudged(failed("e", T0))
    compare(found, failed("e", T0, mapping_version="2.0", recipient=""))
    assert (counts(found), found.changed, found.keys, groups(found)) == (nothing(failures=1), {}, set(), {})


def test_another_judgement_is_counted_by_its_verdicts() -> None:
    found = rejudged(failed("e", T0))
    compare(found, gone("e", T0))
    assert found.changed == {identity_of(failed("e", T0)): judgement_of(gone("e", T0))}
    assert (found.keys, groups(found)) == ({mark(KEY)}, {Group(FULL, GONE): (1, "smtp:5.1.1")})


def test_a_judgement_that_differs_in_a_detail_is_a_change_too() -> None:
    found = rejudged(failed("e", T0))
    compare(found, failed("e", T0, confidence="TEXT"))
    assert (len(found.changed), groups(found)) == (1, {Group(FULL, FULL): (1, "smtp:4.2.2")})


def test_the_sample_is_the_first_code_of_the_alphabet() -> None:
    """So that it does not depend on the order in which partitions are read."""
    events = [failed(f"e{n}", T0, code=code, raw_offset=n) for n, code in enumerate(("b", "", "a"))]
    found = rejudged(*events)
    for event in events:
        found.compare(identity_of(event)[0], [(KEY, {**event, "reason": "expired"})], joined=False, complete=True)
    assert list(groups(found).values()) == [(3, "a")]


def test_what_is_no_failure_any_more_is_withdrawn() -> None:
    found = rejudged(failed("e", T0))
    compare(found)
    assert found.changed == {identity_of(failed("e", T0)): judgement_of(failed("e", T0)).withdrawn}
    assert groups(found) == {Group(FULL, None): (1, "smtp:4.2.2")}


def test_what_was_withdrawn_before_stays_so() -> None:
    withdrawn = judgement_of(failed("e", T0)).withdrawn._asdict()
    found = rejudged(failed("e", T0), failed("e", T0, **withdrawn))
    compare(found)
    assert (found.changed, counts(found)) == ({}, nothing(failures=1))


def test_a_failure_without_a_record_is_new() -> None:
    found = rejudged()
    compare(found, gone("e", T0))
    assert (found.new, found.keys) == ({KEY: [gone("e", T0)]}, {mark(KEY)})
    assert (groups(found), found.changed) == ({Group(None, GONE): (1, "smtp:5.1.1")}, {})


def test_a_failure_that_may_wait_for_its_recipient_is_not_new() -> None:
    found = rejudged()
    compare(found, gone("e", T0), joined=True)
    assert (counts(found), found.new, found.keys) == (nothing(waiting=1), {}, set())


def test_a_failure_whose_record_may_have_been_deleted_is_not_new() -> None:
    found = rejudged()
    compare(found, gone("e", T0), complete=False)
    assert (counts(found), found.new, found.keys) == (nothing(older=1), {}, set())
