from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.program import app
from app.settings import describe

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in an empty folder, on a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("UNDELIVERED_CONFIG", raising=False)


def test_config_shows_every_setting_once() -> None:
    result = run(app, ["config"])

    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    assert rows == [list(knob) for knob in describe()]


def test_version_prints_the_installed_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: {"undelivered": "1.2.3"}[name])
    monkeypatch.setattr("app.avro.COMPILED", True)

    assert run(app, ["version"]).stdout == "1.2.3, Avro by its compiled codec\n"


def test_version_says_when_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_found(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", not_found)

    result = run(app, ["version"])
    assert result.exit_code == 0
    assert result.stdout.startswith("not installed: run from its source, ")


def test_version_says_when_nothing_was_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.avro.COMPILED", False)

    assert run(app, ["version"]).stdout.endswith(", Avro by fastavro: slower, nothing was compiled\n")


def test_an_error_of_ours_is_one_line_and_exit_code_1() -> None:
    result = run(app, ["gateway"], env={"UNDELIVERED_PARTITIONS": "0"})

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "undelivered: partitions: Input should be greater than or equal to 1\n"


def test_an_error_in_a_command_of_a_group_is_one_line_too(tmp_path: Path) -> None:
    """The file with settings is named before the command."""
    result = run(app, ["--config", str(tmp_path / "none.toml"), "topics", "check"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"undelivered: configuration file {tmp_path / 'none.toml'}: no such file\n"


@pytest.mark.parametrize(
    ("setting", "content", "complaint"),
    [
        ("OVERLAY_FILE", "tenant\n", "own.csv:1: the columns must be tenant, kind, "),
        ("OVERLAY_FILE", None, "own.csv: No such file or directory"),
        ("POLICY_FILE", "rule = 3", "own.csv:1: rule: expected [[rule]] tables"),
    ],
)
def test_a_worker_that_cannot_use_its_rules_does_not_ask_kafka(
    tmp_path: Path, setting: str, content: str | None, complaint: str
) -> None:
    """There is none where this one would ask; the mistake is one line."""
    file = tmp_path / "own.csv"
    if content is not None:
        file.write_text(content)

    result = run(
        app, ["worker"], env={f"UNDELIVERED_{setting}": "own.csv", "UNDELIVERED_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    )

    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"undelivered: {complaint}")


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics", "create"],
        ["topics", "check"],
        ["ingest", "f", *["--provider", "treble", "--tenant", "t"]],
        ["replay"],
        ["replay", "--apply"],
    ],
)
def test_kafka_that_cannot_be_reached_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "f").write_text("{}")

    result = run(app, arguments, env={"UNDELIVERED_BOOTSTRAP_SERVERS": "127.0.0.1:1"})

    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("undelivered: Kafka at 127.0.0.1:1: [Errno ")


def test_without_a_command_the_help_is_shown() -> None:
    result = run(app, [])

    assert result.exit_code == 2
    for command in (
        "worker",
        "gateway",
        "topics",
        "ingest",
        "replay",
        "normalize",
        "classify",
        "broker",
        "dev",
        "demo",
        "config",
    ):
        assert f" {command} " in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["broker", "--brokers", "2"],
        ["broker", "--port", "0"],
        ["demo", "--json", "nowhere/f"],
        ["worker", "--log-level", "loud"],
    ],
)
def test_a_wrong_call_is_refused(arguments: list[str]) -> None:
    result = run(app, arguments)

    assert (result.exit_code, result.stdout) == (2, "")
