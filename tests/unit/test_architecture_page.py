"""The page that says how the product is built names what is there, and tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
MAP = PAGE.partition("```text\n")[2].partition("```")[0]
NO_ROOMS = {"__init__.py", "__pycache__"}


def _mapped() -> dict[str, set[str]]:
    """Return what the map names in each folder."""
    found: dict[str, set[str]] = {}
    folder = ""
    for line in MAP.splitlines():
        name = line.split()[0].rstrip("/")
        depth = (len(line) - len(line.lstrip())) // 2
        if depth == 0:
            folder = name
            found[folder] = set()
        elif depth == 1:
            found[folder].add(name)
    return found


def test_the_map_names_every_folder_and_every_module_beside_them() -> None:
    mapped = _mapped()
    for folder in ("app", "tests", "benchmarks", "docs"):
        there = {each.name for each in (ROOT / folder).iterdir() if each.name not in NO_ROOMS}
        folders = {name for name in there if (ROOT / folder / name).is_dir()}
        assert mapped[folder] >= folders
        assert mapped[folder] <= there
    modules = {each.name for each in (ROOT / "app").glob("*.py")}
    assert mapped["app"] >= modules - NO_ROOMS


def test_each_test_that_it_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    written = "\n".join(each.read_text("utf-8") for each in (ROOT / "tests").rglob("test_*.py"))
    assert named
    assert {name for name in named if f"def {name}(" not in written} == set()
