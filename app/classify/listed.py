"""Tells codes that a table lists from those that are judged by what stands around them."""

import functools

from app.classify.codes import INDEX, spellings
from app.classify.sms import by_state

_WITHOUT_STATES = frozenset({"meta", "prelude", "ses", "ses_bounce", "smtp", "treble"})
"""Namespaces in which a word such as ``EXPIRED`` would be a code like any other."""
_REMEMBERED = 4096


@functools.lru_cache(_REMEMBERED)
def is_listed(shown: str) -> bool:
    """Whether a table has a row for a code, given as verdicts show it (``meta:131026``, ``smtp:5.1.1``).

    A family of numbers or a default for the rest is no such row. General words are listed: the state names of SMPP,
    basic SMTP codes, and a bounce type that came without its subtype (``ses_bounce:Permanent/*``).
    """
    namespace, _, code = shown.partition(":")
    if code.endswith("*"):
        return True
    spelt = spellings(namespace, code.casefold())
    tables = [INDEX.get(namespace, {})]
    if namespace == "smtp":
        tables.append(INDEX["basic"])
    if any(spelling in table for spelling in spelt for table in tables):
        return True
    return namespace not in _WITHOUT_STATES and by_state(code, "") is not None
