"""The kinds of fields, and the check of a whole record made of them."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from operator import call, itemgetter
from typing import Any, NamedTuple

from app.edge.bounds import CONTROL, LATEST, LONGEST_ID, LONGEST_WORD, MOMENTS
from app.errors import BadInputError

Fits = Callable[[Any], bool]

_KNOWN_NAMES = 4096
_has_control = re.compile(f"[{CONTROL}]").search


class Field(NamedTuple):
    """What is asked of one field."""

    name: str
    expected: str
    longest: int = 0
    """Characters; 0: it is no text."""
    clean: bool = False
    """No control characters."""
    fits: Fits | None = None
    """What else is asked; a text is not too long then."""

    def takes(self, value: Any) -> bool:  # noqa: ANN401 - a field's value
        """Tell whether a value is as it should be."""
        if self.longest and (len(value) > self.longest or (self.clean and _has_control(value))):
            return False
        return self.fits is None or bool(self.fits(value))


def text(name: str, longest: int = LONGEST_ID) -> Field:
    """A text that is not too long."""
    return Field(name, f"at most {longest} characters", longest)


def identity(name: str, *, required: bool = False) -> Field:
    """An id: short, without control characters; ``required``: never empty."""
    expected = f"{1 if required else 0} to {LONGEST_ID} characters, no control characters"
    return Field(name, expected, LONGEST_ID, clean=True, fits=bool if required else None)


def pattern(name: str, allowed: str, longest: int, expected: str) -> Field:
    """A text of a pattern; there are few different ones."""
    found = re.compile(allowed).fullmatch

    @lru_cache(maxsize=_KNOWN_NAMES)
    def fits(value: str) -> bool:
        return len(value) <= longest and found(value) is not None

    return Field(name, expected, fits=fits)


def word(name: str, known: Iterable[str]) -> Field:
    """One of a list of words; ``""`` in the list lets the field be empty."""
    words = frozenset(str(each) for each in known)
    return Field(name, "a word of the vocabulary", fits=words.__contains__)


def kind(name: str, *, empty: bool = False) -> Field:
    """A word that only a newer version may know; ``empty``: or none."""
    expected = f"a word of {0 if empty else 1} to {LONGEST_WORD} letters, digits and '_'"
    return pattern(name, "(?:[a-z][a-z0-9_]*)?" if empty else "[a-z][a-z0-9_]*", LONGEST_WORD, expected)


def number(name: str, numbers: range, expected: str) -> Field:
    """A whole number out of a range."""
    low, high = numbers.start, numbers.stop
    return Field(name, expected, fits=lambda value: low <= value < high)


def moment(name: str, moments: range = MOMENTS) -> Field:
    """A moment."""
    return number(name, moments, f"microseconds since 1970, at most {LATEST}")


def optional(field: Field) -> Field:
    """The same number, or null."""
    fits = field.takes
    return Field(field.name, f"{field.expected}, or null", fits=lambda value: value is None or fits(value))


class Record:
    """The fields of a record that are looked at; all of them are there, as the schema says."""

    def __init__(self, *fields: Field) -> None:
        self._fields = fields
        alike: defaultdict[tuple[int, bool], list[str]] = defaultdict(list)
        for field in fields:
            if field.longest:
                alike[field.longest, field.clean].append(field.name)
        groups = {key: names for key, names in alike.items() if len(names) > 1}
        self._groups = tuple([(itemgetter(*names), *key) for key, names in groups.items()])
        alone = [each for each in fields if each.longest and (each.longest, each.clean) not in groups]
        judged = [(each.name, each.fits) for each in fields if each.fits] + [(each.name, each.takes) for each in alone]
        self._judged = itemgetter(*[name for name, _ in judged])
        self._fits = tuple([fits for _, fits in judged])

    def check(self, event: Mapping[str, Any]) -> None:
        """Raise BadInputError that names the first field at fault.

        Texts with the same bound are looked at together, for speed: what is short and plain is so in every part.
        """
        for texts, longest, clean in self._groups:
            together = "".join(texts(event))
            if len(together) > longest or (clean and not together.isprintable()):
                self._look_closer(event)
                return
        if not all(map(call, self._fits, self._judged(event))):
            self._look_closer(event)

    def _look_closer(self, event: Mapping[str, Any]) -> None:
        for field in self._fields:
            value = event[field.name]
            if not field.takes(value):
                raise BadInputError(f"{field.name}: {_found(value)}, expected {field.expected}")


def _found(value: object) -> str:
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    return f"a list of {len(value)}" if isinstance(value, list) else "a number out of range"
