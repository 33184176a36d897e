"""Compares the rows of the alert agent, and the alerts that are raised in the end, with the oracle."""

from collections.abc import Mapping
from typing import Any

import orjson

from tests.chaos.findings import Findings
from tests.chaos.oracle_credit import Account
from tests.chaos.oracle_rates import raised, rate_trees, watch_tree
from tests.chaos.oracle_recipients import StatsKey
from tests.chaos.webhooks import Micros

Rows = Mapping[bytes, bytes]

_QUIET = 60 * 60_000_000
"""An alert about a fault or a code is cleared after so long."""


def check_rates(rows: Rows, stats: Mapping[StatsKey, int], findings: Findings) -> None:
    """Compare the counts of the newest half hour of each provider on a channel."""
    wanted = rate_trees(stats)
    found = {key.decode(): counted(row) for key, row in rows.items()}
    for key in wanted.keys() | found.keys():
        findings.compare_row("rates", key, found.get(key), wanted.get(key))


def check_raised(rows: Rows, stats: Mapping[StatsKey, int], since: Micros, now: Micros, findings: Findings) -> None:
    """Compare which faults and codes are told; the load began at ``since``: in a long run some are quiet by now."""
    wanted = raised(stats)
    for key, row in rows.items():
        tree = orjson.loads(row)
        for kind, expected in wanted.get(key.decode(), {}).items():
            told = set(tree[kind])
            findings.expect(f"{kind} of", key.decode(), told - expected, set())
            if now < since + _QUIET:
                findings.expect(f"{kind} of", key.decode(), expected - told, set())


def check_watches(rows: Rows, accounts: Mapping[str, Account], currency: str, now: Micros, findings: Findings) -> None:
    """Compare what is said of each account's final figures."""
    wanted = {name: watch_tree(account, currency, now) for name, account in accounts.items()}
    found = {key.decode(): watched(row) for key, row in rows.items()}
    for key in wanted.keys() | found.keys():
        findings.compare_row("watch", key, found.get(key), wanted.get(key))


def counted(row: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return of a row of rates what is a function of the set of counted events."""
    tree = orjson.loads(row)
    return {name: tree[name] for name in ("minutes", "newest", "outages")}


def watched(row: bytes) -> Any:  # noqa: ANN401 - JSON
    """Return of a row of watches what follows from the final figures."""
    tree = orjson.loads(row)
    return {"tenant": tree["tenant"], "low": "low" in tree, "broken": "broken" in tree}
