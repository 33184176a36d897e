"""Generated webhooks: every row of every table, and every wording of every rule, in the forms in which they arrive.

A row that no webhook read here can carry is asked for by its namespace.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from app.classify.codes import FAMILIES, INDEX, ROWS
from app.classify.diagnostics import PHRASES, RULES
from app.classify.phrases import PHRASE_COLUMNS, parse_phrase
from app.classify.receivers import covered_codes
from app.classify.sms import PHRASES as SMS_PHRASES
from app.classify.sms import RULES as SMS_RULES
from app.classify.tables import Row, Source, csv_rows, expand, parse_table, read_text
from app.vocabulary import Permanence, Provider, Reason
from tests.unit.classify.payloads import (
    Judged,
    email_bounced,
    email_failed,
    prelude_failed,
    sms_failed,
    treble_failure,
    webex_failed,
    whatsapp_failed,
)

RECEIVERS = {"gmail": " - gsmtp", "outlook": " [X.prod.outlook.com]", "yahoo": " (yahoo)", "icloud": " (icloud)"}
"""What marks a diagnostic as the receiver's."""

_TREBLE_PLACES = ("failure_reason", "reason", "error_code", "code", "status", "error.code")
_CLASS_REPLY = {"2": "250", "4": "450", "5": "550"}
_SMTP_FORMS = (
    "smtp; {reply} {enhanced}",
    "smtp;{reply} {enhanced}",
    "SMTP; {reply}-{enhanced}",
    "{reply} {enhanced}",
    "{reply} #{enhanced}",
    "{reply}-{enhanced}\r\n{reply} {enhanced}",
    "x-postfix; {reply} {enhanced} (in reply to RCPT TO command)",
)
_WORDINGS = Path(__file__).with_name("receiver_wordings.csv")


class Vector(NamedTuple):
    """A webhook and what it must be judged to be."""

    row: str
    """Table and row that it is made of; of phrases, table and line."""
    expected: Judged
    provider: Provider
    body: dict[str, Any]


class Question(NamedTuple):
    """A code that no webhook read here carries."""

    row: str
    expected: Judged
    namespace: str
    code: str


def _expected(row: Row, code: str = "") -> Judged:
    temporary = code.startswith("4") and row.table in {"smtp_enhanced", RULES.table}
    return Judged(row.reason, row.attribution, Permanence.TRANSIENT if temporary else row.permanence)


def _rows(namespace: str) -> Iterator[tuple[Row, str]]:
    """The rows of a namespace with each code that they stand for; not those of a range that have their own row."""
    for row in ROWS:
        if row.namespace == namespace:
            codes = expand(row)
            yield from ((row, code) for code in codes if len(codes) == 1 or _is_of(row, code))


def _is_of(row: Row, code: str) -> bool:
    return INDEX[row.namespace][code].decided_by == row.name


def meta() -> Iterator[Vector]:
    """Meta's numbers through Teekrr, spelt in five ways, alone in the text, and as unlisted numbers of a family."""
    for row, code in _rows("meta"):
        in_text = [f"(#{code}) {row.title}"] if len(code) >= 3 else []
        for text in [*in_text, *(f"{front}(#{code}) failed" for front in ("Error: ", "") if in_text)]:
            yield Vector(row.name, _expected(row), Provider.TEEKRR, whatsapp_failed(None, text))
        for spelling in (code, f" {code} ", f"#{code}", f"(#{code})", f"{code}.0"):
            yield Vector(row.name, _expected(row), Provider.TEEKRR, whatsapp_failed(spelling, row.title))
    for family, code in _unlisted():
        if family.namespace == "meta":
            yield Vector(family.name, _expected(family), Provider.TEEKRR, whatsapp_failed(code, "failed"))


