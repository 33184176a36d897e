"""Compares every row of the tables with the oracle."""

from collections.abc import Mapping
from typing import Any

import orjson

from tests.chaos.emissions import Emissions
from tests.chaos.findings import Findings
from tests.chaos.oracle_credit import CreditOracle, account_tree, message_tree
from tests.chaos.oracle_recipients import RecipientOracle, newest_minutes, row_tree
from tests.chaos.webhooks import Micros

_ID_LENGTH = 10
_SEPARATOR = "\x1f"
MONEY = ("granted", "available", "reserved", "spent")
_FEW_IDS = 64
"""So many ids a row remembers whatever their age; of one with more this suite's longest memory is not compared."""

Rows = Mapping[bytes, bytes]


def check_recipients(rows: Rows, oracle: RecipientOracle, now: Micros, findings: Findings) -> None:
    """Compare the rows of recipients, to the last field, and how many ids they remember."""
    wanted = {f"{tenant}/{recipient}": (tenant, row) for (tenant, recipient), row in oracle.rows.items()}
    found = {key.decode(): orjson.loads(value) for key, value in rows.items()}
    for key in wanted.keys() | found.keys():
        if key not in wanted:
            findings.compare_row("recipient nobody sent", key, found[key], None)
            continue
        tenant, row = wanted[key]
        tree = found.get(key)
        remembered = _ids(tree.pop("memory")) if tree else 0
        findings.compare_row("recipient", key, tree, row_tree(tenant, row, now))
        if len(row.seen) <= _FEW_IDS:
            findings.expect("ids in the row of", key, remembered, len(row.seen))


def check_credit(rows: Rows, oracle: CreditOracle, currency: str, now: Micros, findings: Findings) -> None:
    """Compare the rows of accounts and messages."""
    found = {key.decode(): orjson.loads(value) for key, value in rows.items()}
    wanted: dict[str, dict[str, Any]] = {}
    for name, account in oracle.accounts.items():
        wanted[name] = account_tree(account, currency, now)
        for message_id, message in account.messages.items():
            if message.seen:
                wanted[f"{name}{_SEPARATOR}{message_id}"] = message_tree(message, now)
    for key in wanted.keys() | found.keys():
        tree = found.get(key, {})
        if _SEPARATOR in key:
            tree = {**tree, "seen": len(tree.get("seen", "")) // _ID_LENGTH}
        else:
            remembered = _ids(tree.pop("memory", {}))
            expected = oracle.accounts[key].remembered if key in oracle.accounts else ()
            findings.expect("ids in the row of", key, remembered, len(expected))
            row = wanted.get(key, {})
            findings.credit_difference += sum(abs(tree.get(name, 0) - row.get(name, 0)) for name in MONEY)
        findings.compare_row("credit", key, tree, wanted.get(key))


def check_messages(rows: Rows, emissions: Emissions, findings: Findings) -> None:
    """Compare whose recipient is known, and what waits for one."""
    found = {}
    for name, value in rows.items():
        row = orjson.loads(value)
        found[name.decode()] = (row["recipient"] or {}).get("recipient"), len(row["parked"])
    keys = emissions.introduced.keys() | emissions.waiting.keys()
    wanted = {key: (emissions.introduced.get(key), len(emissions.waiting.get(key, ()))) for key in keys}
    for key in wanted.keys() | found.keys():
        findings.compare_row("message", key, found.get(key), wanted.get(key))


def check_rates(rows: Rows, oracle: RecipientOracle, findings: Findings) -> None:
    """Compare the counts of the newest half hour of each provider on a channel."""
    wanted = newest_minutes(oracle.stats.items())
    found = {key.decode(): orjson.loads(value)["minutes"] for key, value in rows.items()}
    for key in wanted.keys() | found.keys():
        findings.compare_row("rates", key, found.get(key), wanted.get(key))


def _ids(days: Mapping[str, str]) -> int:
    return sum(len(day) for day in days.values()) // _ID_LENGTH
