"""Each promise of docs/design/threats.md names a test that exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs/design/threats.md"


def named() -> Iterator[tuple[str, str]]:
    """File and part of a test's name ("" for the file alone), of the last column of each table."""
    for row in PAGE.read_text(encoding="utf-8").splitlines():
        file = ""
        for part in row.rsplit("|", 2)[-2].split(";") if row.startswith("|") else ():
            found = re.search(r"[\w/]+\.py", part)
            file = found[0] if found else file
            names = re.findall(r"`(\w+)`", part)
            if file:
                yield from ((file, name) for name in names or [""])


def test_every_test_that_the_page_names_exists() -> None:
    missing = [
        f"{file}: {name}"
        for file, name in named()
        if not (TESTS / file).is_file() or not re.search(rf"def test_\w*{name}", (TESTS / file).read_text())
    ]
    assert not missing
    assert len(list(named())) > 60
