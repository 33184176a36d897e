"""Reads an SMTP diagnostic: reply code, enhanced status code, class."""

import re
from typing import NamedTuple

_DSN_TYPE = re.compile(r"\s*[A-Za-z][A-Za-z0-9-]{0,30}\s{0,8};\s*")
_BASIC = re.compile(
    r"""(?: ^ | (?<![\d\]]) [:'"(>\[=]\s{0,3} | \b(?:said|error|code|reply|returned|response|was|status|with)[ ]{1,3} )
        ([245]\d\d) (?= [ \-#,:;'")\]] | $ )""",
    re.VERBOSE | re.IGNORECASE,
)
_BASIC_WITH_ENHANCED = re.compile(r"(?<![\d.])([245]\d\d)(?=[ -]{1,2}#?\(?[245]\.\d)")
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\d|\.\d)")
_VERSION_BEFORE = re.compile(r"(?:version|exim|postfix|sendmail|esmtp|smtpd|v|/)[ /]{0,2}$", re.IGNORECASE)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_SUBMISSION_PORTS = frozenset({"465", "587"})


class Reply(NamedTuple):
    """The codes of a diagnostic."""

    basic: str
    """Three digits, or empty."""
    enhanced: str
    """Such as ``5.1.1``, or empty."""
    temporary: bool
    """Whether the receiver said that trying again may help: class 4."""


def parse_reply(text: str, status: str, reply: str) -> Reply:
    """The codes of a diagnostic; the structured fields win over the text unless they are generic.

    A class 4 in the text's own enhanced code or in the status makes the failure temporary; the basic code speaks only
    where no enhanced code does (``554 4.4.7`` is temporary).
    """
    text = _without_dsn_type(text)
    basic = reply if re.fullmatch(r"[245]\d\d", reply) else _basic(text)
    said = _enhanced(text, basic)
    given = status if _STATUS.fullmatch(status) else ""
    enhanced = given if given and not _generic(given) else said or given
    classes = {code[0] for code in (said, given) if code and not _generic(code)} or {enhanced[:1] or basic[:1]}
    return Reply(basic, enhanced, "4" in classes)


def _without_dsn_type(text: str) -> str:
    match = _DSN_TYPE.match(text)
    return text[match.end() :] if match else text.lstrip()


def _basic(text: str) -> str:
    for match in _BASIC.finditer(text):
        at_start = match.start(1) == 0
        if match[1] not in _SUBMISSION_PORTS and (at_start or not match[1].startswith("2")):
            return match[1]
    beside_enhanced = _BASIC_WITH_ENHANCED.search(text)
    return beside_enhanced[1] if beside_enhanced else ""


def _enhanced(text: str, basic: str) -> str:
    """The first enhanced code, preferring one that says more than its class."""
    found = [match[0] for match in _ENHANCED.finditer(text) if _credible(text, match, basic)]
    return next((code for code in found if not _generic(code)), found[0] if found else "")


def _credible(text: str, match: re.Match[str], basic: str) -> bool:
    """Whether this is a status code and not the number of a software version."""
    before = text[max(0, match.start() - 12) : match.start()]
    if re.search(r"[245]\d\d[ -]{1,2}#?\(?$", before) or not before:
        return True
    if _VERSION_BEFORE.search(before):
        return False
    return match[1] != "2" and (not basic or match[1] == basic[0] or "#" in before[-2:])


def _generic(code: str) -> bool:
    return code.endswith(".0.0")
