from app.events import DeliveryFailed
from app.replay.judgements import (
    NOWHERE,
    Entry,
    Judgement,
    Recorded,
    identity_of,
    judged_as,
    judgement_of,
    mark,
    place,
)
from app.topics import RAW_TOPICS
from app.vocabulary import Reason
from tests.unit.domain.samples import T0, failed, gone

FULL = Judgement("mailbox_full", "RECIPIENT", "TRANSIENT", "CODE", "DELIVERY", "NO", "failed", "smtp:4.2.2", "", "", "")
KEY = mark("acme/ann@example.com")


def recorded(*events: DeliveryFailed) -> Recorded:
    found = Recorded()
    for event in events:
        found.add(event, KEY)
    return found


def test_every_webhook_has_a_place_of_its_own() -> None:
    places = {
        place(topic, partition, offset)
        for topic in RAW_TOPICS.values()
        for partition in (0, 1, 4095)
        for offset in (0, 1, 2**40)
    }
    assert len(places) == 4 * 3 * 3
    assert NOWHERE not in places


def test_what_was_made_from_no_webhook_has_no_place() -> None:
    assert {place("", -1, -1), place("delivery.failed", 0, 0), place("raw.teekrr", -1, 0)} == {NOWHERE}


def test_a_judgement_is_of_plain_text() -> None:
    """A failure just judged holds words of the vocabulary, one that was read holds texts: they are equal."""
    judgement = judgement_of(failed("e", T0, reason=Reason.MAILBOX_FULL))
    assert judgement == FULL
    assert {type(each) for each in judgement} == {str}


def test_another_judgement_changes_nothing_else() -> None:
    assert judged_as(failed("e", T0), judgement_of(gone("other", T0))) == gone("e", T0)


def test_a_withdrawn_judgement_suppresses_nobody_and_stays_withdrawn() -> None:
    withdrawn = FULL._replace(
        reason="not_failure", attribution="UNKNOWN", permanence="UNDETERMINED", confidence="UNMAPPED", phase="UNKNOWN"
    )
    assert (FULL.withdrawn, withdrawn.withdrawn) == (withdrawn, withdrawn)


def test_a_failure_is_found_by_its_webhook_once() -> None:
    event = failed("e", T0, raw_partition=3, raw_offset=9)
    found = recorded(event, failed("other", T0, raw_offset=2))
    where = place("raw.teekrr", 3, 9)
    assert found.take(where) == [Entry(mark("e"), KEY, FULL)]
    assert (found.take(where), found.left) == ([], 1)


def test_of_several_records_of_a_failure_the_last_one_counts() -> None:
    """An earlier replay corrected it and a later one corrected that: for its original the last one counts as well."""
    original, again, last = failed("e", T0), failed("e", T0, "unknown"), gone("e", T0)
    found = recorded(original, again, last)
    assert found.last_of(original) == judgement_of(last)
    assert found.take(identity_of(original)[0]) == [Entry(mark("e"), KEY, judgement_of(last))]


def test_one_webhook_may_hold_several_failures() -> None:
    found = recorded(failed("e1", T0), gone("e2", T0), failed("e1", T0))
    assert found.left == 2
    assert found.last_of(failed("e1", T0)) == FULL
    assert sorted(found.take(place("raw.teekrr", 0, 1))) == sorted(
        [Entry(mark("e1"), KEY, FULL), Entry(mark("e2"), KEY, judgement_of(gone("e2", T0)))]
    )


def test_what_was_made_from_no_webhook_keeps_its_judgement() -> None:
    event = failed("e", T0, raw_topic="")
    found = recorded(event)
    assert (found.left, found.last_of(event)) == (0, FULL)
