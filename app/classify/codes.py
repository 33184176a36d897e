"""Judges provider codes by their tables; every code lives in the namespace of the provider that defined it."""

import re
from typing import NamedTuple

from app.classify.tables import LONGEST_TEXT, Row, Source, broken, expand, parse_table, read_text
from app.classify.verdict import Verdict, unmapped
from app.vocabulary import Confidence, Permanence, Reason

SOURCES = (
    Source("meta_whatsapp", "meta", prefixed=False),
    Source("prelude", "prelude", prefixed=False),
    Source("ses_bounce", "ses_bounce", prefixed=False),
    Source("ses_errors", "ses", prefixed=False),
    Source("smtp_enhanced", "smtp", prefixed=True),
    Source("sms_dlr", "", prefixed=True),
    Source("treble", "treble", prefixed=False),
)
FAMILIES = Source("families", "", prefixed=True)
"""Ranges of numbers that a provider gives out together, for codes that no table lists yet."""

GENERAL_WORDS = frozenset({"basic", "ses_bounce", "smpp", "vonage_status", "webex_interact"})
"""Namespaces whose codes are states or classes: the provider's general word, not a cause."""

LONGEST_CODE = 64

_HEXADECIMAL = re.compile(r"0x[0-9a-f]{1,8}")
_META_NUMBER = re.compile(r"\(?#?(\d{1,9})\)?(?:\.0)?")
_EXCEPTION = "exception"


class Family(NamedTuple):
    """A span of numbers and what an unlisted one of them most likely means."""

    low: int
    high: int
    row: Row


def verdict_of(row: Row, code: str, confidence: Confidence) -> Verdict:
    """The verdict that a row stands for; an SMTP code of class 4 is transient whatever the row says."""
    permanence = row.permanence
    if row.namespace == "smtp" and row.code.startswith("4"):
        permanence = Permanence.TRANSIENT
    return Verdict(row.reason, row.attribution, permanence, confidence, code, decided_by=row.name)


def _confidence(row: Row) -> Confidence:
    if row.namespace == "text":
        return Confidence.TEXT
    if row.code == "*" and row.reason is Reason.UNKNOWN:
        return Confidence.UNMAPPED
    return Confidence.PROVIDER if row.namespace in GENERAL_WORDS or "*" in row.code else Confidence.CODE


def _load_rows() -> list[Row]:
    return [row for source in SOURCES for row in parse_table(source, read_text(source.table))]


def build_index(rows: list[Row]) -> dict[str, dict[str, Verdict]]:
    """Verdict by namespace and lower-case code; a row of its own wins over a range that holds it."""
    index: dict[str, dict[str, Verdict]] = {}
    for row in sorted(rows, key=lambda row: len(expand(row)), reverse=True):
        codes = index.setdefault(row.namespace, {})
        for code in expand(row):
            known = codes.get(code.casefold())
            if known is not None and len(expand(row)) > 1:
                raise broken(row.table, row.line, f"{code} lies in two ranges")
            codes[code.casefold()] = verdict_of(row, _shown(row.namespace, code), _confidence(row))
    return index


def _shown(namespace: str, code: str) -> str:
    if namespace == "ses":
        base, _, text = code.partition(":")
        return f"smtp:{text[:3]}" if base == "smtp" else f"ses:{base}"
    return f"{'smtp' if namespace == 'basic' else namespace}:{code}"


def build_families(rows: list[Row]) -> dict[str, list[Family]]:
    """Families by namespace; one that could suppress a recipient is refused."""
    families: dict[str, list[Family]] = {}
    for row in rows:
        numbers = expand(row)
        if verdict_of(row, "", Confidence.PROVIDER).suppresses:
            raise broken(row.table, row.line, "a family must not suppress")
        if not numbers[0].isdecimal():
            raise broken(row.table, row.line, f"{row.code} is no range of numbers")
        families.setdefault(row.namespace, []).append(Family(int(numbers[0]), int(numbers[-1]), row))
    return families


