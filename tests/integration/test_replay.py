"""`undelivered replay` on a real broker with a real worker: what it shows, what it writes, and what follows from it."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from rich.progress import Progress

from app.broker import Cluster
from app.demo.payloads import iso
from app.domain.clock import DAY
from app.faust_batches import Record
from app.identity import event_id
from app.replay.parcels import Correction, Parcel
from app.replay.reading import OpenTransactionError, Reader, Span
from app.replay.writing import SupersededError, Writer
from app.settings import Settings
from app.stream import cluster_topics, worker
from app.topics import Declaration, Topic
from app.vocabulary import Provider
from tests.integration.replayed_product import (
    BOTH,
    GONE,
    LONGEST_S,
    NO_ROUTE,
    NOTHING,
    OTHERS,
    PRELUDE_NUMBER,
    TEEKRR_BUSY,
    TEEKRR_NUMBER,
    UNKNOWN,
    VERSION,
    Product,
    ago,
)


@pytest.fixture
def bootstrap() -> Iterator[str]:
    """Run a broker of this test's own: the topics' names are fixed."""
    with Cluster() as cluster:
        yield cluster.bootstrap


@pytest.fixture
def product(bootstrap: str, tmp_path: Path) -> Iterator[Product]:
    """Run a worker."""
    running = Product(bootstrap, tmp_path)
    try:
        yield running
    finally:
        if running.worker:
            running.worker.kill()
            running.worker.wait()


SUPPRESSED_BEFORE = {
    f"acme/{PRELUDE_NUMBER}/sms": ("invalid_recipient", ago(6) + 30 * DAY),
    f"acme/{BOTH}/sms": ("invalid_recipient", ago(8) + 30 * DAY),
    f"acme/{OTHERS[1]}/whatsapp": ("invalid_recipient", ago(3) + 30 * DAY),
}
SUPPRESSED_AFTER = {
    f"acme/{TEEKRR_NUMBER}/sms": ("invalid_recipient", ago(5) + 30 * DAY),
    f"acme/{TEEKRR_BUSY}/sms": ("invalid_recipient", ago(3) + 30 * DAY),
    f"acme/{BOTH}/sms": ("invalid_recipient", ago(2) + 30 * DAY),
    f"acme/{OTHERS[1]}/whatsapp": ("invalid_recipient", ago(3) + 30 * DAY),
}


def failure_id(number: str, days: int, provider: Provider = Provider.TEEKRR) -> str:
    if provider is Provider.TEEKRR:
        return event_id("acme", "teekrr", "failure", f"m-{number}-{days}")
    return event_id("acme", "prelude", "transactional.message.failed", f"f-tx-{number}-{days}")


def state(of: tuple[str, int | None] | None) -> dict[str, Any]:
    """Return a state as the command prints it."""
    if of is None:
        return {"state": "allowed", "reason": None, "until": None}
    reason, until = of
    return {
        "state": "suppressed",
        "reason": reason,
        "until": None if until is None else iso(until).replace("Z", "000Z"),
    }


def recipient(number: str, decided_by: str, request: str) -> dict[str, Any]:
    """Return what is said of a recipient that changes as expected."""
    key = f"acme/{number}/sms"
    return {
        "kind": "recipient",
        "tenant": "acme",
        "channel": "sms",
        "recipient": number,
        "from": state(SUPPRESSED_BEFORE.get(key)),
        "to": state(SUPPRESSED_AFTER.get(key)),
        "decided_by": [decided_by],
        "fate": "changes",
        "why": None,
        "requests": [request],
    }


FAILURES = [
    {"kind": "failures", "from": UNKNOWN, "to": GONE, "count": 4, "sample_code": "elfo:42"},
    {"kind": "failures", "from": GONE, "to": NO_ROUTE, "count": 3, "sample_code": "prelude:reason:unknown_recipient"},
]
RECIPIENTS = [
    recipient(PRELUDE_NUMBER, failure_id(PRELUDE_NUMBER, 6, Provider.PRELUDE), "lift"),
    recipient(BOTH, failure_id(BOTH, 2), "suppress"),
    recipient(TEEKRR_NUMBER, failure_id(TEEKRR_NUMBER, 5), "suppress"),
    recipient(TEEKRR_BUSY, failure_id(TEEKRR_BUSY, 3), "suppress"),
]


def summary(failures: int, changed: int, recipients: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return what is said at the end when there was nothing unforeseen."""
    return {
        "kind": "summary",
        "mapping_version": VERSION,
        "webhooks": 15,
        "failures": failures,
        "judged_otherwise": changed,
        "newly_failures": 0,
        "not_compared": {"webhook_gone": 0, "recipient_awaited": 1, "older": 0},
        "recipients": {"changes": recipients, "already so": 0, "kept": 0},
        "to_write": {"corrections": changed, "requests": recipients},
        "written": None,
        **more,
    }


