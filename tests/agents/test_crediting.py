from typing import Any

from app import avro
from app.domain.policy import load_policy
from app.faust_batches.batch import partition_of
from app.faust_batches.store import MemoryRows
from app.stream.crediting import TABLE, Crediting
from tests.agents.records import NOW, SECOND, Bench, Consumed

HOUR = 3600 * SECOND
DAY = 24 * HOUR
RAW = {"raw_topic": "", "raw_partition": -1, "raw_offset": -1, "raw_sha256": ""}


def bench(tables: dict[str, MemoryRows] | None = None, partitions: int = 1) -> Bench:
    tables = tables or {TABLE: MemoryRows()}
    return Bench(Crediting(tables, load_policy(None), partitions), tables)


def command(kind: str, amount: int, message: str = "", name: str = "", at: int = NOW) -> Consumed:
    event = {
        "event_id": name or f"{kind}/{message}",
        "tenant": "acme",
        "account": "acme/teekrr",
        "kind": kind,
        "amount_micros": amount,
        "currency": "MYR",
        "message_id": message,
        "occurred_at": at,
        "requested_by": "billing",
        "note": "",
    }
    return Consumed(
        "credit.requested", 0, 0, b"acme/teekrr", avro.encode("credit.requested", event), timestamp=at // 1000
    )


def entry(kind: str, message: str, amount: int | None = None, at: int = NOW) -> Consumed:
    event = {
        "event_id": f"{kind}/{message}",
        "tenant": "acme",
        "account": "acme/teekrr",
        "kind": kind,
        "message_id": message,
        "amount_micros": amount,
        "currency": "",
        "occurred_at": at,
        "received_at": at,
        "provider": "teekrr",
        "provider_event": "",
        **RAW,
    }
    return Consumed("credit.entry", 0, 0, b"acme/teekrr", avro.encode("credit.entry", event))


def figures(found: Bench) -> list[tuple[str, int, int, int, int]]:
    """Cause, granted, available, reserved, spent of each change since the last call."""
    names = ("granted", "available", "reserved", "spent")
    return [
        (value["cause"], *(value[f"{name}_micros"] for name in names))
        for topic, _, value in found.take()
        if topic == "credit.changed"
    ]


def test_a_message_is_settled_released_or_kept() -> None:
    """What was granted is always what is available, reserved and spent."""
    account = bench()
    account.process(command("grant", 100), *(command("reserve", 10, name) for name in ("a", "b", "c")))
    assert figures(account)[-1] == ("reserved", 100, 70, 30, 0)
    account.process(entry("settle", "a", 8), entry("release", "b"), entry("keep", "c"))
    assert figures(account) == [
        ("settled", 100, 72, 20, 8),
        ("released", 100, 82, 10, 8),
        ("kept", 100, 82, 0, 18),
    ]


def test_a_repeated_report_moves_nothing_and_is_not_told_again() -> None:
    """The same id counts once, also after a restart."""
    first = bench()
    first.process(command("grant", 100), command("reserve", 10, "a"), entry("release", "a"))
    assert figures(first)[-1] == ("released", 100, 100, 0, 0)
    again = bench(dict(first.tables))
    again.process(entry("release", "a"), command("grant", 100))
    assert figures(again) == []


def test_an_open_reservation_is_reported_once_and_a_finished_message_leaves_the_table() -> None:
    """By the clock, in rows that nothing touches."""
    account = bench()
    account.process(command("grant", 100), command("reserve", 10, "open"), command("reserve", 10, "done"))
    account.process(entry("settle", "done"))
    figures(account)
    account.tick(NOW + 73 * HOUR)
    account.tick(NOW + 74 * HOUR)
    assert figures(account) == [("reservation_stale", 100, 80, 10, 10)]
    account.process(command("grant", 1, name="later", at=NOW + 31 * DAY), now=NOW + 31 * DAY)
    account.tick(NOW + 32 * DAY)
    keys = [key for key, _ in account.tables[TABLE].items()]
    assert sorted(keys) == [b"acme/teekrr", b"acme/teekrr\x1fopen"]
    figures(account)
    account.process(entry("settle", "done"), now=NOW + 32 * DAY)
    assert {change[1:] for change in figures(account)} <= {(101, 81, 10, 10)}


def test_a_record_of_an_account_in_a_foreign_partition_is_sent_on() -> None:
    """An account has one partition, whatever a producer's hash says."""
    partitions = next(count for count in range(2, 50) if partition_of(b"acme/teekrr", count) != 0)
    lost = bench(partitions=partitions)
    sent: Any = command("grant", 5)
    lost.process(sent)
    assert [(topic, key) for topic, key, _ in lost.take()] == [("credit.requested", b"acme/teekrr")]
    assert list(lost.tables[TABLE].items()) == []
