"""Reading untrusted payloads: the types of their fields, their spellings of time, and what to say of a bad one."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, PlainValidator, ValidationError
from pydantic.fields import FieldInfo

from app.edge import CONTROL, LONGEST_ADDRESS, LONGEST_ID
from app.errors import BadInputError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = 7_258_118_400_000_000
"""2200-01-01 in microseconds; a later time is a mistake of its writer."""
_MILLISECONDS_FROM = 100_000_000_000
"""Numbers from here on are milliseconds: as seconds they would lie beyond the year 5000."""
_EPOCH_NUMBER = re.compile(r"[0-9]{9,13}(?:\.[0-9]{1,9})?", re.ASCII)
_KINDS = {dict: "an object", list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}


def moment(value: object) -> int:
    """Return a time as microseconds since 1970: ISO 8601, naive being UTC, or seconds or milliseconds since 1970.

    Fractions finer than a microsecond are cut. Raises ValueError, also beyond the years 1970 to 2199.
    """
    if isinstance(value, str) and not _EPOCH_NUMBER.fullmatch(value):
        micros = _from_iso(value)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        # through text: 1534110422.389832 is not exact as a binary fraction
        number = Decimal(str(value))
        if not number.is_finite():
            raise ValueError("no finite number")
        micros = int(number * (1_000 if number >= _MILLISECONDS_FROM else 1_000_000))
    else:
        raise ValueError("no time")
    if not 0 <= micros < _END:
        raise ValueError("beyond the years 1970 to 2199")
    return micros


def _from_iso(text: str) -> int:
    if len(text) < len("20250625T1210"):
        raise ValueError("a date without a time")
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        # RFC 3339 allows small letters; some write a space before the offset
        when = datetime.fromisoformat(text.strip().upper().replace(" +", "+").replace(" -", "-"))
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    since = when - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment_in_text(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("no text")  # noqa: TRY004 - pydantic makes a complaint of a ValueError, a TypeError would pass it by
    return moment(value)


def _loose_id(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value is None or (isinstance(value, str) and len(value) <= LONGEST_ID and not _has_control(value)):
        return value
    raise ValueError("neither a short text nor a whole number")


def _loose_number(value: object) -> str | None:
    if isinstance(value, str):
        if len(value) > _LONGEST_NUMBER:
            raise ValueError("a long text")
        return value
    return _loose_id(value)


_has_control = re.compile(f"[{CONTROL}]").search
_CLEAN = f"^[^{CONTROL}]*$"
_LONGEST_NUMBER = LONGEST_ADDRESS // 2
"""Characters: of a country's code and a number behind it."""
_ID = f"text of 1 to {LONGEST_ID} characters, no control characters"
_ADDRESS = f"text of 1 to {LONGEST_ADDRESS} characters"
_ISO = "a time as in 2026-05-06T10:15:00.123Z"

Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=_CLEAN, description=_ID)]
OptionalId = Annotated[str | None, Field(max_length=LONGEST_ID, pattern=_CLEAN, description=f"{_ID}, or nothing")]
GivenAddress = Annotated[str, Field(min_length=1, max_length=LONGEST_ADDRESS, description=_ADDRESS)]
"""A recipient as the provider writes it, whatever it holds: what is no address is kept as it is."""
OptionalAddress = Annotated[str | None, Field(max_length=LONGEST_ADDRESS, description=f"{_ADDRESS}, or nothing")]
LooseId = Annotated[str | None, PlainValidator(_loose_id), Field(description=f"{_ID}, a whole number or nothing")]
"""For documents that do not say which of the two they send."""
LooseNumber = Annotated[
    str | None,
    PlainValidator(_loose_number),
    Field(description=f"text of 1 to {_LONGEST_NUMBER} characters, a whole number or nothing"),
]
"""A phone number or a part of one, likewise."""
Text = Annotated[str, Field(description="text")]
OptionalText = Annotated[str | None, Field(description="text or nothing")]
Moment = Annotated[int, PlainValidator(_moment_in_text), Field(description=_ISO)]
OptionalMoment = Annotated[
    int | None,
    PlainValidator(lambda value: None if value is None else _moment_in_text(value)),
    Field(description=f"{_ISO}, or nothing"),
]
AnyMoment = Annotated[int, PlainValidator(moment), Field(description=f"{_ISO}, or milliseconds since 1970")]


class Payload(BaseModel):
    """A part of a webhook's body; fields that nobody reads here are let be."""

    model_config = ConfigDict(extra="ignore", frozen=True)


P = TypeVar("P", bound=Payload)


def parse(body: bytes) -> dict[str, Any]:
    """Return the object that a body is.

    Raises BadInputError.
    """
    if not body:
        raise BadInputError("body: empty, expected a JSON object")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadInputError(f"body: not JSON, {_broken(body, error)}, expected a JSON object") from None
    if not isinstance(parsed, dict):
        raise BadInputError(f"body: {kind(parsed)}, expected a JSON object")
    return parsed


def _broken(body: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        body.decode()
    except UnicodeDecodeError as broken:
        return f"no UTF-8 at byte {broken.start}"
    return f"{error.msg} at byte {len(error.doc[: error.pos].encode())}"


def read(payload: type[P], body: dict[str, Any]) -> P:
    """Return a body as its payload.

    Raises BadInputError that names every field at fault.
    """
    try:
        return payload.model_validate(body)
    except ValidationError as error:
        complaints = [
            f"{'.'.join(map(str, fault['loc']))}: {_found(fault)}, expected {_expected(payload, fault['loc'])}"
            for fault in error.errors(include_url=False, include_context=False)
        ]
    # raised out here, or the values in the ValidationError would follow it into every log
    raise BadInputError("; ".join(complaints))


def kind(value: object) -> str:
    """Say of what kind a JSON value is, and nothing of the value itself."""
    if value is None:
        return "null"
    return f"text of {len(value)} characters" if isinstance(value, str) else _KINDS[type(value)]


def _found(fault: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails is no public type at run time
    return "missing" if fault["type"] == "missing" else kind(fault["input"])


def _expected(payload: type[Payload], path: tuple[int | str, ...]) -> str:
    field = next(field for name, field in payload.model_fields.items() if path[0] in _spellings(name, field))
    if isinstance(field.annotation, type) and issubclass(field.annotation, Payload):
        return _expected(field.annotation, path[1:]) if len(path) > 1 else "an object"
    return field.description or "another value"


def _spellings(name: str, field: FieldInfo) -> list[Any]:
    alias = field.validation_alias or name
    return alias.choices if isinstance(alias, AliasChoices) else [alias]