def _unlisted() -> Iterator[tuple[Row, str]]:
    """Each family with about ten numbers of it that no table lists."""
    for family in parse_table(FAMILIES, read_text(FAMILIES.table)):
        unlisted = [code for code in expand(family) if code not in INDEX.get(family.namespace, {})]
        yield from ((family, code) for code in unlisted[:: max(1, len(unlisted) // 10)])


def ses() -> Iterator[Vector]:
    """SES's errors and bounce types through Teekrr, with and without the SDKs' suffix, and in an SDK's sentence."""
    for row, code in _rows("ses"):
        base, _, text = code.partition(":")
        reply, _, said = text.partition(" ")
        if base == "smtp":
            for answer in {said, text} if said else {""}:
                yield Vector(row.name, _expected(row), Provider.TEEKRR, email_failed(reply, answer))
            continue
        for name in {base, base.removesuffix("Exception"), base.removesuffix("Exception") + "Exception"}:
            sentence = f"An error occurred ({name}) when calling the SendEmail operation: {text}"
            given: list[tuple[str | None, str]] = [(name, text), (name.lower(), f"{text}.")]
            if name.lower() in INDEX["ses"]:
                given += [(None, sentence), (None, f"{name}: {text}")]
            yield from (Vector(row.name, _expected(row), Provider.TEEKRR, email_failed(*each)) for each in given)
    for row, code in _rows("ses_bounce"):
        kind, _, subtype = code.partition("/")
        for diagnostic in ("", "smtp; 550", "Delivery failed"):
            for spelt in (kind, kind.lower()):
                body = email_bounced(spelt, "Novel" if subtype == "*" else subtype, diagnostic)
                yield Vector(row.name, _expected(row), Provider.TEEKRR, body)


def smtp() -> Iterator[Vector]:
    """Enhanced and basic codes without a word beside them, as the providers of e-mail write them."""
    for row, code in _rows("smtp"):
        enhanced = code.replace("*.*", "9.99")
        # beside a code that says nothing the basic code would speak
        reply = _CLASS_REPLY[enhanced[0]] if row.reason is not Reason.UNKNOWN else ""
        for form in _SMTP_FORMS:
            text = form.format(reply=reply, enhanced=enhanced)
            for body in (email_failed(None, text), email_bounced("Undetermined", "Undetermined", text)):
                yield Vector(row.name, _expected(row, enhanced), Provider.TEEKRR, body)
    for row, code in _rows("basic"):
        for text in (code, f"smtp; {code}", f"smtp;{code}", f"x-unix; {code}", f"{code} (in reply to RCPT TO command)"):
            yield Vector(row.name, _expected(row), Provider.TEEKRR, email_failed(None, text))


def receivers() -> Iterator[Vector]:
    """Each receiver's own rows under each code that they cover, said in the receiver's words."""
    said_by = {line[0]: line[1] for line in csv.reader(_WORDINGS.read_text("utf-8").splitlines())}
    for row in ROWS:
        if row.namespace in RECEIVERS:
            wording = said_by[row.name.partition(":")[2]] + RECEIVERS[row.namespace]
            for code in covered_codes(row):
                reply = code if code.isdecimal() else _CLASS_REPLY[code[0]] if code else "554"
                said = f"{reply} {wording}" if code in {"", reply} else f"{reply} {code} {wording}"
                expected = _expected(row, code)
                yield Vector(row.name, expected, Provider.TEEKRR, email_failed(None, said))
                yield from (
                    Vector(row.name, expected, Provider.TEEKRR, email_bounced("Undetermined", "Undetermined", text))
                    for text in (f"smtp; {said}", f"smtp;{said}")
                )


def wordings(source: Source, phrases: Source) -> Iterator[tuple[int, Row, str, str]]:
    """Of every phrase: its line, its rule, a code under which it holds, and a text for each choice that it offers."""
    rules = {row.code: row for row in parse_table(source, read_text(source.table))}
    for line, fields in csv_rows(phrases.table, read_text(phrases.table), PHRASE_COLUMNS):
        places = parse_phrase(fields["phrase"])
        plain = ["x" if choices == [".."] else choices[-1] for choices in places]
        texts = [
            " ".join([*plain[:number], "x" if choice == ".." else choice, *plain[number + 1 :]])
            for number, choices in enumerate(places)
            for choice in choices
        ]
        for text in dict.fromkeys(texts):
            yield line, rules[fields["rule"]], (fields["codes"].split() or [""])[0], " ".join(text.split())


def email_wordings() -> Iterator[Vector]:
    """Every wording of the e-mail rules, as the answer of a receiver of no name."""
    for line, rule, code, text in wordings(RULES, PHRASES):
        reply = code if len(code) == 3 else _CLASS_REPLY[code[:1] or "5"]
        body = email_failed(None, f"{reply} {code} {text}" if "." in code else f"{reply} {text}")
        yield Vector(f"{PHRASES.table}:{line}", _expected(rule, code), Provider.TEEKRR, body)


def sms_wordings() -> Iterator[Vector]:
    """Every wording of the SMS rules, as Teekrr's text."""
    for line, rule, _, text in wordings(SMS_RULES, SMS_PHRASES):
        yield Vector(f"{SMS_PHRASES.table}:{line}", _expected(rule), Provider.TEEKRR, sms_failed(None, text))


def sms_codes() -> Iterator[Vector]:
    """Receipts through Teekrr, Prelude's statuses and reasons, Webex Interact's failure without either."""
    for row, state in _rows("smpp"):
        receipt = f"id:0123456789 sub:001 dlvrd:000 submit date:2401011200 stat:{state} err:001 text:Hello"
        for code, text in ((None, receipt), ("001", receipt), (state, "x"), (None, state), (None, state.lower())):
            yield Vector(row.name, _expected(row), Provider.TEEKRR, sms_failed(code, text))
    for row, _ in _rows("elfo"):
        for code in ("1", "001", "9999", "E42"):
            yield Vector(row.name, _expected(row), Provider.TEEKRR, sms_failed(code, "x"))
    for row, code in _rows("prelude"):
        place, _, word = code.partition(":")
        if place in {"reason", "status"}:
            body = prelude_failed("failed", word) if place == "reason" else prelude_failed(word, None)
            yield Vector(row.name, _expected(row), Provider.PRELUDE, body)
    for row, code in _rows("webex_interact"):
        for given in (None, code):
            yield Vector(row.name, _expected(row), Provider.WEBEX_INTERACT, webex_failed(given))


def treble() -> Iterator[Vector]:
    """Treble's codes in every place where one has been seen."""
    for row, code in _rows("treble"):
        for place in _TREBLE_PLACES:
            yield Vector(row.name, _expected(row), Provider.TREBLE, treble_failure(place, code))


def not_carried(carried: frozenset[str]) -> Iterator[Question]:
    """The codes of all other rows, as given, in capitals, and padded where they are numbers."""
    for row in ROWS:
        if row.name not in carried:
            for code in expand(row):
                padded = {code.zfill(3), code.lstrip("0") or "0"} if code.isdecimal() else set()
                for spelling in sorted({code, code.upper(), f" {code.lower()} ", *padded}):
                    yield Question(row.name, _expected(row), row.namespace, spelling)
    for family, code in _unlisted():
        if family.name not in carried:
            yield Question(family.name, _expected(family), family.namespace, code)
