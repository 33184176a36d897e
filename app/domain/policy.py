"""The policy: who is suppressed, after what, for how long; and the limits of memory, credit and alerts.

It is data: ``policy.default.toml`` beside this module, with a file of somebody's own on top.
"""

import re
import tomllib
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, cast

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.domain.clock import DAY
from app.domain.policy_document import Place, PolicyDocument, RuleEntry, lines_of_keys
from app.errors import SettingsError
from app.vocabulary import Reason

REVISION = 1
"""Raise it when the code judges differently by the same policy."""

_MOST_FOUND = 10_000
"""Composed rules that are kept: tenants and reasons are anybody's words."""

_SELECTORS = ("tenant", "channel", "reason", "permanence")


class Rule(NamedTuple):
    """What the policy says about one kind of failure."""

    suppress: bool
    failures: int
    within: int
    """Microseconds."""
    distinct_days: int
    days: int | None
    """None: without end."""
    growth: int
    longest_days: int

    def until(self, since: int, tier: int) -> int | None:
        """Return the end of a suppression that is the ``tier``-th of its kind, counted from 1."""
        if self.days is None:
            return None
        days: int = min(self.days * self.growth ** min(tier - 1, 12), max(self.longest_days, self.days))
        return since + days * DAY


class Policy:
    """A policy that has been checked."""

    def __init__(self, document: PolicyDocument) -> None:
        self.memory = document.memory
        self.clock = document.clock
        self.guard = document.guard
        self.credit = document.credit
        self.alerts = document.alerts
        self.version = f"{REVISION}.{sha256(_canonical(document)).hexdigest()[:12]}"
        self._rules = document.rule
        self._dry = frozenset(document.dry_run.tenants)
        self._found: dict[tuple[str, str, str, str], Rule] = {}

    def for_(self, tenant: str, channel: str, reason: str, permanence: str) -> Rule:
        """Return the rule for a recipient's failure."""
        wanted = (tenant, channel, reason, permanence)
        rule = self._found.get(wanted)
        if rule is None:
            if len(self._found) >= _MOST_FOUND:
                self._found.clear()
            rule = self._found[wanted] = self._compose(wanted)
        return rule

    def is_dry_run(self, tenant: str) -> bool:
        """Tell whether failures suppress nobody of this tenant."""
        return bool(self._dry) and (tenant in self._dry or "*" in self._dry)

    def _compose(self, wanted: tuple[str, str, str, str]) -> Rule:
        keys: dict[str, Any] = {"suppress": True}
        for entry in self._rules:
            named = [getattr(entry, selector) for selector in _SELECTORS]
            if all(name is None or name == want for name, want in zip(named, wanted, strict=True)):
                keys |= _own_keys(entry, wanted[2])
        days = keys["suppress_days"]
        return Rule(
            suppress=keys["suppress"],
            failures=keys["failures"],
            within=keys["within_days"] * DAY,
            distinct_days=keys["distinct_days"],
            days=None if days == "unlimited" else days,
            growth=keys["growth"],
            longest_days=keys["longest_days"],
        )


def load_policy(path: Path | None) -> Policy:
    """Read a policy file, or with None the built-in policy alone.

    Raises SettingsError; the text names file, line and key.
    """
    if path is None:
        return parse_policy("", "policy")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path.name}: {error.strerror or 'cannot be read'}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path.name}: expected TOML in UTF-8") from error
    return parse_policy(text, path.name)


def parse_policy(text: str, name: str) -> Policy:
    """Check a policy text on top of the built-in one; ``name`` is what its errors call it.

    Raises SettingsError with one line for each thing that is wrong.
    """
    base = tomllib.loads(_built_in())
    try:
        own = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        where = f":{place[1]}:{place[2]}" if place else ""
        raise SettingsError(f"{name}{where}: expected TOML, {str(error).partition(' (at')[0]}") from error
    own_rules = own.get("rule", [])
    if not isinstance(own_rules, list):
        raise SettingsError(f"{name}:{lines_of_keys(text).get(('rule',), 1)}: rule: expected [[rule]] tables")
    try:
        document = PolicyDocument.model_validate(_merged(base, own) | {"rule": base["rule"] + own_rules})
    except ValidationError as error:
        lines = lines_of_keys(text)
        problems = [_problem(each, name, lines, len(base["rule"])) for each in error.errors(include_input=False)]
    else:
        return Policy(document)
    raise SettingsError("\n".join(problems))


def _built_in() -> str:
    return resources.files(__package__).joinpath("policy.default.toml").read_text("utf-8")


def _canonical(document: PolicyDocument) -> bytes:
    return orjson.dumps(document.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)


def _own_keys(entry: RuleEntry, reason: str) -> dict[str, object]:
    keys = entry.keys()
    # a rule about failures in general must not silence an opt-out: only one that names it may
    if reason == Reason.RECIPIENT_OPTED_OUT and entry.reason is None:
        keys.pop("suppress", None)
    return keys


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = below.keys() & above.keys()
    tables = {key: _merged(below[key], above[key]) for key in both if _is_table(below[key]) and _is_table(above[key])}
    return below | above | tables


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _problem(error: ErrorDetails, name: str, lines: dict[Place, int], built_in_rules: int) -> str:
    place: Place = error["loc"]
    text = error["msg"].removeprefix("Value error, ")
    if error["type"] == "model_type":
        text = "expected a table"
    elif error["type"] == "enum" and place[-1] == "reason":
        text = "expected a word of the vocabulary of reasons"
    if place[:1] == ("rule",) and len(place) > 1:
        place = ("rule", cast("int", place[1]) - built_in_rules, *place[2:])
    known = [place[:length] for length in range(len(place), 0, -1) if place[:length] in lines]
    where = f"{name}:{lines[known[0]]}" if known else name
    key = ".".join(str(part) for part in place if not isinstance(part, int))
    return f"{where}: {key}: {text}"
