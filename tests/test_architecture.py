"""docs/design/architecture.md names files and folders that exist, and every package of the tree."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/design/architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")
FRAME_FILES = 8
"""From the socket to ``Pipeline.process``: more are too many to follow."""
COMMAND_FILES, COMMAND_TYPES = 9, 4
"""From the broker to the handler and the reply."""


def named(text: str) -> list[str]:
    return re.findall(r"`((?:edge_agent|edge_central|tests|docs)/[\w./-]*)`", text)


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def steps(title: str) -> list[str]:
    """Files in the first column of the section's table."""
    return re.findall(r"^\| `(\w+/[\w./]+)` \|", section(title), flags=re.MULTILINE)


def test_every_file_and_folder_that_the_page_names_exists() -> None:
    assert [name for name in named(TEXT) if not (ROOT / name).exists()] == []


def test_the_tables_of_the_tree_name_every_package_and_nothing_else() -> None:
    for package in ("edge_agent", "edge_central"):
        table = section("The tree").partition(f"| `{package}/` |")[2].partition("\n\n")[0]
        cells = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
        reported = {name.rstrip("/") for cell in cells for name in re.findall(r"`([\w./]+)`", cell)}
        there = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
        assert there <= reported
        assert [name for name in reported if not (ROOT / package / name).exists()] == []


def test_a_frame_an_event_and_a_command_are_followed_through_files_that_exist() -> None:
    for title in ("A frame", "An event", "A command"):
        files = steps(title)
        assert len(files) > 3, title
        assert [file for file in files if not (ROOT / file).is_file()] == []


def test_a_frame_passes_few_files() -> None:
    assert len(steps("A frame")) <= FRAME_FILES


def test_a_command_passes_few_files_and_types() -> None:
    """The page names every module of ``commands``, so no step can be left out of it."""
    files = steps("A command")
    types = re.findall(r"^\| `(\w+)` \|", section("A command"), flags=re.MULTILINE)
    assert len(files) <= COMMAND_FILES
    assert len(types) <= COMMAND_TYPES
    commands = ROOT / "edge_agent/commands"
    package = {f"edge_agent/commands/{path.name}" for path in commands.glob("[a-z]*.py")}
    assert package <= set(files)
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "edge_agent").rglob("*.py"))
    assert [name for name in types if f"class {name}" not in sources] == []
