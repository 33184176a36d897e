"""What the rows of the alert agent must be, as far as they follow from what was counted and from final figures.

Which alerts were raised and cleared on the way depends on the order in which things were heard of: the rows say what is
raised in the end.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tests.chaos.oracle_credit import Account, account_tree
from tests.chaos.oracle_recipients import MINUTE, StatsKey
from tests.chaos.webhooks import Micros

_WINDOW = 30
"""Minutes, in the built-in policy."""
_LOW_PERCENT = 10
_OUR_FAULTS = frozenset(
    {
        "insufficient_funds",
        "invalid_request",
        "quota_exceeded",
        "sender_account_restricted",
        "sender_authentication",
        "sender_credentials",
        "sender_not_registered",
        "sender_reputation",
        "template_error",
    }
)
"""Reasons of which a person is told at the first report."""
_UNLISTED = {("teekrr", "sms", "unknown"): "", ("teekrr", "whatsapp", "unknown"): "meta:131199"}
"""Failures of the catalogue that no table lists: their codes by provider, channel and reason."""


def rate_trees(stats: Mapping[StatsKey, int]) -> dict[str, dict[str, Any]]:
    """Return the row of each provider on a channel: failures by attribution, and deliveries, of the last half hour."""
    trees: dict[str, dict[str, Any]] = {}
    by_route: defaultdict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for key, count in stats.items():
        tree = trees.setdefault(_route(key), {"minutes": {}, "newest": 0, "outages": []})
        if key.outcome in {"failed", "delivered"}:
            minute = key.minute // MINUTE
            tree["newest"] = max(tree["newest"], minute)
            what = key.attribution if key.outcome == "failed" else key.outcome
            by_route[_route(key)].append((minute, what, count))
    for route, counts in by_route.items():
        window = trees[route]["minutes"]
        for minute, what, count in counts:
            if minute > trees[route]["newest"] - _WINDOW:
                place = window.setdefault(str(minute), {})
                place[what] = place.get(what, 0) + count
    return trees


def raised(stats: Mapping[StatsKey, int]) -> dict[str, dict[str, set[str]]]:
    """Return faults on our side and unlisted codes of each provider on a channel."""
    found: dict[str, dict[str, set[str]]] = {}
    for key in stats:
        told = found.setdefault(_route(key), {"faults": set(), "unlisted": set()})
        if key.reason in _OUR_FAULTS and key.attribution != "RECIPIENT":
            told["faults"].add(key.reason)
        code = _UNLISTED.get((key.provider, key.channel, key.reason))
        if code is not None:
            told["unlisted"].add(code)
    return found


def watch_tree(account: Account, currency: str, now: Micros) -> dict[str, Any]:
    """Return what the row of an account says of its final figures."""
    money = account_tree(account, currency, now)
    low = money["granted"] > 0 and money["available"] < money["granted"] * _LOW_PERCENT // 100
    return {"tenant": account.tenant, "low": low, "broken": False}


def _route(key: StatsKey) -> str:
    return f"{key.tenant}/{key.provider}/{key.channel}"
