"""A provider's text without the people in it."""

import re

from app.edge import CONTROL

LONGEST = 512
LONGEST_CODE = 64
_READ = 2048
"""No more is looked at: the patterns never see a text that somebody made long on purpose."""
_CONTROL = re.compile(f"[{CONTROL}]+")
_MAIL_ADDRESS = re.compile(r"""(?<![^\s<>])[^\s<>@%]*+(?:%(?!40)[^\s<>@%]*+)*+(?:@|%40)[^\s<>]*""")
_PHONE_NUMBER = re.compile(r"\+\d(?:[ \u00a0().-]{0,2}\d){5,}|(?<!\d)\d(?:[ \u00a0()-]{0,2}\d){6,}")
_CODE_NUMBER = re.compile(r"\(?#?\d{1,7}\)?(?:\.0)?", re.ASCII)
"""Meta's longest codes have seven digits, in whatever dress; an international number has eight at least."""


def without_addresses(text: str) -> str:
    """Return at most 512 characters on one line, e-mail addresses and numbers of 7 digits and more taken out.

    Control characters become spaces: the text goes to terminals and pages.
    """
    if len(text) > _READ:
        # not in the middle of a word: half an address would not be recognised
        text = text[:_READ].rpartition(" ")[0]
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    text = " ".join(text.split())
    if "@" in text or "%40" in text:
        text = _MAIL_ADDRESS.sub("[address]", text)
    return _PHONE_NUMBER.sub("[number]", text)[:LONGEST]


def code_of(given: str | None) -> str:
    """Return a code as it may travel: at most 64 characters, and no address, should a text stand in its place."""
    given = (given or "").strip()
    return given if _CODE_NUMBER.fullmatch(given) else without_addresses(given)[:LONGEST_CODE]