async def test_a_replay_shows_what_would_change_and_changes_just_that(product: Product) -> None:
    """Shown, written, written again, and taken back by a replay without the overlay."""
    await product.begin()
    counted, before = await product.counted(), await product.ends()
    assert await product.suppressed() == SUPPRESSED_BEFORE

    shown = product.replay("--overlay", "own.csv")
    assert shown == [*FAILURES, *RECIPIENTS, summary(9, 7, 4)]
    for_people = product.run("--overlay", "own.csv").stdout
    assert all(each["recipient"] in for_people.replace("\n", "") for each in RECIPIENTS)
    assert "Nothing was written" in for_people
    nobody = product.replay("--overlay", "own.csv", "--tenant", "globex")
    assert nobody == [summary(0, 0, 0, webhooks=0) | {"not_compared": NOTHING}]
    future = product.replay("--overlay", "own.csv", "--since", "2999-01-01")
    assert future == [summary(0, 0, 0, webhooks=0) | {"not_compared": NOTHING | {"webhook_gone": 9}}]
    assert await product.ends() == before

    written = {"corrections": 7, "requests": 4, "transactions": 1}
    assert product.replay("--overlay", "own.csv", "--apply") == [*shown[:-1], summary(9, 7, 4, written=written)]
    await product.idle()
    assert await product.suppressed() == SUPPRESSED_AFTER
    assert await product.counted() == counted
    assert await product.corrected() == {GONE["reason"]: 4, NO_ROUTE["reason"]: 3}

    before = await product.ends()
    nothing = {"corrections": 0, "requests": 0, "transactions": 0}
    assert product.replay("--overlay", "own.csv", "--apply") == [summary(9, 0, 0, written=nothing)]
    assert await product.ends() == before

    product.replay("--apply", "--by", "support:jane")
    await product.idle()
    assert await product.suppressed() == SUPPRESSED_BEFORE
    assert await product.counted() == counted


async def test_a_replay_that_is_killed_is_finished_by_the_next(product: Product) -> None:
    """One recipient is written and the next one's records lie in a transaction that nobody ended."""
    await product.begin()
    by_recipient = {"UNDELIVERED_ROUND_MAX_RECORDS": "1"}
    killed = product.run("--overlay", "own.csv", "--apply", UNDELIVERED_KILL_AT="delivered:2", **by_recipient)
    assert killed.returncode == -signal.SIGKILL

    finished = product.replay("--overlay", "own.csv", "--apply", **by_recipient)
    assert finished[-1]["written"] == {"corrections": 5, "requests": 3, "transactions": 3}
    await product.idle()
    assert await product.suppressed() == SUPPRESSED_AFTER
    assert await product.corrected() == {GONE["reason"]: 4, NO_ROUTE["reason"]: 3}
    assert len(await product.records(Topic.SUPPRESSION_REQUESTED)) == 4


async def test_a_replay_that_another_one_has_overtaken_writes_nothing(bootstrap: str) -> None:
    """The later one ends what the earlier one has open; so there is one writer at a time."""
    settings = Settings(bootstrap_servers=bootstrap, partitions=1)
    connection = worker.connection(settings)
    await cluster_topics.create(worker.declarations(settings), worker.sizing(settings), connection)
    parcel = Parcel("acme/+601", (Correction("e", "sms", b"value"),), ())
    async with Writer(settings) as first, Writer(settings) as second:
        with pytest.raises(SupersededError, match="another replay has begun"):
            await first.write([parcel], VERSION)
        assert await second.write([parcel, parcel], VERSION) == (2, 0, 1)
    async with Reader(connection, LONGEST_S, Progress(disable=True)) as reader:
        found: list[Record] = []
        await reader.read("", await reader.whole([Topic.DELIVERY_FAILED], 1), found.append)
    assert [each.value for each in found] == [b"value", b"value"]


async def test_a_transaction_that_nobody_ends_is_waited_for_and_named(kafka: Cluster) -> None:
    """What is in it is within the end that the replay has noted."""
    topic, connection = "replay.open", {"bootstrap_servers": kafka.bootstrap}
    await cluster_topics.create([Declaration(topic, None, compact=False)], cluster_topics.Sizing(1, 1, 1), connection)
    producer = AIOKafkaProducer(**connection, transactional_id="replay-open")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"value")
        found: list[Record] = []
        async with Reader(connection, 1.0, Progress(disable=True)) as reader:
            spans = await reader.whole([topic], 1)
            with pytest.raises(OpenTransactionError, match=r"replay\.open/0: a transaction has been open for more"):
                await reader.read("", spans, found.append)
            assert (list(spans.values()), found) == ([Span(0, 1)], [])
            await producer.commit_transaction()
            await reader.read("", spans, found.append)
            assert [each.value for each in found] == [b"value"]
    finally:
        await producer.stop()
