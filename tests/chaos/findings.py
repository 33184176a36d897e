"""What a comparison found: figures for the last line, and examples that a person can read."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

_EXAMPLES = 3
_LONGEST = 1200


class Findings:
    """Collects differences between what is there and what must be."""

    def __init__(self) -> None:
        self.lost = 0
        """Records that should be there and are not."""
        self.double = 0
        """Records that are there more than once, or should not be there at all."""
        self.credit_difference = 0
        """Millionths of a unit, added up over all figures of all accounts."""
        self.rows = 0
        self.equal_rows = 0
        self.others = 0
        """Differences of any other kind."""
        self._told: Counter[str] = Counter()
        self.examples: list[str] = []

    @property
    def clean(self) -> bool:
        """Whether there is no difference at all."""
        counted = self.lost + self.double + self.credit_difference + self.others
        return counted == 0 and self.rows == self.equal_rows

    def line(self) -> str:
        """Return the verdict."""
        figures = f"lost={self.lost} double={self.double} credit_difference={self.credit_difference}"
        more = f" others={self.others}" if self.others else ""
        return f"{figures} rows_equal={self.equal_rows}/{self.rows}{more}"

    def compare_counts(self, what: str, found: Mapping[Any, int], wanted: Mapping[Any, int]) -> None:
        """Compare how often each thing is there."""
        for thing in found.keys() | wanted.keys():
            surplus = found.get(thing, 0) - wanted.get(thing, 0)
            if surplus:
                self.lost += max(0, -surplus)
                self.double += max(0, surplus)
                self.tell(what, f"{thing}: {found.get(thing, 0)} instead of {wanted.get(thing, 0)}")

    def compare_row(self, what: str, key: object, found: object, wanted: object) -> None:
        """Compare a row."""
        self.rows += 1
        if found == wanted:
            self.equal_rows += 1
        else:
            self.tell(what, f"{key}: {_difference(found, wanted)}")

    def expect(self, what: str, key: object, found: object, wanted: object) -> None:
        """Compare anything else."""
        if found != wanted:
            self.others += 1
            self.tell(what, f"{key}: {_difference(found, wanted)}")

    def tell(self, what: str, text: str) -> None:
        """Keep an example of a kind of difference, if there are few yet."""
        self._told[what] += 1
        if self._told[what] <= _EXAMPLES:
            self.examples.append(f"{what}: {text[:_LONGEST]}")

    def summary(self) -> list[str]:
        """Return the examples, and how many there were of each kind."""
        return [*self.examples, *(f"{what}: {count} in all" for what, count in self._told.items())]


def _difference(found: object, wanted: object) -> str:
    if not isinstance(found, Mapping) or not isinstance(wanted, Mapping):
        return f"{found!r} instead of {wanted!r}"
    names = [name for name in sorted(found.keys() | wanted.keys()) if found.get(name) != wanted.get(name)]
    return "; ".join(f"{name}: {_difference(found.get(name), wanted.get(name))}" for name in names)
