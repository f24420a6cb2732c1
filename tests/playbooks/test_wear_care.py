"""What role base does for the card: logs in memory, and a keeper that writes only what is new."""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

import pytest

from tests.playbooks.test_board_and_network import rendered

# The box's folder and journalctl, in this mount namespace only.
ENTER = """mount -t tmpfs tmpfs /var/log && mkdir /var/log/edge && mount --bind "$1" /var/log/edge &&
PATH="$2:$PATH" exec sh "$3" """


def test_the_journal_is_in_memory_and_bounded() -> None:
    settings = configparser.ConfigParser()
    settings.read_string(rendered("base", "journald.conf.j2"))
    assert dict(settings["Journal"])["storage"] == "volatile"
    assert dict(settings["Journal"])["runtimemaxuse"] == "32M"


def test_the_kernel_writes_seldom() -> None:
    text = rendered("base", "sysctl.conf.j2")
    lines = dict(line.split(" = ") for line in text.splitlines() if " = " in line)
    assert int(lines["-vm.dirty_writeback_centisecs"]) >= 3000
    assert int(lines["-vm.dirty_expire_centisecs"]) >= int(lines["-vm.dirty_writeback_centisecs"])


class Keeper:
    """The script of the role with a journal that the test writes."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root may put another folder in the place of /var/log/edge")
        self.kept, self._bin, self._script = folder / "edge", folder / "bin", folder / "keeper"
        self._journal = folder / "journal"
        self.kept.mkdir()
        self._bin.mkdir()
        (self._bin / "journalctl").write_text(f'#!/bin/sh\necho "$@" >&2\ncat {self._journal}\n')
        (self._bin / "journalctl").chmod(0o755)
        self._script.write_text(rendered("base", "edge-keep-journal.j2"))

    def run(self, journal: str) -> str:
        """What journalctl is asked for."""
        self._journal.write_text(journal)
        enter = ["unshare", "--mount", "sh", "-c", ENTER, "sh"]
        files = map(str, (self.kept, self._bin, self._script))
        done = subprocess.run([*enter, *files], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def files(self) -> dict[str, tuple[int, int]]:
        """Inode and time of the last write, by name."""
        return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in (self.kept, *self.kept.iterdir())}


def test_the_keeper_writes_only_what_is_new(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    assert "--priority=warning --lines=1000" in keeper.run("a warning\n")
    assert (keeper.kept / "last.log").read_text() == "a warning\n"
    before = keeper.files()
    keeper.run("a warning\n")
    assert keeper.files() == before, "nothing is written, not even a name"
    keeper.run("a warning\nanother\n")
    assert (keeper.kept / "last.log").read_text() == "a warning\nanother\n"


def test_the_warnings_of_the_boot_before_are_kept_once_more(tmp_path: Path) -> None:
    keeper = Keeper(tmp_path)
    keeper.run("the last that was seen\n")
    (keeper.kept / "boot").write_text("of another boot\n")
    keeper.run("all is well again\n")
    assert (keeper.kept / "before.log").read_text() == "the last that was seen\n"
    assert (keeper.kept / "last.log").read_text() == "all is well again\n"
    keeper.run("all is well again\nstill\n")
    assert (keeper.kept / "before.log").read_text() == "the last that was seen\n"
