"""The rows of the table ``recipients``, in the layout that is documented, made of what the oracle counted."""

from typing import Any

from tests.chaos.oracle_memory import remembered
from tests.chaos.oracle_recipients import Judged, Recipient, RecipientOracle, Side, judged
from tests.chaos.oracle_rules import DAY, FOREVER, Standing
from tests.chaos.webhooks import Micros

_UNADDRESSED_FOR = 15 * DAY
_GOOD_NEWS = {"confirmed", "last_success"}
_GOOD_NEWS_FOR_DAYS = 45
TOLD = "told"
"""What a channel counts of its announcements.

No oracle knows it, and two versions may differ in it, and in nothing else: how often a judgement changes on the way
depends on the order in which events arrive. That each is one more than the one before it, and that the last is what the
row says, is seen from the announcements: :mod:`tests.chaos.checking_states`.
"""


def row_trees(oracle: RecipientOracle, now: Micros) -> dict[str, dict[str, Any]]:
    """Return all rows by their keys, without what they count of announcements.

    A report without a recipient has a row of its own for fifteen days; one of good news alone is kept for forty-five.
    """
    trees = {f"{tenant}/{recipient}": _row(tenant, row, now) for (tenant, recipient), row in oracle.rows.items()}
    trees = {key: tree for key, tree in trees.items() if not _is_forgotten(tree, now)}
    for (tenant, event_id), at in oracle.unaddressed.items():
        if at + _UNADDRESSED_FOR > now:
            trees[f"~{tenant}/{event_id}"] = {"at": at}
    return trees


def _row(tenant: str, row: Recipient, now: Micros) -> dict[str, Any]:
    tree: dict[str, Any] = {"events": row.events, "memory": remembered(row.ids), "channels": {}}
    if row.dates:
        tree["dates"] = dict(row.dates)
    for channel, side in row.sides.items():
        tree["channels"][channel] = _side(side, judged(tenant, channel, side, now))
    if all(side.keys() <= _GOOD_NEWS for side in tree["channels"].values()):
        tree["heard"] = row.heard // DAY
    return tree


def _is_forgotten(tree: dict[str, Any], now: Micros) -> bool:
    return "heard" in tree and (tree["heard"] + 1 + _GOOD_NEWS_FOR_DAYS) * DAY <= now


def _side(side: Side, found: Judged) -> dict[str, Any]:
    history = side.history()
    failed: dict[str, dict[str, int]] = {}
    for (attribution, reason), count in side.failed.items():
        failed.setdefault(attribution, {})[reason] = count
    request = history.request
    parts = {
        "failed": failed,
        "confirmed": dict(side.confirmed),
        "requested": dict(side.requested),
        "last_failure": list(side.last_failure or ()),
        "last_success": side.last_success,
        "permanent": [list(fact[:3]) for fact in history.permanent],
        "transient": [list(fact[:3]) for fact in history.transient],
        "opt_outs": [list(fact) for fact in history.opt_outs],
        "consent": list(history.consent[:2]) if history.consent else None,
        "request": [*request, history.request_until] if request else None,
        "lifts": [[fact.at, fact.event_id, fact.by] for fact in history.lifts],
        "suppression": _suppression(found.real),
        "trial": _suppression(found.trial),
    }
    return {name: part for name, part in parts.items() if part}


def _suppression(suppressed: Standing | None) -> dict[str, Any] | None:
    return suppressed and {
        "reason": suppressed.reason,
        "since": suppressed.since,
        "until": None if suppressed.until == FOREVER else suppressed.until,
        "tier": suppressed.tier,
        "cause": suppressed.cause,
        "evidence": list(suppressed.evidence),
        "by": suppressed.by,
    }


def without_told(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a stored row as the oracle's are."""
    channels = tree.get("channels", {}).items()
    left = {name: {part: each for part, each in side.items() if part != TOLD} for name, side in channels}
    return {**tree, "channels": left} if left else tree
