"""The configuration of the centre: every mistake in one go, with its place."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from edge_agent.central.config import load, markdown, run_check
from edge_agent.errors import ConfigError

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "central.md"
GOOD = "wards: [de-tham, bo-xuyen]\nmqtt:\n  brokers: [mqtt://localhost]\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "edge-central.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), (
        "run: python -m edge_agent.central.config > docs/reference/central.md"
    )


def test_two_lines_are_enough(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    assert settings.wards == ("de-tham", "bo-xuyen")
    assert settings.database.embedded
    out = io.StringIO()
    assert run_check(tmp_path / "edge-central.yaml", False, out, out) == 0
    assert out.getvalue().endswith("valid: central, 2 wards, SQLite\n")


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("wrads: [a]", "4:1", "did you mean 'wards'?"),
        ("database: mysql://x/y", "4:11", "sqlite, or postgresql://"),
        ("database: postgresql://u:hunter2@h/n", "4:11", "database_password_file"),
        ("database: postgresql://h/n?password=hunter2", "4:11", "database_password_file"),
        ("history: {every_s: 1}", "4:20", "from 60 to 86400 seconds"),
        ("database_password_file: missing", "4:25", "no such file"),
        ("password: hunter2", "4:1", "database_password_file"),
        ("id: Trung Tâm", "4:5", "did you mean 'trung-tam'?"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_without_a_secret(
    tmp_path: Path, line: str, place: str, words: str
) -> None:
    path = written(tmp_path, GOOD + line + "\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert str(problem).startswith(f"{path}:{place}: ")
    assert words in problem.message
    assert "hunter2" not in str(caught.value)


def test_a_password_stands_in_a_file_and_in_no_text(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2\n")
    (tmp_path / "pw").chmod(0o600)
    path = written(tmp_path, GOOD + "database: postgresql://edge@db/edge\ndatabase_password_file: pw\n")
    settings = load(path)
    assert settings.database.password is not None
    assert settings.database.password.reveal() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_all_mistakes_come_in_one_go(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, "wards: [De Tham]\nmqtt: {brokers: [localhost]}\nkeep: 1\n"))
    assert len(caught.value.problems) == 3
