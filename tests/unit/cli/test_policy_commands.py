from pathlib import Path

from typer.testing import CliRunner

from app.cli.program import app
from app.domain.policy import load_policy

run = CliRunner().invoke


def test_a_usable_policy_is_named_by_its_version(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nchannel = "sms"\nsuppress_days = 5\n')

    result = run(app, ["policy", "check", str(file)])

    assert (result.exit_code, result.stdout) == (0, f"rules.toml: can be used, as policy {load_policy(file).version}\n")


def test_each_mistake_is_told_with_its_line_and_key(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text("[[rule]]\nsuppres = false\nfailures = 99\n")

    result = run(app, ["policy", "check", str(file)])

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "undelivered: rules.toml:3: rule.failures: Input should be less than or equal to 16",
        "rules.toml:2: rule.suppres: Extra inputs are not permitted",
    ]


def test_a_missing_file_is_one_line() -> None:
    result = run(app, ["policy", "check", "absent.toml"])

    assert (result.exit_code, result.stderr) == (1, "undelivered: absent.toml: No such file or directory\n")
