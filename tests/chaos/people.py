"""The people of a load: where they are reached, and the ways in which providers write that."""

from bisect import bisect
from itertools import accumulate
from random import Random
from typing import NamedTuple

_EXPONENT = 1.1
_HOT_SHARE = 0.05
_RARE_FROM = 500_000


class Person(NamedTuple):
    """One human being; the addresses are in the spelling that rows are keyed by."""

    phone: str
    email: str


def person(number: int) -> Person:
    """Return a person; ``number`` is below a million. The numbers of every country here are valid ones."""
    country = _COUNTRIES[number % len(_COUNTRIES)]
    return Person(f"+{country}{number:0{_SUBSCRIBER_DIGITS[country]}}", f"Person.{number}@mail{number % 7}.example.com")


_SUBSCRIBER_DIGITS = {"44781": 7, "6012": 7, "33612": 6, "57316": 7, "5531988": 6, "525512": 6, "541142": 6}
_COUNTRIES = list(_SUBSCRIBER_DIGITS)


class People:
    """Draws people by Zipf's law; one of them has a share of everything."""

    def __init__(self, rng: Random, count: int) -> None:
        self._rng = rng
        self._weights = list(accumulate(1 / rank**_EXPONENT for rank in range(1, count + 1)))
        self._rare = _RARE_FROM
        self.hot = person(0)

    def draw(self) -> Person:
        """Return somebody."""
        if self._rng.random() < _HOT_SHARE:
            return self.hot
        return person(1 + bisect(self._weights, self._rng.random() * self._weights[-1]))

    def draw_rare(self) -> Person:
        """Return somebody of whom nothing else will be heard."""
        self._rare += 1
        return person(self._rare)


def spelled(rng: Random, phone: str, *, at_home_in: str = "") -> str:
    """Write a phone number in one of the ways that are seen in webhooks.

    ``at_home_in`` is a country code whose national form the provider may use.
    """
    digits = phone[1:]
    ways = [phone, digits, f"00{digits}", f"+{digits[:2]} {digits[2:5]}-{digits[5:]}"]
    if at_home_in and digits.startswith(at_home_in):
        ways.append(f"0{digits[len(at_home_in) :]}")
    ways += [f"{digits[:4]}{digits[5:]}"] if digits.startswith("55") else []
    ways += [f"521{digits[2:]}"] if digits.startswith("52") else []
    ways += [f"+549{digits[2:]}"] if digits.startswith("54") else []
    return rng.choice(ways)


def spelled_email(rng: Random, email: str) -> str:
    """Write the domain of an e-mail address in small or large letters; the local part is the receiver's affair."""
    local, _, domain = email.partition("@")
    return f"{local}@{rng.choice([domain, domain.upper(), domain.title()])}"
