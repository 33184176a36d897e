"""What comes out of the product, in figures that can be compared."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_MOST_LISTED = 3


class Suppressed(NamedTuple):
    """An address that is not to be messaged on a channel."""

    tenant: str
    recipient: str
    channel: str
    reason: str


class Balance(NamedTuple):
    """An account's credit, in millionths of its currency's unit."""

    currency: str
    granted_micros: int
    available_micros: int
    reserved_micros: int
    spent_micros: int


class Raised(NamedTuple):
    """An alert that is raised and not cleared."""

    kind: str
    tenant: str
    provider: str
    channel: str
    account: str
    reason: str


class Figures(NamedTuple):
    """The figures of a load: expected by who made it, or read from the topics."""

    raw: int
    """Webhooks stored."""
    failed: Counter[tuple[str, str]]
    """Failures by provider and reason, each event id once."""
    unaddressed: int
    """Failures among them without a recipient."""
    confirmed: Counter[tuple[str, str]]
    """Confirmations by provider and kind, each event id once."""
    dead_letters: int
    recipients: frozenset[str]
    """Keys of the recipients' rows."""
    suppressions: frozenset[Suppressed]
    credit: Mapping[str, Balance]
    """By account."""
    alerts: frozenset[Raised]


def differences(expected: Figures, found: Figures) -> list[str]:
    """Return a line for each figure that is not as expected."""
    lines: list[str] = []
    wanted, actual = expected._asdict(), found._asdict()
    for name, want in wanted.items():
        got = actual[name]
        if isinstance(want, frozenset):
            lines += _listed(f"{name}: missing", sorted(want - got))
            lines += _listed(f"{name}: unexpected", sorted(got - want))
        elif isinstance(want, Mapping):
            keys = sorted(want.keys() | got.keys())
            lines += [
                f"{name} {_shown(key)}: {got.get(key, 'nothing')}, expected {want.get(key, 'nothing')}"
                for key in keys
                if want.get(key) != got.get(key)
            ]
        elif want != got:
            lines.append(f"{name}: {got}, expected {want}")
    return lines


def as_json(figures: Figures) -> dict[str, Any]:
    """Return the figures for `--json`: nothing in them depends on when or in which order things happened."""
    return {
        "raw": figures.raw,
        "failed": sum(figures.failed.values()),
        "confirmed": sum(figures.confirmed.values()),
        "dead_letters": figures.dead_letters,
        "recipients": len(figures.recipients),
        "suppressions": [each._asdict() for each in sorted(figures.suppressions)],
        "credit": [{"account": name, **figures.credit[name]._asdict()} for name in sorted(figures.credit)],
        "alerts": [each._asdict() for each in sorted(figures.alerts)],
    }


def _listed(what: str, entries: list[Any]) -> list[str]:
    more = [f"{what} {len(entries) - _MOST_LISTED} more"] if len(entries) > _MOST_LISTED else []
    return [f"{what} {_shown(each)}" for each in entries[:_MOST_LISTED]] + more


def _shown(value: object) -> str:
    return (
        " ".join(map(str, filter(None, value)))
        if isinstance(value, Iterable) and not isinstance(value, str)
        else str(value)
    )
