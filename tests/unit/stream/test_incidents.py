from collections.abc import Callable, Mapping
from typing import Any

import pytest

from app import avro
from app.errors import BadInputError
from app.faust_batches import Transaction
from app.identity import check_tenant
from app.raw_records import record_key
from app.stream import incidents
from app.stream.incidents import Incidents, dead_letter, place_of
from app.web.overview import Overview
from app.web.overview_records import take
from tests.agents.records import NOW, Consumed

HOUR = 3_600_000_000
SECRET = "someone@example.com"
WEBHOOK = Consumed("raw.prelude", 3, 17, b"m1", b"{}", [("tenant", b"acme"), ("source", b"gateway")])


def error_of(function: Callable[..., object], *arguments: object) -> Exception:
    try:
        function(*arguments)
    except Exception as error:  # noqa: BLE001 - the error is what the test is about
        return error
    raise AssertionError("no error")


KEY_ERROR = error_of({}.__getitem__, SECRET)
"""Raised without a frame of this package; its message is the value."""
VALUE_ERROR = error_of(record_key, SECRET, b"{}")
"""Raised below a function of this package; its message quotes the value."""
PLACE = place_of(VALUE_ERROR)


def transaction(now: int = NOW) -> Transaction:
    return Transaction(3, {}, now)


def sent(found: Transaction, topic: str) -> list[tuple[bytes | None, bytes | None, dict[str, bytes]]]:
    return [
        (record.key, record.value, dict(record.headers))
        for (name, _), records in found.outputs.items()
        if name == topic
        for record in records
    ]


def alerts(found: Transaction) -> list[Mapping[str, Any]]:
    return [avro.decode("delivery.alert", value) for _, value, _ in sent(found, "delivery.alert")]


def failed_event(**fields: object) -> Consumed:
    event: dict[str, Any] = {
        "tenant": "bistro",
        "provider": "prelude",
        "channel": "sms",
        "outcome": "failed",
        "reason": "expired",
        "attribution": "CARRIER",
        "minute": NOW,
        "count": 1,
        "sample_code": "",
        "unlisted": False,
        "samples": [],
    }
    return Consumed("delivery.stats", 0, 5, b"k", avro.encode("delivery.stats", event | fields))


def test_a_failed_record_is_a_dead_letter_as_it_came_with_the_place_and_no_message() -> None:
    found = transaction()
    Incidents().put_aside("normalize", WEBHOOK, VALUE_ERROR, found)
    assert sent(found, "dead.letter") == [
        (
            b"m1",
            b"{}",
            {
                "tenant": b"acme",
                "source": b"gateway",
                "origin-topic": b"raw.prelude",
                "origin-partition": b"3",
                "origin-offset": b"17",
                "origin-timestamp": b"1778062500000",
                "error-class": b"ValueError",
                "error-text": PLACE.encode(),
            },
        )
    ]


def test_its_alert_names_record_class_and_place_under_the_records_tenant() -> None:
    found = transaction()
    Incidents().put_aside("normalize", WEBHOOK, VALUE_ERROR, found)
    [alert] = alerts(found)
    assert alert["summary"] == (
        f"Agent normalize failed on record raw.prelude/3/17 (ValueError at {PLACE}) and put it aside as a dead letter."
    )
    assert (alert["kind"], alert["state"], alert["tenant"]) == ("record_failed", "raised", "acme")
    assert alert["alert_key"] == f"record_failed/acme///normalize/ValueError/{PLACE}"
    assert alert["occurred_at"] == NOW


def test_the_place_is_the_innermost_line_of_this_package() -> None:
    function, _, line = PLACE.rpartition(":")
    assert (function, line.isdigit()) == ("app.raw_records.record_key", True)
    in_a_library = error_of(avro.schema_text, "a name with a \x00")
    assert place_of(in_a_library).startswith("app.avro.schemas.schema_text:")
    assert place_of(KEY_ERROR) == place_of(ValueError(SECRET)) == "unknown"


def test_a_message_that_quotes_the_value_is_nowhere_in_what_is_written() -> None:
    found = transaction()
    assert SECRET in str(VALUE_ERROR)
    Incidents().put_aside("normalize", WEBHOOK, VALUE_ERROR, found)
    assert SECRET not in str(found.outputs)


def test_only_our_own_errors_speak_in_the_dead_letter() -> None:
    """Their texts name field, kind and expectation; a message of any other error may quote the value."""
    assert dead_letter(error_of(check_tenant, SECRET)) == (
        "BadInputError",
        (
            "tenant: text of 19 characters, expected 1 to 64 letters, digits, dots, underscores or hyphens, "
            "a letter or digit first"
        ),
    )
    for error in (KEY_ERROR, VALUE_ERROR, ValueError(SECRET), error_of(avro.encode, "delivery.alert", {})):
        assert SECRET not in dead_letter(error).text


@pytest.mark.parametrize(
    ("record", "tenant"),
    [
        (failed_event(), "bistro"),
        (failed_event(tenant="bis/tro"), ""),
        (Consumed("delivery.stats", 0, 0, None, b"no avro"), ""),
        (Consumed("delivery.stats", 0, 0, None, None), ""),
        (Consumed("raw.treble", 0, 0, None, b"{}"), ""),
        (Consumed("raw.treble", 0, 0, None, b"{}", [("tenant", b"a" * 65)]), ""),
        (Consumed("raw.treble", 0, 0, None, b"{}", [("tenant", b"\xff")]), ""),
        (Consumed("raw.treble", 0, 0, None, b"{}", [("tenant", b"old"), ("tenant", b"new")]), "new"),
    ],
)
def test_the_alert_is_under_the_tenant_that_can_be_believed_or_none(record: Consumed, tenant: str) -> None:
    found = transaction()
    Incidents().put_aside("alert", record, VALUE_ERROR, found)
    assert [alert["tenant"] for alert in alerts(found)] == [tenant]


