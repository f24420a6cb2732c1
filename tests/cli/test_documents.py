"""Every ``edge-agent`` command line in the documents is accepted, with the present names of options."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.cli.test_parsers import ROOT, WHOLE

COMMAND = re.compile(r"^ *(?:sudo (?:-u \S+ )?)?edge-agent (\S.*)$", re.MULTILINE)
NO_COMMAND = ("...", "…", "edge-agent command: ", "$(")
"""Marks of lines that leave something out, or that show an output."""


def documented() -> Iterator[list[str]]:
    """The words of each command line, without comments, pipes and redirections."""
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "decisions"]
    for page in (*pages, ROOT / "README.md", ROOT / "README.vi.md"):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in COMMAND.findall(text):
            command = re.split(r"\s+#|\s[|>&]", line)[0]
            if command.split()[0] in WHOLE.commands and not any(each in line for each in NO_COMMAND):
                yield shlex.split(command)


def test_documented_commands_are_accepted_without_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    count, wrong = 0, []
    for words in documented():
        count += 1
        try:
            WHOLE.parse_args(words)
        except SystemExit as end:
            wrong += [words] if end.code else []
        wrong += [words] if "is now called" in capsys.readouterr().err else []
    assert not wrong
    assert count > 40
