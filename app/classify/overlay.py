"""An operator's own rows on top of the tables: own codes, own wordings, changed verdicts, for all tenants or for one.

An overlay is applied to the verdict of the tables, so that without one nothing is slower. The command line and the
workers do it in the same way. First hit wins, a tenant's rows before those for all:

- a wording in the text;
- a code, wherever the tables show it; an SMTP code only where they neither read the wording nor know the receiver by
  a row of its own, for both say more than the code;
- a row of the tables that decided, by its name.

A temporary answer of a receiving mail system stays temporary whatever a row says.
"""

from typing import NamedTuple

from app.classify.codes import spellings
from app.classify.phrases import Phrase, split_words
from app.classify.receivers import WITH_ROWS
from app.classify.smtp import parse_reply
from app.classify.tables import LONGEST_TEXT, Row
from app.classify.verdict import Verdict
from app.vocabulary import Channel, Confidence, Permanence

ALL_TENANTS = "*"

_OF_A_RECEIVER = tuple(f"smtp_enhanced:{receiver}:" for receiver in WITH_ROWS)


class Wording(NamedTuple):
    """A phrase of the operator's."""

    phrase: Phrase
    row: Row


class Rows(NamedTuple):
    """What one tenant's rows say."""

    wordings: dict[str, list[Wording]]
    """By channel, in the order of the file."""
    codes: dict[str, Row]
    """By ``namespace:code`` in lower case."""
    rows: dict[str, Row]
    """By the name of the row of the tables that they change."""


class Overlay(NamedTuple):
    """A checked overlay."""

    version: str
    """``+`` and the start of the file's digest: comes behind the version of the tables. Empty: there is no overlay."""
    tenants: dict[str, Rows]

    def applied(self, tenant: str, channel: str, verdict: Verdict, text: str) -> Verdict:
        """What the overlay says of a failure with this text, otherwise the verdict of the tables."""
        if not self.version:
            return verdict
        row = self.row_for(tenant, channel, verdict, text)
        return (_changed(verdict, row, text) if row else verdict)._replace(overlay=self.version)

    def row_for(self, tenant: str, channel: str, verdict: Verdict, text: str) -> Row | None:
        """The row of the overlay that decides, or None where the tables do."""
        for rows in filter(None, (self.tenants.get(tenant), self.tenants.get(ALL_TENANTS))):
            row = _said(rows, channel, verdict, text) or _coded(rows, verdict) or rows.rows.get(verdict.decided_by)
            if row:
                return row
        return None


NO_OVERLAY = Overlay("", {})


def _said(rows: Rows, channel: str, verdict: Verdict, text: str) -> Row | None:
    wordings = rows.wordings.get(channel)
    if not wordings:
        return None
    words = split_words(text)
    marks = answer_marks(verdict)
    return next((wording.row for wording in wordings if wording.phrase.said_in(words, marks)), None)


def answer_marks(verdict: Verdict) -> frozenset[str]:
    """The codes and the class of a receiver's answer, of which a phrase may ask for one."""
    given = verdict.smtp_enhanced or verdict.smtp_reply
    return frozenset({verdict.smtp_enhanced, verdict.smtp_reply, given[:1]})


def _coded(rows: Rows, verdict: Verdict) -> Row | None:
    namespace, _, code = verdict.code.partition(":")
    if namespace == "smtp" and says_more_than_its_code(verdict):
        return None
    spelt = spellings(namespace, code.casefold())
    return next((rows.codes[key] for each in spelt if (key := f"{namespace}:{each}") in rows.codes), None)


def says_more_than_its_code(verdict: Verdict) -> bool:
    """Whether the tables decided by the wording or by a row of the receiver."""
    return verdict.confidence is Confidence.TEXT or verdict.decided_by.startswith(_OF_A_RECEIVER)


def _changed(verdict: Verdict, row: Row, text: str) -> Verdict:
    namespace, _, code = verdict.code.partition(":")
    given = verdict.smtp_enhanced or verdict.smtp_reply or (code if namespace == "smtp" else "")
    temporary = bool(given) and (given.startswith("4") or parse_reply(text[:LONGEST_TEXT], "", "").temporary)
    return verdict._replace(
        reason=row.reason,
        attribution=row.attribution,
        permanence=Permanence.TRANSIENT if temporary else row.permanence,
        confidence=Confidence.TEXT if row.namespace in set(Channel) else Confidence.CODE,
        decided_by=row.name,
    )
