"""Judges SMS failures that come with a text, a state word or a receipt.

Error numbers are private to each aggregator and contradict each other, so a number without a known namespace says
nothing. What the words do not say clearly stays unknown: a guess never suppresses.
"""

import re

from app.classify.codes import INDEX, LONGEST_CODE, classify_code
from app.classify.phrases import PhraseBook, split_words
from app.classify.tables import LONGEST_TEXT, Source, parse_table, read_text
from app.classify.verdict import Verdict
from app.vocabulary import Confidence, Reason

RULES = Source("sms_rules", "sms", prefixed=False)
PHRASES = Source("sms_phrases", "", prefixed=False)

WORDING = PhraseBook(parse_table(RULES, read_text(RULES.table)), PHRASES, read_text(PHRASES.table))

_STATE = re.compile(r"\bstat:\s{0,3}([a-z]{2,20})", re.IGNORECASE)
_ERROR = re.compile(r"\berr:\s{0,3}([0-9a-z]{1,16})", re.IGNORECASE)
_QUOTED = re.compile(r"\btext:", re.IGNORECASE)
_LONE_WORD = re.compile(r"[a-z]{2,20}")

_STATES = {
    "delivered": "delivrd",
    "accepted": "acceptd",
    "undelivered": "undeliv",
    "undeliverable": "undeliv",
    "undelivrd": "undeliv",
    "rejected": "rejectd",
    "reject": "rejectd",
    "expire": "expired",
    "delete": "deleted",
    "canceled": "cancelled",
    "fail": "failed",
    "failure": "failed",
    "blacklisted": "blist",
}
"""Full words for the state names of the SMPP standard, which are cut to seven letters."""


def classify_sms_text(text: str, code: str, namespace: str) -> Verdict:
    """The verdict on an SMS failure given as code, receipt or words.

    A code of a known namespace decides; then the words; then the state (``stat:UNDELIV``, ``EXPIRED``), whose SMPP
    meaning is kept as it is: UNDELIV says that it failed, and not why.
    """
    text = text[:LONGEST_TEXT]
    said = without_message(text)
    by_code = _by_code(namespace, code, said)
    if by_code.confidence is not Confidence.UNMAPPED and by_code.reason is not Reason.UNKNOWN:
        return by_code
    shown = by_code.code
    worded = WORDING.find(split_words(said), frozenset())
    state = by_state(code, said)
    if worded and (state is None or state.reason in {Reason.UNKNOWN, Reason.CARRIER_REJECTED}):
        return worded._replace(code=shown)
    if state:
        return state._replace(code=shown or state.code)
    return by_code


def without_message(text: str) -> str:
    """A receipt without the start of the message that it quotes."""
    quoted = _QUOTED.search(text)
    return text[: quoted.start()] if quoted else text


def _by_code(namespace: str, code: str, said: str) -> Verdict:
    return classify_code(namespace, given_code(code, said))


def given_code(code: str, said: str) -> str:
    """The code, or else the one in a receipt's ``err:``."""
    error = _ERROR.search(said)
    return (code.strip() or (error[1] if error else ""))[:LONGEST_CODE]


def by_state(code: str, said: str) -> Verdict | None:
    """The verdict on a state word in the code, in a receipt's ``stat:``, or standing alone as the text."""
    in_receipt = _STATE.search(said)
    for word in (code, in_receipt[1] if in_receipt else "", said):
        state = word.strip().casefold()
        if _LONE_WORD.fullmatch(state):
            verdict = INDEX["smpp"].get(_STATES.get(state, state))
            if verdict:
                return verdict
    return None