def test_an_alert_without_tenant_is_shown_to_those_who_see_all() -> None:
    found = transaction()
    Incidents().gap("suppress", "delivery.failed", 3, 10, 30, found)
    [(key, value, _)] = sent(found, "delivery.alert")
    overview = Overview()
    take(overview, Consumed("delivery.alert", 0, 0, key, value), NOW)
    assert [len(each.open_alerts(NOW)) for each in overview.seen_by("*")] == [1]
    assert list(overview.seen_by("acme")) == []


def test_one_cause_is_told_once_an_hour_and_every_record_is_a_dead_letter() -> None:
    happening = Incidents()
    moments = (0, 1, HOUR - 1, HOUR, HOUR + 1)
    told = []
    for offset, later in enumerate(moments):
        found = transaction(NOW + later)
        record = Consumed("raw.prelude", 3, offset, None, b"{}")
        happening.put_aside("normalize", record, VALUE_ERROR, found)
        assert len(sent(found, "dead.letter")) == 1
        told.append(len(alerts(found)))
    assert told == [1, 0, 0, 1, 0]


def test_another_agent_class_or_place_is_another_cause() -> None:
    found = transaction()
    happening = Incidents()
    happening.put_aside("normalize", WEBHOOK, VALUE_ERROR, found)
    happening.put_aside("suppress", WEBHOOK, VALUE_ERROR, found)
    happening.put_aside("normalize", WEBHOOK, error_of(check_tenant, ""), found)
    happening.put_aside("normalize", WEBHOOK, BadInputError("field: elsewhere"), found)
    happening.put_row_aside("normalize", "messages", b"k", b"{}", VALUE_ERROR, found)
    assert len({alert["alert_key"] for alert in alerts(found)}) == len(alerts(found)) == 5


def test_an_alert_whose_transaction_was_not_committed_is_written_again() -> None:
    """The same record comes again only in that case."""
    happening = Incidents()
    aborted, done_again = transaction(), transaction(NOW + 1)
    happening.put_aside("normalize", WEBHOOK, VALUE_ERROR, aborted)
    happening.put_aside("normalize", WEBHOOK, VALUE_ERROR, done_again)
    assert len(alerts(done_again)) == 1


def test_memory_of_what_was_told_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause told longest ago goes first."""
    monkeypatch.setattr(incidents, "MOST_CAUSES", 2)
    happening = Incidents()
    for number in range(3):
        happening.put_aside(f"agent{number}", WEBHOOK, VALUE_ERROR, transaction())
    assert [cause.agent for cause in happening._told] == ["agent1", "agent2"]


def test_a_failed_row_is_a_dead_letter_that_says_table_and_partition() -> None:
    found = transaction()
    Incidents().put_row_aside("suppress", "recipients", b"acme/" + SECRET.encode(), b"[1", VALUE_ERROR, found)
    assert sent(found, "dead.letter") == [
        (
            b"acme/someone@example.com",
            b"[1",
            {
                "origin-topic": b"table/recipients",
                "origin-partition": b"3",
                "origin-offset": b"-1",
                "origin-timestamp": b"1778062500000",
                "error-class": b"ValueError",
                "error-text": PLACE.encode(),
            },
        )
    ]


def test_the_alert_of_a_row_holds_nothing_of_its_key() -> None:
    found = transaction()
    Incidents().put_row_aside("suppress", "recipients", b"acme/" + SECRET.encode(), b"[1", VALUE_ERROR, found)
    [alert] = alerts(found)
    assert alert["summary"] == (
        f"Agent suppress failed on a row of table recipients that was due (ValueError at {PLACE}); "
        "the row stays as it is."
    )
    assert (alert["kind"], alert["tenant"]) == ("row_failed", "")
    assert SECRET not in str(alert)


@pytest.mark.parametrize(
    ("committed", "resumed_at", "summary", "missing"),
    [
        (
            10,
            30,
            (
                "Agent suppress never processed delivery.failed/3 from offset 10 up to 30: they were deleted before a "
                "worker came to them."
            ),
            20.0,
        ),
        (
            30,
            10,
            (
                "delivery.failed/3 ends before offset 30, up to which agent suppress had processed it: the cluster "
                "lost records, and the agent goes on at offset 10."
            ),
            0.0,
        ),
    ],
)
def test_a_gap_says_what_was_never_processed_or_lost(
    committed: int, resumed_at: int, summary: str, missing: float
) -> None:
    found = transaction()
    Incidents().gap("suppress", "delivery.failed", 3, committed, resumed_at, found)
    [alert] = alerts(found)
    assert (alert["kind"], alert["summary"], alert["observed"]) == ("offset_gap", summary, missing)
    assert alert["alert_key"] == "offset_gap////suppress/delivery.failed/3"
    assert sent(found, "dead.letter") == []


def test_the_log_has_one_bounded_line_for_each_alert_and_nothing_of_values(caplog: pytest.LogCaptureFixture) -> None:
    happening = Incidents()
    found = transaction()
    for offset in range(3):
        record = Consumed("raw.prelude", 3, offset, SECRET.encode(), SECRET.encode())
        happening.put_aside("normalize", record, VALUE_ERROR, found)
    happening.put_row_aside("suppress", "recipients", SECRET.encode(), b"[1", VALUE_ERROR, found)
    happening.gap("suppress", "delivery.failed", 3, 10, 30, found)
    assert [record.getMessage() for record in caplog.records] == [
        f"normalize failed on raw.prelude/3/0: ValueError at {PLACE}",
        f"suppress failed on a row of recipients: ValueError at {PLACE}",
        "suppress: delivery.failed/3 was committed up to 10, goes on at 30",
    ]
