"""What ``edge-agent search`` refuses before it connects to a centre."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testbed.command_line import run_command

CENTRE = "https://127.0.0.1:1"


def search(token_file: Path, centre: str = CENTRE, from_at: str = "2026-11-24T20:15") -> str:
    """What the command says on stderr."""
    question = ["--purpose", "stolen moped", "--case", "7/2026", "--from", from_at]
    done = run_command("search", "--centre", centre, "--token-file", token_file, *question)
    assert done.returncode == 2
    return done.stderr


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("a-token\n")
    return path


@pytest.mark.parametrize("centre", ["https://[bad", "https://centre:99999", "ftp://centre", "https://"])
def test_a_bad_address_is_named(centre: str, token_file: Path) -> None:
    assert "--centre" in search(token_file, centre)


def test_a_password_in_the_address_is_refused_and_not_repeated(token_file: Path) -> None:
    error = search(token_file, "https://an:s3cret@127.0.0.1:1")
    assert "without a user" in error
    assert "s3cret" not in error


@pytest.mark.parametrize("content", [b"\xb3\xff\x00", b"a" * 2_000], ids=["binary", "long"])
def test_a_file_without_a_token_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    assert "--token-file" in search(path)


def test_a_device_is_read_to_a_limit() -> None:
    assert "--token-file" in search(Path("/dev/zero"))


@pytest.fixture
def vietnam(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is that of Vietnam, 7 hours ahead of UTC."""
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("vietnam")
def test_a_time_before_year_1_in_utc_is_named(token_file: Path) -> None:
    assert "too far away" in search(token_file, from_at="0001-01-01T00:00")
