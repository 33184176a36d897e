from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.cli.program import app
from app.cli.replaying import moment_of
from app.domain.clock import DAY, HOUR, MINUTE

NOW = 1_780_000_000_000_000
run = CliRunner().invoke


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - 7 * DAY),
        ("12h", NOW - 12 * HOUR),
        ("30m", NOW - 30 * MINUTE),
        ("2026-05-06", 1_778_025_600_000_000),
        ("2026-05-06T10:15", 1_778_062_500_000_000),
        ("2026-05-06T12:15:00+02:00", 1_778_062_500_000_000),
        ("2026-05-06T10:15:00Z", 1_778_062_500_000_000),
        # 0 would be the beginning of the topics
        ("99999d", 1),
        ("1970-01-01", 1),
    ],
)
def test_since_is_a_time_ago_or_a_date(text: str, moment: int) -> None:
    assert moment_of(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "7", "7w", "-1d", "yesterday", "2026-13-01"])
def test_since_is_nothing_else(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="--since: expected 7d"):
        moment_of(text, NOW)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--since", "soon"], "--since: expected 7d"),
        (["--tenant", "a/b"], "tenant: text of 3 characters"),
        (["--by", "provider:prelude"], "--by: expected"),
        (["--by", "x" * 129], "--by: expected"),
    ],
)
def test_a_wrong_call_is_refused(arguments: list[str], complaint: str) -> None:
    result = run(app, ["replay", *arguments])

    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in " ".join(result.stderr.split())


def test_a_broken_overlay_is_one_line(tmp_path: Path) -> None:
    """Before anything is asked of Kafka."""
    (tmp_path / "own.csv").write_text("tenant,code\n")

    result = run(app, ["replay", "--overlay", str(tmp_path / "own.csv")])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("undelivered: own.csv:1: the columns must be ")
