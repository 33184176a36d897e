from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import avro
from app.edge import check
from app.errors import BadInputError
from app.normalize import normalize
from app.outputs import RawRecord
from app.topics import Topic
from app.vocabulary import Channel, Confirmation, Outcome, Provider, Reason
from tests.unit.edge.hostile import BASES, anything, changed

SAMPLES = sorted((Path(__file__).parents[1] / "providers" / "samples").glob("*.json"))
PROVIDERS = {provider.value.partition("-")[0]: provider for provider in Provider}
MINUTE = 60_000_000


@pytest.mark.parametrize("topic", BASES)
def test_a_plain_record_passes(topic: Topic) -> None:
    check(topic, BASES[topic])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_what_normalize_makes_of_a_documented_payload_passes(path: Path) -> None:
    raw = RawRecord(PROVIDERS[path.name.partition("-")[0]], path.read_bytes(), "acme", 99_999_999_999_999_999)
    for output in normalize(raw).outputs:
        check(output.topic, output.value)


@pytest.mark.parametrize(
    ("topic", "name", "words"),
    [
        (Topic.DELIVERY_FAILED, "reason", list(Reason)),
        (Topic.DELIVERY_FAILED, "channel", list(Channel)),
        (Topic.DELIVERY_FAILED, "provider", list(Provider)),
        (Topic.DELIVERY_CONFIRMED, "kind", [*Confirmation, "forwarded_2"]),
        (Topic.SUPPRESSION_REQUESTED, "channel", ["", *Channel]),
        (Topic.DELIVERY_STATS, "outcome", [Outcome.FAILED, *Confirmation]),
        (Topic.DELIVERY_STATS, "reason", ["", *Reason]),
        (Topic.CREDIT_CHANGED, "cause", ["granted", "refused_too_much", "billed_without_reservation"]),
        (Topic.CREDIT_CHANGED, "currency", ["", "MYR"]),
        (Topic.CREDIT_ENTRY, "raw_topic", ["", "raw.teekrr"]),
    ],
)
def test_every_word_of_the_product_passes(topic: Topic, name: str, words: list[str]) -> None:
    for word in words:
        check(topic, {**BASES[topic], name: word})


TENANT = "expected 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first"
ID = "256 characters, no control characters"
MOMENT = f"expected microseconds since 1970, at most {10**17}"
REFUSED: list[tuple[Topic, str, Any, str]] = [
    (Topic.SUPPRESSION_REQUESTED, "tenant", "~acme", f"text of 5 characters, {TENANT}"),
    (Topic.SUPPRESSION_REQUESTED, "tenant", "a" * 65, f"text of 65 characters, {TENANT}"),
    (Topic.SUPPRESSION_REQUESTED, "event_id", "", f"text of 0 characters, expected 1 to {ID}"),
    (
        Topic.SUPPRESSION_REQUESTED,
        "recipient",
        "9" * 600_000,
        "text of 600000 characters, expected at most 320 characters",
    ),
    (Topic.SUPPRESSION_REQUESTED, "requested_by", "b" * 129, "text of 129 characters, expected at most 128 characters"),
    (Topic.SUPPRESSION_REQUESTED, "note", "b" * 2001, "text of 2001 characters, expected at most 2000 characters"),
    (Topic.SUPPRESSION_REQUESTED, "occurred_at", -1, f"a number out of range, {MOMENT}"),
    (Topic.SUPPRESSION_REQUESTED, "received_at", 10**17 + 1, f"a number out of range, {MOMENT}, or null"),
    (Topic.SUPPRESSION_REQUESTED, "raw_partition", 2**31, "a number out of range, expected a partition, or -1"),
    (
        Topic.CREDIT_REQUESTED,
        "account",
        "acme\x1fm1",
        "text of 7 characters, expected 1 to 128 visible ASCII characters",
    ),
    (Topic.CREDIT_REQUESTED, "account", "", "text of 0 characters, expected 1 to 128 visible ASCII characters"),
    (Topic.CREDIT_REQUESTED, "message_id", "m\x1f1", f"text of 3 characters, expected 0 to {ID}"),
    (Topic.CREDIT_REQUESTED, "currency", "myr", "text of 3 characters, expected a code of ISO 4217, or nothing"),
    (
        Topic.CREDIT_REQUESTED,
        "amount_micros",
        10**15 + 1,
        f"a number out of range, expected millionths of a unit, at most {10**15} either way",
    ),
    (Topic.CREDIT_ENTRY, "message_id", "m" * 257, f"text of 257 characters, expected 0 to {ID}"),
    (Topic.CREDIT_ENTRY, "raw_topic", "raw.x", "text of 5 characters, expected a word of the vocabulary"),
    (Topic.CREDIT_ENTRY, "received_at", 2**63 - 1, f"a number out of range, {MOMENT}"),
    (
        Topic.DELIVERY_FAILED,
        "reason",
        "no word",
        "text of 7 characters, expected a word of 1 to 64 letters, digits and '_'",
    ),
    (Topic.DELIVERY_FAILED, "channel", "fax", "text of 3 characters, expected a word of the vocabulary"),
    (Topic.DELIVERY_FAILED, "event_id", "e" * 257, f"text of 257 characters, expected 1 to {ID}"),
    (Topic.DELIVERY_FAILED, "code", "c" * 161, "text of 161 characters, expected at most 160 characters"),
    (
        Topic.DELIVERY_CONFIRMED,
        "kind",
        "Delivered!",
        "text of 10 characters, expected a word of 1 to 64 letters, digits and '_'",
    ),
    (Topic.DELIVERY_STATS, "tenant", "a/b", f"text of 3 characters, {TENANT}"),
    (
        Topic.DELIVERY_STATS,
        "provider",
        "a/b",
        "text of 3 characters, expected 1 to 64 letters, digits, '.', '_' or '-'",
    ),
    (Topic.DELIVERY_STATS, "count", -5, f"a number out of range, expected 1 to {10**6}"),
    (Topic.DELIVERY_STATS, "count", 0, f"a number out of range, expected 1 to {10**6}"),
    (Topic.DELIVERY_STATS, "minute", 2**63 - 1, f"a number out of range, {MOMENT}"),
    (Topic.DELIVERY_STATS, "samples", ["a"] * 4, "a list of 4, expected at most 3 texts of at most 120 characters"),
    (Topic.DELIVERY_STATS, "samples", ["a" * 121], "a list of 1, expected at most 3 texts of at most 120 characters"),
    (
        Topic.CREDIT_CHANGED,
        "granted_micros",
        10**18 + 1,
        f"a number out of range, expected millionths of a unit, at most {10**18} either way",
    ),
    (
        Topic.PROVIDER_HEALTH,
        "periods",
        [{"since": number, "until": number + 1} for number in range(33)],
        "a list of 33, expected at most 32 times, oldest first, of which the last may be open",
    ),
]


