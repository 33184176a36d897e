"""Reads the tables of codes and rules, and refuses broken ones with file and line.

A table is CSV with the columns of ``COLUMNS``. The code is the key; ``title`` is a name, or the regular expression of a
row that also looks at the text. ``retriable`` informs people and decides nothing.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

from app.errors import TableOfCodesError
from app.vocabulary import Attribution, Permanence, Reason

CODE_REVISION = 2
"""Raise it when the code judges differently with the same tables."""

LONGEST_TEXT = 4096
"""Characters of a text that are looked at; the reason stands in front, what follows is quoted mail."""

COLUMNS = ("code", "title", "meaning", "scope", "permanence", "retriable", "category", "source")

SCOPES = {
    "recipient": Attribution.RECIPIENT,
    "sender": Attribution.SENDER,
    "content": Attribution.CONTENT,
    "carrier": Attribution.CARRIER,
    "platform": Attribution.PROVIDER,
    "unknown": Attribution.UNKNOWN,
}
PERMANENCES = {
    "permanent": Permanence.PERMANENT,
    "transient": Permanence.TRANSIENT,
    "unknown": Permanence.UNDETERMINED,
}
RETRIABLE = frozenset({"yes", "no", "unknown"})

ABOUT_THE_RECIPIENT = frozenset(
    {
        Reason.INVALID_RECIPIENT,
        Reason.RECIPIENT_NOT_ON_CHANNEL,
        Reason.RECIPIENT_DISABLED,
        Reason.RECIPIENT_OPTED_OUT,
        Reason.RECIPIENT_SUPPRESSED,
        Reason.RECIPIENT_RESTRICTED,
        Reason.MAILBOX_FULL,
        Reason.REGULATORY_BLOCKED,
        Reason.ROUTING_ERROR,
    }
)
"""Reasons that may be a recipient's permanent state; any other row of that kind would suppress by mistake."""

_SPAN = re.compile(r"(?P<prefix>[\d.]*?)(?P<low>\d+)-(?P<high>\d+)")
_WIDEST_SPAN = 100_000


class Row(NamedTuple):
    """One row of a table."""

    table: str
    line: int
    namespace: str
    code: str
    title: str
    meaning: str
    reason: Reason
    attribution: Attribution
    permanence: Permanence
    name: str
    """The row as people look it up: table and code as written."""


class Source(NamedTuple):
    """Which file a table is, and where the namespace of its codes comes from."""

    table: str
    namespace: str
    """Of codes that do not name their own."""
    prefixed: bool
    """Whether the part of a code before its first colon is the namespace."""


def broken(table: str, line: int, what: str) -> TableOfCodesError:
    """The error for a broken row; the text starts with file and line."""
    return TableOfCodesError(f"{table}.csv:{line}: {what}")


def read_text(table: str) -> str:
    """The content of a data file."""
    return resources.files(__package__).joinpath("data", f"{table}.csv").read_text("utf-8")


def parse_table(source: Source, text: str) -> list[Row]:
    """Every row of a table, checked; raises TableOfCodesError for the first broken one."""
    rows: list[Row] = []
    seen: set[tuple[str, str]] = set()
    for line, fields in csv_rows(source.table, text, COLUMNS):
        row = _row(source, line, fields)
        key = (row.namespace, row.code.casefold())
        if key in seen:
            raise broken(source.table, line, f"code {row.code} stands here twice")
        seen.add(key)
        rows.append(row)
    return rows


def csv_rows(table: str, text: str, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and fields of each row of a CSV text with exactly these columns."""
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        if tuple(next(reader, ())) != columns:
            raise broken(table, 1, f"the columns must be {', '.join(columns)}")
        for values in reader:
            if len(values) != len(columns):
                raise broken(table, reader.line_num, f"{len(values)} fields instead of {len(columns)}")
            yield reader.line_num, dict(zip(columns, values, strict=True))
    except csv.Error as error:
        raise broken(table, reader.line_num, str(error)) from error


def _row(source: Source, line: int, fields: dict[str, str]) -> Row:
    namespace, code = source.namespace, fields["code"]
    if source.prefixed and ":" in code:
        namespace, _, code = code.partition(":")
    if not code or not namespace:
        raise broken(source.table, line, "the code or its namespace is missing")
    if fields["retriable"] not in RETRIABLE:
        raise broken(source.table, line, f"retriable is {fields['retriable']!r}, expected one of {sorted(RETRIABLE)}")
    try:
        reason = Reason(fields["category"])
        attribution, permanence = SCOPES[fields["scope"]], PERMANENCES[fields["permanence"]]
    except (ValueError, KeyError) as error:
        raise broken(source.table, line, f"unknown word: {error}") from error
    lasting = attribution is Attribution.RECIPIENT and permanence is Permanence.PERMANENT
    if lasting and reason not in ABOUT_THE_RECIPIENT:
        raise broken(source.table, line, f"{reason} is no permanent state of a recipient")
    name = f"{source.table}:{fields['code']}"
    title, meaning = fields["title"], fields["meaning"]
    return Row(source.table, line, namespace, code, title, meaning, reason, attribution, permanence, name)


def expand(row: Row) -> list[str]:
    """The codes that a row stands for: itself, or every number of a range such as ``200-299`` or ``5.7.606-649``."""
    span = _SPAN.fullmatch(row.code)
    if span is None:
        return [row.code]
    low, high = int(span["low"]), int(span["high"])
    if not low < high <= low + _WIDEST_SPAN:
        raise broken(row.table, row.line, f"the range {row.code} is empty or too wide")
    return [f"{span['prefix']}{number}" for number in range(low, high + 1)]


def mapping_version(tables: list[str]) -> str:
    """Changes with every change of a table or of ``CODE_REVISION``, and with nothing else."""
    digest = hashlib.sha256()
    for table in sorted(tables):
        digest.update(f"{table}\n{read_text(table)}".replace("\r\n", "\n").encode())
    return f"{CODE_REVISION}.{digest.hexdigest()[:12]}"
