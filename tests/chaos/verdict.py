"""Reads everything back and compares it with the oracle; or two versions of the product with each other."""

import time
from collections import Counter
from typing import Any

import orjson

from app.settings import Settings
from app.stream.worker import application_id
from app.topics import RAW_TOPICS, Table, Topic, changelog
from tests.chaos import checking_events, checking_poison, checking_states
from tests.chaos.authoring import CURRENCY
from tests.chaos.checking_alerts import check_raised, check_rates, check_watches, counted, watched
from tests.chaos.checking_events import EventCheck
from tests.chaos.checking_poison import PoisonCheck
from tests.chaos.checking_rows import check_credit, check_messages, check_recipients
from tests.chaos.checking_states import StateCheck
from tests.chaos.emissions import Emissions, Place, emissions
from tests.chaos.findings import Findings
from tests.chaos.load import Load
from tests.chaos.oracle_credit import CreditOracle
from tests.chaos.oracle_recipients import RecipientOracle
from tests.chaos.publishing import NUMBER
from tests.chaos.reading import Stored, read, read_rows
from tests.chaos.recipient_trees import without_told

_TABLES = (Table.RECIPIENTS, Table.CREDITS, Table.MESSAGES, Table.RATES, Table.WATCHES)


async def compare_with_oracle(load: Load, settings: Settings, poison: PoisonCheck) -> Findings:
    """Compare every record and every row that the product has written with what the load means."""
    findings = Findings()
    bootstrap, partitions = settings.bootstrap_servers, settings.partitions
    expected = emissions(await _stored(load, settings, poison, findings), load.webhooks)
    events = EventCheck(expected, findings)
    await read(bootstrap, checking_events.TOPICS, partitions, poison.beside(events.take))
    states = StateCheck(findings)
    await read(bootstrap, checking_states.TOPICS, partitions, poison.beside(states.take))
    await read(bootstrap, checking_poison.TOPICS, partitions, poison.take)
    poison.finish(events.dead_letters, findings)
    events.finish()
    rows = await _tables(settings)
    poison.take_twins(rows[Table.RECIPIENTS], states.suppressions[Topic.SUPPRESSION_CHANGED], findings)
    recipients = _recipients(load, expected, events.ids)
    now = time.time_ns() // 1000
    states.finish(recipients, now)
    findings.compare_counts("delivery.stats", events.stats, recipients.stats)
    check_recipients(rows[Table.RECIPIENTS], recipients, now, findings)
    states.compare_rows(rows[Table.RECIPIENTS])
    credit = _credit(load, expected, events.ids)
    check_credit(rows[Table.CREDITS], credit, CURRENCY, now, findings)
    check_messages(rows[Table.MESSAGES], expected, findings)
    check_rates(rows[Table.RATES], recipients.stats, findings)
    began = max(webhook.received_at for webhook in load.webhooks)
    check_raised(rows[Table.RATES], recipients.stats, began, now, findings)
    check_watches(rows[Table.WATCHES], credit.accounts, CURRENCY, now, findings)
    for account, last in states.accounts.items():
        row = orjson.loads(rows[Table.CREDITS].get(account.encode(), b"{}"))
        told = [last[f"{name}_micros"] for name in ("granted", "available", "reserved", "spent")]
        findings.expect(
            "last credit.changed", account, told, [row.get(n) for n in ("granted", "available", "reserved", "spent")]
        )
    return findings


async def compare_versions(first: Settings, second: Settings) -> Findings:
    """Compare the tables of two versions, bit for bit but for what `_STRIP` leaves out."""
    findings = Findings()
    rows, others = await _tables(first), await _tables(second)
    for table in _TABLES:
        strip = _STRIP.get(table, bytes)
        for key in rows[table].keys() | others[table].keys():
            mine, other = rows[table].get(key), others[table].get(key)
            findings.compare_row(
                f"replayed {table}", key, strip(other) if other else None, strip(mine) if mine else None
            )
    return findings


def _without_clock(row: bytes) -> bytes:
    tree = orjson.loads(row)
    tree.pop("forget_at")
    for parked in tree["parked"].values():
        parked.pop("due")
    return orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)


def _without_told(row: bytes) -> bytes:
    return orjson.dumps(without_told(orjson.loads(row)), option=orjson.OPT_SORT_KEYS)


# the clock writes into rows of messages; announcements and alerts come of the order in which things were heard of
_STRIP: dict[str, Any] = {
    Table.RECIPIENTS: _without_told,
    Table.MESSAGES: _without_clock,
    Table.RATES: counted,
    Table.WATCHES: watched,
}


async def _tables(settings: Settings) -> dict[str, dict[bytes, bytes]]:
    group = application_id(settings)
    return {
        table: await read_rows(settings.bootstrap_servers, changelog(group, table).name, settings.partitions)
        for table in _TABLES
    }


async def _stored(load: Load, settings: Settings, poison: PoisonCheck, findings: Findings) -> dict[Place, int]:
    """Return where each webhook lies that is to be worked on.

    All of them must be there once, or the load itself is not what it should be; those that came without their key may
    be there a second time, in the partition to which the product has brought them.
    """
    places: dict[bool, dict[int, Place]] = {False: {}, True: {}}
    found: Counter[tuple[int, bool]] = Counter()

    def take(record: Stored) -> None:
        headers = dict(record.headers)
        number, moved = int(headers[NUMBER]), "rekeyed" in headers
        found[number, moved] += 1
        places[moved][number] = Place(record.topic, record.partition, record.offset)

    await read(settings.bootstrap_servers, RAW_TOPICS.values(), settings.partitions, poison.beside(take))
    wanted = [(number, False) for number in range(len(load.webhooks))]
    wanted += [(number, True) for number in places[True]]
    findings.compare_counts("raw", found, dict.fromkeys(wanted, 1))
    return {place: number for number, place in (places[False] | places[True]).items()}


def _recipients(load: Load, expected: Emissions, ids: dict[str, str]) -> RecipientOracle:
    oracle = RecipientOracle(ids)
    for webhook in expected.failed.values():
        if webhook.meaning.failed:
            oracle.fail(webhook, webhook.meaning.failed)
    for webhook in expected.confirmed.values():
        if webhook.meaning.confirmed:
            oracle.confirm(webhook, webhook.meaning.confirmed)
    for webhook in expected.opted_out.values():
        if webhook.meaning.opted_out:
            oracle.opt_out(webhook, webhook.meaning.opted_out)
    for request in load.requests:
        oracle.ask(request)
    return oracle


def _credit(load: Load, expected: Emissions, ids: dict[str, str]) -> CreditOracle:
    oracle = CreditOracle(CURRENCY, load.forget_days)
    for command, received_at in load.commands:
        oracle.command(command, received_at)
    for webhook in expected.entries.values():
        if webhook.meaning.entry:
            entry = webhook.meaning.entry
            oracle.report(webhook, entry, ids.get(entry.identity, "?"))
    return oracle
