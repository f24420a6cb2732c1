"""Failed logins at cameras are counted over all programs, users, restarts and interfaces."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from edge_agent.core.camera_logins import FILE, LoginJournal, LoginsUsedUp
from edge_agent.core.secrets import Credentials, Secret
from tests.host.fakes import FakeClock

HOST = "10.0.0.11"
WRONG = Credentials("admin", Secret("wrong-1"))
OTHERS = [Credentials("admin", Secret(f"wrong-{number}")) for number in (2, 3, 4)]


def journal(folder: Path | None, clock: FakeClock | None = None, boot_id: str = "boot 1") -> LoginJournal:
    return LoginJournal(folder, clock or FakeClock(), boot_id, patience_s=0.0)


def begin(
    folder: Path, form: str = "stream", login: Credentials = WRONG, clock: FakeClock | None = None
) -> None:
    """Begin a login in a new program that is killed before the answer."""
    journal(folder, clock).login(HOST, login, form).begin()


def test_a_login_counts_before_it_is_sent_over_any_interface(tmp_path: Path) -> None:
    begin(tmp_path, "digest /ISAPI")
    begin(tmp_path, "wss /onvif")
    with pytest.raises(LoginsUsedUp, match="2 logins of user 'admin' with"):
        begin(tmp_path, "stream")


def test_the_next_login_is_allowed_when_the_message_says(tmp_path: Path) -> None:
    clock = FakeClock()
    begin(tmp_path, clock=clock)
    clock.advance(1200)
    begin(tmp_path, clock=clock)
    with pytest.raises(LoginsUsedUp) as caught:
        begin(tmp_path, clock=clock)
    clock.advance(caught.value.next_s - 1)
    with pytest.raises(LoginsUsedUp):
        begin(tmp_path, clock=clock)
    clock.advance(2)
    begin(tmp_path, clock=clock)


def test_another_password_is_tried_at_once_until_the_camera_would_lock_the_user(tmp_path: Path) -> None:
    begin(tmp_path)
    begin(tmp_path)
    begin(tmp_path, login=OTHERS[0])
    begin(tmp_path, login=OTHERS[1])
    with pytest.raises(LoginsUsedUp, match="4 logins of user 'admin'"):
        begin(tmp_path, login=OTHERS[2])
    begin(tmp_path, login=Credentials("viewer", Secret("wrong-1")))


def test_an_accepted_password_is_not_limited_at_that_interface_until_it_is_refused(tmp_path: Path) -> None:
    for _ in range(10):
        stream = journal(tmp_path).login(HOST, WRONG, "stream")
        stream.begin()
        stream.accepted()
    for _ in range(2):
        begin(tmp_path, "wss /onvif")
    stream = journal(tmp_path).login(HOST, WRONG, "stream")
    stream.begin()
    stream.refused()
    with pytest.raises(LoginsUsedUp):
        stream.begin()


def test_a_third_login_waits_for_the_answer_to_the_first_two(tmp_path: Path) -> None:
    waiting = LoginJournal(tmp_path, FakeClock(), "boot 1")
    first, second, third = (waiting.login(HOST, WRONG, "stream") for _ in range(3))
    first.begin()
    second.begin()
    answer = threading.Timer(0.2, first.accepted)
    answer.start()
    third.begin()
    answer.join()
    second.refused()
    third.accepted()


def test_accepting_forgets_failures_of_that_interface_only(tmp_path: Path) -> None:
    begin(tmp_path, "wss /onvif")
    stream = journal(tmp_path).login(HOST, WRONG, "stream")
    stream.begin()
    stream.accepted()
    begin(tmp_path, "wss /onvif")
    with pytest.raises(LoginsUsedUp):
        begin(tmp_path, "wss /onvif")


def test_a_login_that_the_camera_did_not_judge_is_not_counted(tmp_path: Path) -> None:
    for _ in range(5):
        login = journal(tmp_path).login(HOST, WRONG, "stream")
        login.begin()
        login.cancel()


def test_failures_of_an_earlier_boot_count_for_the_first_hour_of_this_one(tmp_path: Path) -> None:
    for _ in range(2):
        begin(tmp_path, clock=FakeClock(mono=90_000.0))
    with pytest.raises(LoginsUsedUp):
        journal(tmp_path, FakeClock(mono=60.0), "boot 2").login(HOST, WRONG, "stream").begin()
    journal(tmp_path, FakeClock(mono=3700.0), "boot 2").login(HOST, WRONG, "stream").begin()


def test_programs_that_run_at_the_same_time_make_two_logins_together(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from edge_agent.core.camera_logins import LoginJournal, LoginsUsedUp\n"
        "from edge_agent.core.clock import SystemClock, read_boot_id\n"
        "from edge_agent.core.secrets import Credentials, Secret\n"
        "journal = LoginJournal(Path(sys.argv[1]), SystemClock(), read_boot_id(), patience_s=0.0)\n"
        "try: journal.login('10.0.0.11', Credentials('admin', Secret('x')), 'stream').begin()\n"
        "except LoginsUsedUp: sys.exit(3)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) for _ in range(4)]
    assert sorted(each.wait() for each in running) == [0, 0, 3, 3]


@pytest.mark.parametrize("damaged", [b"\x00{{{", b'{"salt":"0g","failed":[],"accepted":[]}'])
def test_the_file_holds_no_password_and_an_unreadable_one_is_replaced(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / FILE).write_bytes(damaged)
    begin(tmp_path)
    begin(tmp_path)
    with pytest.raises(LoginsUsedUp):
        begin(tmp_path)
    assert "wrong-1" not in (tmp_path / FILE).read_text()


def test_without_a_folder_that_can_be_written_one_program_still_makes_two(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "missing"):
        one = journal(folder)
        assert not one.remembers
        for _ in range(2):
            one.login(HOST, WRONG, "stream").begin()
        with pytest.raises(LoginsUsedUp):
            one.login(HOST, WRONG, "stream").begin()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_root_and_the_agents_user_write_the_same_journal() -> None:
    # Not ``tmp_path``: another user cannot reach it.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chown(folder, 4711, 4712)
        begin(folder)  # by root
        status = (folder / FILE).stat()
        assert (status.st_uid, status.st_gid) == (4711, 4712)
        if (child := os.fork()) == 0:  # the agent
            os.setgid(4712)
            os.setuid(4711)
            begin(folder)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        with pytest.raises(LoginsUsedUp):
            begin(folder)
