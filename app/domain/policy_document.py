"""The shape of a policy file, and where in its text a key stands.

What each key means stands in ``policy.default.toml``, which also holds every default.
"""

import re
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from app.vocabulary import Channel, Permanence, Reason

Place = tuple[str | int, ...]
"""A key's path in the document, such as ``("rule", 2, "failures")``."""

_LONGEST_DAYS = 3650
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.\" -]+?)\s*\]")
_KEY = re.compile(r"\s*([\w.\"-]+)\s*=")


class Section(BaseModel):
    """Base of every table of the file: unknown keys are errors, numbers are not guessed from text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class MemoryLimits(Section):
    """How long event ids are remembered."""

    days_at_least: int = Field(ge=1, le=400)
    ids_at_least: int = Field(ge=1)
    ids_at_most: int = Field(le=65_536)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ids_at_most < self.ids_at_least:
            raise ValueError("ids_at_most: expected at least ids_at_least")
        return self


class RecipientMemory(MemoryLimits):
    """The same of recipients, and how long those are remembered of whom there is nothing but good news."""

    good_news_days: int = Field(ge=1, le=3650)

    @model_validator(mode="after")
    def _longer_than_ids(self) -> Self:
        if self.good_news_days <= self.days_at_least:
            raise ValueError("good_news_days: expected more than days_at_least")
        return self


class ClockLimits(Section):
    """How far a provider's clock is believed."""

    ahead_minutes: int = Field(ge=0, le=1440)
    late_days: int = Field(ge=1)
    broken_days: int = Field(ge=1)


class Guard(Section):
    """What does not count while a provider is degraded."""

    while_degraded: Literal["transient", "all"]


class CreditLimits(MemoryLimits):
    """How long reservations and finished messages are kept, and ids of commands."""

    stale_hours: int = Field(ge=1)
    forget_days: int = Field(ge=1)


class AlertLimits(Section):
    """When a person is told."""

    window_minutes: int = Field(ge=5, le=180)
    least_reports: int = Field(ge=1)
    failure_percent: int = Field(ge=1, le=100)
    clear_percent: int = Field(ge=0, le=100)
    quiet_minutes: int = Field(ge=1)
    low_credit_percent: int = Field(ge=0, le=100)
    low_credit_micros: int = Field(ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.clear_percent > self.failure_percent:
            raise ValueError("clear_percent: expected at most failure_percent")
        return self


class DryRun(Section):
    """Tenants for whom failures suppress nobody."""

    tenants: tuple[str, ...] = Field(strict=False)


def _days(value: object) -> object:
    # one message instead of one for each type of the union; bool is an int to Python
    if value == "unlimited" or (type(value) is int and 1 <= value <= _LONGEST_DAYS):
        return value
    raise ValueError(f'expected 1 to {_LONGEST_DAYS}, or "unlimited"')


class RuleEntry(Section):
    """One ``[[rule]]``: what it matches, and the keys it sets."""

    tenant: str | None = Field(None, min_length=1)
    channel: Annotated[Channel, Field(strict=False)] | None = None
    reason: Annotated[Reason, Field(strict=False)] | None = None
    permanence: Annotated[Permanence, Field(strict=False)] | None = None
    suppress: bool | None = None
    failures: int | None = Field(None, ge=1, le=16)
    within_days: int | None = Field(None, ge=1, le=365)
    distinct_days: int | None = Field(None, ge=1, le=16)
    suppress_days: Annotated[int | Literal["unlimited"] | None, PlainValidator(_days)] = None
    growth: int | None = Field(None, ge=1, le=10)
    longest_days: int | None = Field(None, ge=1, le=_LONGEST_DAYS)

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if self.permanence is Permanence.UNDETERMINED:
            raise ValueError("UNDETERMINED failures never suppress, expected PERMANENT or TRANSIENT")
        if self.reason is Reason.RECIPIENT_SUPPRESSED:
            raise ValueError("recipient_suppressed is an echo of a suppression and takes no rule")
        if self.reason is Reason.RECIPIENT_OPTED_OUT and set(self.keys()) - {"suppress"}:
            raise ValueError("recipient_opted_out counts at once and has no end, expected no key but suppress")
        return self

    def keys(self) -> dict[str, object]:
        """Return the keys that this rule sets."""
        return self.model_dump(exclude={"tenant", "channel", "reason", "permanence"}, exclude_none=True)


class PolicyDocument(Section):
    """A whole policy: the built-in one with a file of somebody's own on top."""

    memory: RecipientMemory
    clock: ClockLimits
    guard: Guard
    rule: tuple[RuleEntry, ...] = Field(strict=False)
    dry_run: DryRun
    credit: CreditLimits
    alerts: AlertLimits

    @field_validator("clock")
    @classmethod
    def _believed_while_remembered(cls, clock: ClockLimits, info: ValidationInfo) -> ClockLimits:
        memory = info.data.get("memory")
        if memory is not None and clock.late_days >= memory.good_news_days:
            raise ValueError("late_days: expected less than memory.good_news_days")
        return clock


def lines_of_keys(text: str) -> dict[Place, int]:
    """Return the line of each table and key of a TOML text; keys inside inline tables are not told apart."""
    lines: dict[Place, int] = {}
    table: Place = ()
    repeated: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _path(header[2])
            if header[1] == "[[":
                index = repeated[header[2]] = repeated.get(header[2], -1) + 1
                table = (*table, index)
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_path(key[1])), number)
    return lines


def _path(dotted: str) -> Place:
    return tuple(part.strip().strip('"') for part in dotted.split("."))