ROWS = tuple(_load_rows())
INDEX = build_index(list(ROWS))
FAMILY_SPANS = build_families(parse_table(FAMILIES, read_text(FAMILIES.table)))
SES_TEXTS = [
    (base.casefold(), text.rstrip(".").casefold(), INDEX["ses"][row.code.casefold()])
    for row in ROWS
    if row.namespace == "ses"
    for base, colon, text in [row.code.partition(":")]
    if colon
]
"""SES errors whose text decides: code, text, verdict."""


def classify_code(namespace: str, code: str, text: str = "") -> Verdict:
    """The verdict on a provider's code; for SES errors the message text decides first.

    The namespace is that of the tables: ``meta``, ``ses``, ``ses_bounce``, ``prelude``, ``treble``, ``smtp``, ``elfo``,
    ``smpp``, ``twilio`` and so on. Any text is accepted; what no table knows is unmapped.
    """
    namespace = namespace.strip().casefold()
    code = code.strip()[:LONGEST_CODE]
    spelt = spellings(namespace, code.casefold())
    if namespace == "ses":
        refined = ses_text(spelt, text)
        if refined is not None:
            return refined
    known = INDEX.get(namespace, {})
    for spelling in spelt:
        if spelling in known:
            return known[spelling]
    return _fallback(namespace, code, known)


def ses_text(bases: list[str], text: str) -> Verdict | None:
    """The verdict on the text of an SES error, looked for under these codes."""
    lowered = text[:LONGEST_TEXT].casefold()
    for base, needle, verdict in SES_TEXTS:
        if base in bases and needle in lowered:
            return verdict
    return None


def ses_text_alone(text: str) -> Verdict | None:
    """The verdict on the text of an SES error that came without its code."""
    return ses_text([base for base, _, _ in SES_TEXTS if base != "smtp"], text)


def ses_submission(reply: str, text: str) -> Verdict | None:
    """The verdict on an answer of the SES submission server itself, given as reply code and text.

    A row without a text (``smtp:553``) holds only where the answer has none either.
    """
    answer = f"{reply} {text[:LONGEST_TEXT].strip().removeprefix(reply).strip()}".strip().casefold()
    for base, needle, verdict in SES_TEXTS:
        if base == "smtp" and (answer == needle or (" " in needle and answer.startswith(needle))):
            return verdict
    return None


def _fallback(namespace: str, code: str, known: dict[str, Verdict]) -> Verdict:
    shown = f"{namespace}:{code}" if code else ""
    number = int(code) if code.isascii() and code.isdecimal() else -1
    for family in FAMILY_SPANS.get(namespace, []):
        if family.low <= number <= family.high:
            return verdict_of(family.row, shown, Confidence.PROVIDER)
    group = code.partition("/")[0].casefold() + "/*"
    default = known.get(group) or known.get(_smtp_class(namespace, code)) or (known.get("*") if code else None)
    return default._replace(code=shown) if default else unmapped(shown)


def _smtp_class(namespace: str, code: str) -> str:
    return f"{code[0]}.*.*" if namespace == "smtp" and code[:1] in {"4", "5"} else ""


def spellings(namespace: str, code: str) -> list[str]:
    """The spellings under which a code may stand in a table, likeliest first."""
    if namespace == "meta" and (number := _META_NUMBER.fullmatch(code)):
        return [number[1].lstrip("0") or "0"]
    if namespace == "ses":
        bare = code.removesuffix(_EXCEPTION)
        return [code, bare, bare + _EXCEPTION]
    if namespace == "prelude":
        return [code, f"reason:{code}", f"status:{code}"]
    if code.isascii() and code.isdecimal():
        return [code, code.lstrip("0") or "0", code.lstrip("0").rjust(3, "0")]
    if _HEXADECIMAL.fullmatch(code):
        return [code, f"0x{int(code, 16):02x}", f"0x{int(code, 16):08x}"]
    return [code]
