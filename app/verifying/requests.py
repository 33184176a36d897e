"""What a provider sent, and where in it a text stands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson

from app.errors import SignatureError

LONGEST_TEXT = 8192
"""Characters of a header or of any other text that is looked at: the largest are JSON Web Tokens."""
_MOST_PARAMETERS = 1000


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One request as the provider made it; without a repr, since its headers may hold passwords."""

    method: str
    url: str
    """The public URL with its query, as the provider called it."""
    headers: Mapping[str, str]
    """Values by lower-case name; whoever builds it refuses headers that came twice."""
    body: bytes
    """As it was signed."""
    now_s: float
    """When it came, in seconds since 1970."""


Verifier = Callable[[Request], str]
"""Returns the name of the credential that fits; raises SignatureError, whose text holds nothing of the request."""

Part = Callable[[Request], bytes]
"""A piece of what is signed; raises SignatureError where the request has no such piece."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a request a text stands; as a part of what is signed, it is that text."""

    name: str
    """For the texts of errors."""
    find: Callable[[Request], object]
    """Returns the text, or None where there is none."""
    prefix: str = ""
    """What the text has to start with, and what is taken off."""

    def text(self, request: Request) -> str:
        """Return the text behind the prefix; raises SignatureError if there is none, or too much of it."""
        found = self.find(request)
        if found is None:
            raise SignatureError(f"{self.name} is missing")
        if not isinstance(found, str) or len(found) > LONGEST_TEXT:
            raise SignatureError(f"{self.name}: expected a text of at most {LONGEST_TEXT} characters")
        if not found.startswith(self.prefix):
            raise SignatureError(f"{self.name}: expected it to start with {self.prefix}")
        return found.removeprefix(self.prefix)

    def __call__(self, request: Request) -> bytes:
        """Return the text's bytes; raises SignatureError like ``text``."""
        # servers decode headers with surrogates for what is no UTF-8
        return self.text(request).encode("utf-8", "surrogatepass")


def in_header(name: str, prefix: str = "") -> Place:
    """A header; its name in any case."""
    key = name.lower()
    return Place(name, lambda request: request.headers.get(key), prefix)


def in_authorization(scheme: str) -> Place:
    """What follows the scheme in the header Authorization; a scheme's case does not count (RFC 9110, section 11.1)."""

    def find(request: Request) -> str | None:
        value = request.headers.get("authorization")
        if value is None:
            return None
        given, _, rest = value.partition(" ")
        if given.lower() != scheme.lower():
            raise SignatureError(f"Authorization: expected the scheme {scheme}")
        return rest.lstrip(" ")

    return Place("Authorization", find)


def in_json(*path: str) -> Place:
    """A text in the body, a JSON object, by the names that lead to it; Mailgun signs there."""

    def find(request: Request) -> object:
        value: object = json_object(request.body, "the body")
        for name in path:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return Place(".".join(path), find)


def json_object(raw: bytes | str, name: str) -> dict[str, object]:
    """Parse a JSON object; raises SignatureError for anything else."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise SignatureError(f"{name}: expected a JSON object")
    return value


def parameters(text: str, name: str) -> list[tuple[str, str]]:
    """Parse the parameters of a form or query, empty ones too; raises SignatureError for more than 1,000 of them.

    Bytes that are no UTF-8 become surrogates, from which ``encode("utf-8", "surrogateescape")`` makes them again.
    """
    try:
        return parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise SignatureError(f"{name}: expected at most {_MOST_PARAMETERS} parameters") from None
