"""Compares every row of the tables with the oracle."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tests.chaos.emissions import Emissions
from tests.chaos.findings import Findings
from tests.chaos.oracle_credit import Account, CreditOracle, account_tree, forgotten_tree, message_tree
from tests.chaos.oracle_memory import remembered
from tests.chaos.oracle_recipients import RecipientOracle
from tests.chaos.recipient_trees import row_trees, without_told
from tests.chaos.webhooks import Micros

_SEPARATOR = "\x1f"
MONEY = ("granted", "available", "reserved", "spent")

Rows = Mapping[bytes, bytes]


def check_recipients(rows: Rows, oracle: RecipientOracle, now: Micros, findings: Findings) -> None:
    """Compare the rows of recipients, to the last id they remember, and to the last field but one.

    See `TOLD` for why; the announcements themselves are held against the rows by :mod:`tests.chaos.checking_states`.
    """
    wanted = row_trees(oracle, now)
    found = {key.decode(): without_told(orjson.loads(value)) for key, value in rows.items()}
    for key in wanted.keys() | found.keys():
        what = "recipient" if key in wanted else "recipient nobody sent"
        findings.compare_row(what, key, found.get(key), wanted.get(key))


def check_credit(rows: Rows, oracle: CreditOracle, currency: str, now: Micros, findings: Findings) -> None:
    """Compare the rows of accounts and messages."""
    found = {key.decode(): orjson.loads(value) for key, value in rows.items()}
    wanted: dict[str, dict[str, Any]] = {}
    for name, account in oracle.accounts.items():
        wanted[name] = account_tree(account, currency, now) | forgotten_tree(account, now, oracle.forget_days)
        wanted[name] |= _ids(found.get(name, {}), account)
        for message_id, message in account.messages.items():
            if not message.is_forgotten(now, oracle.forget_days):
                wanted[f"{name}{_SEPARATOR}{message_id}"] = message_tree(message, now)
    for key in wanted.keys() | found.keys():
        tree = found.get(key, {})
        if _SEPARATOR not in key:
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


def _ids(tree: Mapping[str, Any], account: Account) -> dict[str, dict[str, str]]:
    """Return the ids that an account must remember; of copies whichever was read first counts, so its row may choose.

    All was received within fourteen days: neither the limits of recipients nor those of accounts make it forget any.
    """
    parts = {"memory": account.remembered, "undated": account.undated}
    return {name: _memory(tree.get(name, {}), ids) for name, ids in parts.items() if ids}


def _memory(found: Mapping[str, str], ids: Mapping[str, Sequence[Micros]]) -> dict[str, str]:
    def is_found(event_id: str, at: Micros) -> bool:
        return all(mark in found.get(day, "") for day, mark in remembered({event_id: at}).items())

    chosen = {}
    for event_id, receipts in ids.items():
        chosen[event_id] = next((at for at in receipts if is_found(event_id, at)), receipts[0])
    return remembered(chosen)
