"""Reads an SMTP diagnostic: reply code, enhanced status code, class."""

import re
from typing import NamedTuple

# more than once where one report quotes another
_DSN_TYPES = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9-]{0,30}\s{0,8};\s*){1,3}")
# what must not stand before is looked at behind the first digit: so the search skips to digits, twice as fast
_BASIC = re.compile(r"[245](?<![\w.][245])\d\d(?=[ \-#,:;'\")\]]|$)")
_BEFORE_BASIC = re.compile(
    r"""(?: (?<![\d\]]) [:'"(>\[=]\s{0,3} | \]:\s{1,3}
      | \b(?:said|error|code|reply|returned|response|was|status|with)[ ]{1,3} )$""",
    re.VERBOSE | re.IGNORECASE,
)
_ENHANCED_FOLLOWS = re.compile(r"[ -]{1,2}#?\(?[245]\.\d")
_BASIC_BEFORE = re.compile(r"[245]\d\d[ -]{1,2}#?\(?$")
_ENHANCED = re.compile(r"([245])(?<![\d.][245])\.(\d{1,3})\.(\d{1,3})(?!\d|\.\d)")
_VERSION_BEFORE = re.compile(r"(?:version|exim|postfix|sendmail|esmtp|smtpd|v|/)[ /]{0,2}$", re.IGNORECASE)
_REPLY = re.compile(r"[245]\d\d")
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
    where no enhanced code does (``554 4.4.7`` is temporary), or where that stands in an answer which a temporary one
    quotes (``450 … said: 550 5.1.1 …``).
    """
    text = _without_dsn_types(text)
    basic = reply if _REPLY.fullmatch(reply) else _basic(text)
    said = _enhanced(text, basic)
    given = status if _STATUS.fullmatch(status) else ""
    enhanced = given if given and not _generic(given) else said or given
    classes = {code[0] for code in (said, given) if code and not _generic(code)} or {enhanced[:1] or basic[:1]}
    return Reply(basic, enhanced, "4" in classes or _quotes(text, basic, said))


def _quotes(text: str, basic: str, said: str) -> bool:
    """Whether a temporary basic code goes before a permanent enhanced one that is not its own."""
    if not (basic.startswith("4") and said.startswith("5")):
        return False
    return re.search(rf"{basic}[ -]{{1,2}}#?\(?{re.escape(said)}", text) is None


def _without_dsn_types(text: str) -> str:
    match = _DSN_TYPES.match(text)
    return text[match.end() :] if match else text.lstrip()


def _basic(text: str) -> str:
    """The first number that stands where a reply code stands: in front, after "said" and the like, before a status."""
    for match in _BASIC.finditer(text):
        code, start = match[0], match.start()
        if start == 0:
            return code
        named = _BEFORE_BASIC.search(text, max(0, start - 16), start) or _ENHANCED_FOLLOWS.match(text, match.end())
        if named and code[0] != "2" and code not in _SUBMISSION_PORTS:
            return code
    return ""


def _enhanced(text: str, basic: str) -> str:
    """The first enhanced code, preferring one that says more than its class."""
    found = [match[0] for match in _ENHANCED.finditer(text) if _credible(text, match, basic)]
    return next((code for code in found if not _generic(code)), found[0] if found else "")


def _credible(text: str, match: re.Match[str], basic: str) -> bool:
    """Whether this is a status code and not the number of a software version."""
    before = text[max(0, match.start() - 12) : match.start()]
    if not before or _BASIC_BEFORE.search(before):
        return True
    if _VERSION_BEFORE.search(before):
        return False
    return match[1] != "2" and (not basic or match[1] == basic[0] or "#" in before[-2:])


def _generic(code: str) -> bool:
    return code.endswith(".0.0")
