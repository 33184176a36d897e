from contextlib import suppress
from typing import Any

import orjson
import pytest

from app.errors import BadInputError
from app.topics import Topic
from app.web.overview import DeadLetter, Overview
from app.web.overview_json import overview as overview_json
from app.web.overview_records import checked, dead_letter, take
from tests.unit.web.overview_samples import NOW, Consumed, alert, consumed, credit, letter, stats, suppression

SAMPLES = {
    Topic.DELIVERY_STATS: stats,
    Topic.SUPPRESSION_CHANGED: suppression,
    Topic.CREDIT_CHANGED: credit,
    Topic.DELIVERY_ALERT: alert,
}
NUMBERS = (-(2**63), -5, -1, 0, 2**53, 2**63 - 1)
TEXTS = ("", "a/b", "*", "\x00", "\N{SNOWMAN}", "x" * 3000, "\N{SNOWMAN}" * 2000)
LISTS: tuple[list[str], ...] = ([], [""] * 3000, ["x" * 9000], ["\x00"] * 500)


def variants() -> list[tuple[str, dict[str, Any]]]:
    """Return records with one field each that is as no agent of ours would write it."""
    made = []
    for topic, sample in SAMPLES.items():
        for field, usual in sample().items():
            strange = LISTS if isinstance(usual, list) else TEXTS if isinstance(usual, str) else NUMBERS
            if field in {"state", "attribution"} or isinstance(usual, bool):
                continue  # the schema leaves nothing strange
            made += [(str(topic), sample(**{field: value})) for value in strange]
    return made


def test_no_record_keeps_the_overview_from_being_shown() -> None:
    """Each is shown or refused as bad input, and the answer can be written after all of them."""
    whole = Overview()
    for topic, value in variants():
        with suppress(BadInputError):
            take(whole, consumed(topic, value), NOW)
        for tenant in ("acme", "*"):
            assert orjson.dumps(overview_json(whole, tenant, NOW))
    for series in overview_json(whole, "*", NOW)["failures"]:
        assert min(series["by_hour"]) >= 0


@pytest.mark.parametrize(
    ("topic", "value", "text"),
    [
        (Topic.DELIVERY_STATS, stats(count=-5), "count: expected 0 to 1000000000"),
        (Topic.DELIVERY_STATS, stats(count=2**63 - 1), "count: expected 0 to 1000000000"),
        (Topic.DELIVERY_STATS, stats(tenant="a/b"), "tenant: text of 3 characters"),
        (Topic.DELIVERY_STATS, stats(minute=2**63 - 1), "minute: integer, expected microseconds"),
        (Topic.DELIVERY_STATS, stats(reason="r" * 99), "provider, outcome, reason: expected at most 80 ASCII"),
        (Topic.SUPPRESSION_CHANGED, suppression(changed_at=-1), "changed_at: integer, expected microseconds"),
        (Topic.SUPPRESSION_CHANGED, suppression(evidence=["e" * 3000]), "bytes to show, expected at most 2000"),
        (Topic.CREDIT_CHANGED, credit(account="a" * 257), "account or alert_key: 257 bytes, expected at most 256"),
        (Topic.DELIVERY_ALERT, alert(action="x" * 9000), "value: 9[0-9]{3} bytes, expected at most 8192"),
        (Topic.DELIVERY_ALERT, alert(occurred_at=NOW + 25 * 3_600_000_000), "occurred_at: integer, expected"),
    ],
)
def test_what_no_agent_writes_is_refused_and_changes_nothing(topic: str, value: dict[str, Any], text: str) -> None:
    whole = Overview()
    with pytest.raises(BadInputError, match=text):
        take(whole, consumed(topic, value), NOW)
    shown = overview_json(whole, "*", NOW)
    assert [shown[part] for part in ("failures", "credit", "alerts")] == [[], [], []]
    assert shown["suppressions"] == {"suppressed": 0, "allowed": 0, "latest": []}


@pytest.mark.parametrize("topic", SAMPLES)
@pytest.mark.parametrize("value", [None, b"", b"\xff\xff", b"\x00" * 9000])
def test_what_is_no_record_is_refused(topic: str, value: bytes | None) -> None:
    with pytest.raises(BadInputError):
        checked(Consumed(topic, value), NOW)


def test_a_clock_that_is_a_little_ahead_is_believed() -> None:
    assert checked(consumed(Topic.DELIVERY_STATS, stats(minute=NOW + 3_600_000_000)), NOW)["count"] == 1


@pytest.mark.parametrize("tenant", [b"a/b", b"", b"\xff", b"*"])
def test_a_dead_letter_belongs_to_nobody_when_its_tenant_is_no_name(tenant: bytes) -> None:
    assert dead_letter(letter(("tenant", tenant)), NOW).tenant == ""


def test_a_dead_letter_of_another_producer_is_read_as_far_as_it_goes() -> None:
    assert dead_letter(Consumed(Topic.DEAD_LETTER, None), NOW) == DeadLetter(NOW, "", "?/?/?", "")


@pytest.mark.parametrize(("timestamp", "at"), [(-(2**61), 0), (-1, 0), (2**61, NOW), (5, 5000)])
def test_a_dead_letters_timestamp_stays_between_1970_and_now(timestamp: int, at: int) -> None:
    whole = Overview()
    record = Consumed(Topic.DEAD_LETTER, None, timestamp=timestamp)
    assert dead_letter(record, NOW).at == at
    take(whole, record, NOW)
    assert orjson.dumps(overview_json(whole, "*", NOW))


def test_a_dead_letters_headers_are_cut_whatever_they_hold() -> None:
    headers: Any = (
        ("origin-topic", b"\xff" * 9000),
        ("origin-partition", None),
        ("error-text", b"e" * 9000),
        ("\x00", b""),
        ("", None),
    )
    found = dead_letter(Consumed(Topic.DEAD_LETTER, None, headers), NOW)
    assert (found.tenant, found.origin, found.error) == ("", "\N{REPLACEMENT CHARACTER}" * 300, "e" * 300)
