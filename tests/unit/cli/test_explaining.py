"""`classify --explain` and `--overlay` on the command line."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from app.classify import MAPPING_VERSION
from app.cli.program import app

HEADER = "tenant,kind,match,codes,reason,attribution,permanence,note\n"
OWN = "acme,code,elfo:42,,invalid_recipient,RECIPIENT,PERMANENT,from the supplier\n"
FORTY_TWO = ["classify", "--channel", "sms", "--code", "42"]


@pytest.fixture
def own(tmp_path: Path) -> str:
    file = tmp_path / "own.csv"
    file.write_text(HEADER + OWN)
    return str(file)


def test_explain_shows_the_deciding_row_and_the_others() -> None:
    result = CliRunner().invoke(app, ["classify", "--channel", "whatsapp", "--code", "131026", "--explain"])
    verdict, decided, mapping, blank, first, *others = result.stdout.splitlines()
    assert verdict == "recipient_not_on_channel: RECIPIENT, PERMANENT, suppresses"
    assert decided == "decided by meta_whatsapp:131026 (confidence CODE)"
    assert (mapping, blank) == (f"mapping {MAPPING_VERSION}", "")
    assert first.split() == ["fits", "code", "meta_whatsapp:131026", "decides:", "meta", "lists", "131026"]
    (family,) = others
    assert family.split(maxsplit=3) == [
        "fits",
        "family",
        "families:meta:131000-131199",
        "131026 lies in 131000 to 131199; a row before it decided",
    ]


def test_with_lines_an_explanation_is_a_json_object_a_line() -> None:
    line = '{"channel": "whatsapp", "code": "131026"}\n'
    result = CliRunner().invoke(app, ["classify", "--lines", "--explain"], input=line)
    document = orjson.loads(result.stdout)
    assert (document["decided_by"], document["mapping_version"]) == ("meta_whatsapp:131026", MAPPING_VERSION)
    assert document["steps"][0] == {
        "stage": "code",
        "row": "meta_whatsapp:131026",
        "matched": True,
        "because": "decides: meta lists 131026",
    }


def test_an_overlay_changes_the_verdict_for_its_tenant(own: str) -> None:
    changed = CliRunner().invoke(app, [*FORTY_TWO, "--overlay", own, "--tenant", "acme"])
    other = CliRunner().invoke(app, [*FORTY_TWO, "--overlay", own])
    assert orjson.loads(changed.stdout)["reason"] == "invalid_recipient"
    assert orjson.loads(other.stdout)["reason"] == "unknown"


def test_a_byte_order_mark_in_front_is_no_mistake(own: str, tmp_path: Path) -> None:
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + Path(own).read_bytes())
    results = [
        CliRunner().invoke(app, [*FORTY_TWO, "--overlay", str(file), "--tenant", "acme"]) for file in (own, marked)
    ]
    assert results[0].stdout == results[1].stdout


def test_an_explanation_names_the_row_of_the_overlay_and_its_version(own: str) -> None:
    result = CliRunner().invoke(app, [*FORTY_TWO, "--overlay", own, "--tenant", "acme", "--explain"])
    assert "decided by own:2 (confidence CODE)" in result.stdout
    assert f"mapping {MAPPING_VERSION}+" in result.stdout


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (HEADER + OWN.replace("invalid_recipient", "gone"), "own.csv:2: unknown word: 'gone'"),
        ("code\n", "own.csv:1: the columns must be tenant"),
        (HEADER + "\udcff", "own.csv:2: expected UTF-8"),
        (None, "No such file"),
    ],
)
def test_an_overlay_that_cannot_be_used_is_refused(tmp_path: Path, content: str | None, complaint: str) -> None:
    file = tmp_path / "own.csv"
    if content is not None:
        file.write_bytes(content.encode(errors="surrogateescape"))
    result = CliRunner().invoke(app, [*FORTY_TWO, "--overlay", str(file)], env={"COLUMNS": "300"})
    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in " ".join(result.stderr.split())