@pytest.mark.parametrize(("topic", "name", "value", "text"), REFUSED)
def test_what_is_beyond_the_bounds_is_named_without_its_value(
    topic: Topic, name: str, value: object, text: str
) -> None:
    with pytest.raises(BadInputError) as refused:
        check(topic, {**BASES[topic], name: value})
    assert str(refused.value) == f"{name}: {text}"


@pytest.mark.parametrize(
    "periods",
    [
        [{"since": 5, "until": None}, {"since": 9, "until": None}],
        [{"since": 5, "until": 4}],
        [{"since": 5, "until": 9}, {"since": 8, "until": 10}],
        [{"since": -1, "until": 9}],
        [{"since": 1, "until": 2**63 - 1}],
    ],
)
def test_outages_that_contradict_each_other_are_refused(periods: list[dict[str, int | None]]) -> None:
    with pytest.raises(BadInputError, match=r"^periods: a list"):
        check(Topic.PROVIDER_HEALTH, {**BASES[Topic.PROVIDER_HEALTH], "periods": periods})


def test_an_outage_decided_in_the_last_minute_passes() -> None:
    """Agents date it two minutes ahead of what they read."""
    ahead = (10**17 // MINUTE + 2) * MINUTE
    late = {"since": ahead, "changed_at": 10**17, "periods": [{"since": ahead, "until": None}]}
    check(Topic.PROVIDER_HEALTH, {**BASES[Topic.PROVIDER_HEALTH], **late})


def test_long_ids_pass_one_by_one_although_they_are_long_together() -> None:
    """The quick look at all texts together decides nothing against a record."""
    names = ("event_id", "message_id", "provider_account", "correlation_id", "campaign_id", "provider_event_id")
    check(Topic.DELIVERY_FAILED, {**BASES[Topic.DELIVERY_FAILED], **dict.fromkeys(names, "\u200b" * 256)})


def complaint(topic: Topic, event: Mapping[str, Any]) -> str:
    try:
        check(topic, event)
    except BadInputError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("topic", BASES)
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_record_of_a_schema_passes_or_is_bad_input(topic: Topic, data: st.DataObject) -> None:
    """Nothing else is ever raised, and what was found wrong is not repeated."""
    event = data.draw(st.one_of(anything(topic), changed(topic)))
    read = avro.decode(topic, avro.encode(topic, event))
    texts = [value for value in event.values() if isinstance(value, str) and len(value) > 60]
    said = complaint(topic, read)
    assert not [value for value in texts if value in said]
