"""Reads an operator's overlay, and refuses a broken one with file and line.

An overlay is CSV with the columns of ``OVERLAY_COLUMNS``. ``tenant`` is a tenant or ``*`` for all. ``kind`` says what
``match`` is: a ``code`` (``elfo:42``), the name of a ``row`` of the tables (``email_rules:relay``), or, with a channel
for its kind, a phrase as in ``app.classify.phrases``, for which ``codes`` may name SMTP codes or classes.
"""

import hashlib
import re
from pathlib import Path

from app.classify.codes import FAMILIES, INDEX, ROWS, spellings
from app.classify.diagnostics import RULES
from app.classify.overlay import ALL_TENANTS, NO_OVERLAY, Overlay, Rows, Wording
from app.classify.phrases import parse_phrase, phrase_of, required_places
from app.classify.sms import RULES as SMS_RULES
from app.classify.tables import ABOUT_THE_RECIPIENT, Row, broken, csv_rows, parse_table, read_text
from app.errors import TableOfCodesError
from app.raw_records import TENANT_PATTERN
from app.vocabulary import Attribution, Channel, Permanence, Reason

OVERLAY_COLUMNS = ("tenant", "kind", "match", "codes", "reason", "attribution", "permanence", "note")

_TENANT = re.compile(TENANT_PATTERN)
_CODES = re.compile(r"(?:[245](?:\d\d|\.\d{1,3}\.\d{1,3})?(?: |$))*")
_CHANNELS = frozenset(Channel)
_KINDS = ("code", "row", *Channel)
_DECIDED = (Attribution.RECIPIENT, Permanence.PERMANENT)


def load_overlay(path: Path | None) -> Overlay:
    """Read and check an overlay; without a path there is none.

    Raises TableOfCodesError, which names the file and, where it could be read, the line.
    """
    if path is None:
        return NO_OVERLAY
    name = path.name.removesuffix(".csv")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TableOfCodesError(f"{path}: {error.strerror or 'cannot be read'}") from error
    try:
        # spreadsheets put a byte order mark in front
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise broken(name, error.object.count(b"\n", 0, error.start) + 1, "expected UTF-8") from error
    return parse_overlay(name, text)


def parse_overlay(name: str, text: str) -> Overlay:
    """Check an overlay; ``name`` is that of its file without ``.csv``.

    Raises TableOfCodesError, which names file and line.
    """
    known = _names_of_rows()
    tenants: dict[str, Rows] = {}
    seen: set[tuple[str, ...]] = set()
    for line, fields in csv_rows(name, text, OVERLAY_COLUMNS):
        tenant = fields["tenant"]
        if tenant != ALL_TENANTS and not _TENANT.fullmatch(tenant):
            raise broken(name, line, f"tenant: expected the name of one, or {ALL_TENANTS} for all")
        row = _row(name, line, fields)
        key = (tenant, row.namespace, row.code.casefold(), fields["codes"])
        if key in seen:
            raise broken(name, line, "match: stands here twice for this tenant")
        seen.add(key)
        _add(tenants.setdefault(tenant, Rows({}, {}, {})), row, fields["codes"].strip(), known)
    digest = hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()
    return Overlay(f"+{digest[:8]}", tenants)


def _names_of_rows() -> frozenset[str]:
    others = [row for each in (FAMILIES, RULES, SMS_RULES) for row in parse_table(each, read_text(each.table))]
    return frozenset(row.name for row in (*ROWS, *others))


def _row(name: str, line: int, fields: dict[str, str]) -> Row:
    kind, match, note = fields["kind"], fields["match"].strip(), fields["note"]
    if kind not in _KINDS:
        raise broken(name, line, f"kind: expected one of {', '.join(_KINDS)}")
    try:
        reason = Reason(fields["reason"])
        attribution = Attribution(fields["attribution"].upper())
        permanence = Permanence(fields["permanence"].upper())
    except ValueError as error:
        raise broken(name, line, f"unknown word: {error}") from error
    if (attribution, permanence) == _DECIDED and reason not in ABOUT_THE_RECIPIENT:
        raise broken(name, line, f"reason: {reason} is no permanent state of a recipient")
    return Row(name, line, kind, match, note, note, reason, attribution, permanence, f"{name}:{line}")


def _add(rows: Rows, row: Row, codes: str, known: frozenset[str]) -> None:
    if row.namespace in _CHANNELS:
        rows.wordings.setdefault(row.namespace, []).append(_wording(row, codes))
        return
    if codes:
        raise broken(row.table, row.line, "codes: only a phrase can ask for codes")
    if row.namespace == "code":
        spelt = dict.fromkeys(_spelt(row), row)
        if spelt.keys() & rows.codes.keys():
            raise broken(row.table, row.line, "match: stands here twice for this tenant, spelt in two ways")
        rows.codes.update(spelt)
    elif row.code in known:
        rows.rows[row.code] = row
    else:
        raise broken(row.table, row.line, f"match: no table has a row {row.code!r}")


def _wording(row: Row, codes: str) -> Wording:
    if not required_places(parse_phrase(row.code)):
        raise broken(row.table, row.line, f"match: the phrase {row.code!r} is malformed or needs no word")
    if not _CODES.fullmatch(codes):
        raise broken(row.table, row.line, "codes: expected SMTP codes or classes such as 5 550 5.2.1")
    return Wording(phrase_of(row.line, row.code, row.line, row, codes), row)


def _spelt(row: Row) -> list[str]:
    namespace, _, code = row.code.partition(":")
    namespace, code = namespace.strip().casefold(), code.strip().casefold()
    if namespace not in INDEX or not code:
        raise broken(row.table, row.line, "match: expected a known namespace and a code, such as elfo:42")
    return [f"{namespace}:{spelling}" for spelling in spellings(namespace, code)]
