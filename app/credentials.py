"""Secrets and public keys as configured: the text itself, or the file or variable that holds it, and until when."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, model_validator

SHORTEST = 8
"""Characters of a secret: a shorter one is guessed."""


class Group(BaseModel):
    """A part of the settings: frozen, without unknown keys, and silent about the values of a failed validation."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Credential(Group):
    """A secret or a public key; in place of the whole table its text alone will do."""

    value: SecretStr = Field(SecretStr(""), description="The text itself")
    file: Path | None = Field(None, description="File that holds it instead; a line end behind it does not count")
    env: str = Field("", description="Environment variable that holds it instead")
    name: str = Field(
        "", pattern="^[A-Za-z0-9._-]{0,32}$", description="What metrics call it; unset: its place in the list, from 1"
    )
    until: AwareDatetime | None = Field(None, description="When it ends, with its time zone; unset: never")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:  # noqa: ANN401 - what a file or a caller gives
        if isinstance(given, str | SecretStr):
            given = {"value": given}
        if not isinstance(given, dict):
            return given
        if sum(key in given for key in ("value", "file", "env")) != 1:
            raise ValueError("expected one of value, file and env")
        if "file" in given:
            return {**given, "value": _in_file(given["file"])}
        if "env" in given:
            return {**given, "value": _in_variable(given["env"])}
        return given

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        text = self.text
        if text != text.strip() and "-----BEGIN" not in text:
            raise ValueError("white space at its beginning or end")
        if len(text) < SHORTEST:
            raise ValueError(f"expected at least {SHORTEST} characters")
        return self

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the credential of a text alone."""
        return cls.model_validate(text)

    @property
    def text(self) -> str:
        """The secret itself."""
        return self.value.get_secret_value()


class Named(NamedTuple):
    """A credential among others of its list."""

    name: str
    """As configured, else its place in the list, from 1."""
    text: str
    until_s: float | None
    """Its last moment, seconds since 1970; None: it has none."""


def named(credentials: Iterable[Credential]) -> list[Named]:
    """Return the credentials of a list by their names."""
    return [
        Named(each.name or str(place), each.text, each.until.timestamp() if each.until else None)
        for place, each in enumerate(credentials, 1)
    ]


def _in_file(path: object) -> str:
    try:
        return Path(str(path)).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError, ValueError):
        raise ValueError(f"cannot read {path} as text") from None


def _in_variable(name: object) -> str:
    found = os.environ.get(str(name))
    if found is None:
        raise ValueError(f"variable {name} is not set")
    return found
