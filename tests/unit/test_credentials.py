from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.credentials import Credential

SECRET = "hunter2-hunter2"


def made(given: Any) -> Credential:  # noqa: ANN401 - as a file gives it
    return Credential.model_validate(given)


def test_a_text_alone_will_do() -> None:
    assert made(SECRET).text == made({"value": SECRET}).text == Credential.of(SECRET).text == SECRET


def test_it_may_stand_in_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for end in ("", "\n", "\r\n"):
        (tmp_path / "secret").write_bytes(f"{SECRET}{end}".encode())
        assert made({"file": str(tmp_path / "secret")}).text == SECRET
    monkeypatch.setenv("SHOP_SECRET", SECRET)
    found = made({"env": "SHOP_SECRET", "name": "2026", "until": "2026-12-31T00:00:00Z"})
    assert (found.text, found.name, found.until) == (SECRET, "2026", datetime(2026, 12, 31, tzinfo=UTC))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("", "expected at least 8 characters"),
        (" " * 20, "white space at its beginning or end"),
        ("x", "expected at least 8 characters"),
        (SECRET + " ", "white space at its beginning or end"),
        (SECRET + "\n", "white space at its beginning or end"),
        ({}, "expected one of value, file and env"),
        ({"value": SECRET, "env": "HOME"}, "expected one of value, file and env"),
        ({"file": "/nowhere/at/all"}, "cannot read /nowhere/at/all as text"),
        ({"env": "UNSET_VARIABLE"}, "variable UNSET_VARIABLE is not set"),
        ({"value": SECRET, "until": "2026-12-31T00:00:00"}, "Input should have timezone info"),
        ({"value": SECRET, "name": "a b"}, "String should match pattern"),
        ({"value": SECRET, "nmae": "a"}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_no_secret_is_named_and_not_shown(given: Any, problem: str) -> None:  # noqa: ANN401 - as a file gives it
    with pytest.raises(ValidationError) as caught:
        made(given)
    assert problem in str(caught.value)
    assert SECRET not in str(caught.value)


def test_it_is_not_shown() -> None:
    assert SECRET not in repr(made(SECRET))
