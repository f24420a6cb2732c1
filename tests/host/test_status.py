"""``edge-agent status`` over a real socket."""

from __future__ import annotations

import io
import json
import re
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import jsonschema
import msgspec
import pytest

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang
from edge_agent.core.model import CameraState, Cause
from edge_agent.core.problems import problem_text
from edge_agent.core.worker import SupervisedThread
from edge_agent.host.health.degraded import CAUSE_TEXT
from edge_agent.host.health.heartbeat import HealthSources, HeartbeatMaker
from edge_agent.host.local_api.local_socket import IDLE_S, LocalServer, places_to_listen
from edge_agent.host.local_api.status import (
    StatusDocument,
    StatusServer,
    ask_status,
    run_status,
    status_document,
)
from edge_agent.tools.doctor.checks.delivery import check_agent
from edge_agent.tools.doctor.words import said_of
from tests.host.fakes import FakeClock, camera, settings
from tests.host.test_heartbeat import WELL
from tests.testbed.mosquitto import wait_until

DOCS = Path(__file__).parents[2] / "docs"

REFUSED = camera("gate-north", CameraState.OFFLINE, Cause.UNAUTHORIZED, 1000.0, "401 on DESCRIBE")
BAD_PASSWORD = replace(WELL, cameras=lambda: (camera("cam-1"), REFUSED))


@pytest.fixture(autouse=True)
def no_run_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


@contextmanager
def agent(state_dir: Path, sources: HealthSources = WELL, idle_s: float = IDLE_S) -> Iterator[StatusServer]:
    """A status server over ``state_dir`` as a running agent has it."""
    configured = settings(state_dir)
    maker = HeartbeatMaker(configured, FakeClock(), sources)

    def document() -> StatusDocument:
        statuses = sources.cameras()
        details = {status.camera_id: status.detail for status in statuses}
        texts = [status.kept_awake for status in statuses]
        return status_document(configured, maker.make(), details, texts=texts)

    server = StatusServer(places_to_listen(state_dir), document, idle_s)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def ask(state_dir: Path, *, as_json: bool = False, lang: Lang = "en") -> tuple[int, str]:
    out = io.StringIO()
    return run_status(settings(state_dir), as_json, out, lang), out.getvalue()


def test_readable_status_says_what_is_wrong_first(tmp_path: Path) -> None:
    with agent(tmp_path, BAD_PASSWORD):
        code, text = ask(tmp_path)
    lines = text.splitlines()
    assert code == 0
    assert lines[0].startswith("dt-001 (Lý Thường Kiệt), ward de-tham: edge-agent ")
    assert lines[1] == "  ! camera gate-north offline since 12:03: 401 on DESCRIBE (unauthorized)"
    parts = ["agent", "gateway", "clock", "mqtt", "outbox", "detector"]
    assert [line.split()[0] for line in lines[2:8]] == parts
    rates = "10 fps in, 5 analysed  512 kbit/s"
    assert lines[8:] == [
        f"camera    cam-1       online   since 12:03  h264 640x360  {rates}  gear full",
        "camera    gate-north  offline  since 12:03  401 on DESCRIBE (unauthorized)  h264 640x360",
    ]


def test_a_vietnamese_reader_gets_each_part_in_vietnamese(tmp_path: Path) -> None:
    with agent(tmp_path, BAD_PASSWORD):
        code, text = ask(tmp_path, lang="vi")
    lines = text.splitlines()
    assert code == 0
    assert lines[0].startswith("dt-001 (Lý Thường Kiệt), phường de-tham: edge-agent ")
    assert lines[1] == "  ! camera gate-north mất hình từ 12:03: 401 on DESCRIBE"
    assert [re.split("  +", line)[0] for line in lines[2:8]] == [
        "phần mềm", "thiết bị", "đồng hồ", "máy chủ nhận tin", "hàng chờ gửi", "bộ nhận dạng"
    ]  # fmt: skip
    assert lines[8].endswith(
        "cam-1       có hình từ 12:03  h264 640x360  nhận 10 khung hình/giây, phân tích 5  512 kbit/s"
        "  giải mã: toàn bộ"
    )
    assert lines[9].endswith(
        "gate-north  mất hình từ 12:03  không đăng nhập được (unauthorized): 401 on DESCRIBE  h264 640x360"
    )


def test_details_with_a_code_are_said_in_vietnamese(tmp_path: Path) -> None:
    few = problem_text("awake-few-keyframes")
    found = (
        camera("cam-1", CameraState.OFFLINE, Cause.UNREACHABLE, 1000.0, problem_text("host-silent")),
        replace(camera("cam-2"), kept_awake=few),
    )
    with agent(tmp_path, replace(WELL, cameras=lambda: found)):
        text = ask(tmp_path, lang="vi")[1]
        english = ask(tmp_path)[1]
    assert "mất hình từ 12:03  camera không trả lời (unreachable)" in text
    assert "luôn giải mã toàn bộ: chưa nhận đủ khung I để đo khoảng cách giữa các khung I" in text
    assert "always awake: too few keyframes were received to measure their interval" in english


@pytest.mark.parametrize(
    ("cause", "detail"),
    [
        (Cause.UNREACHABLE, "the camera answers with a server error (5xx)"),
        (Cause.UNAUTHORIZED, "the agent may not read it"),
    ],
)
def test_status_says_what_the_reader_found_out(tmp_path: Path, cause: Cause, detail: str) -> None:
    found = camera("cam-1", CameraState.OFFLINE, cause, 1000.0, detail)
    with agent(tmp_path, replace(WELL, cameras=lambda: (found,))):
        text = ask(tmp_path)[1]
    assert text.count(f"{detail} ({cause})") == 2, "among what is wrong, and with the camera"
    assert "no answer" not in text
    assert "wrong user" not in text


@pytest.mark.parametrize("page", ["reference/heartbeat.md", "guide/first-site.md"])
def test_the_pages_give_each_cause_the_meaning_the_agent_gives_it(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for cause in Cause:
        assert f"| `{cause}` | {CAUSE_TEXT[cause]} |" in text


def test_healthy_site_says_so(tmp_path: Path) -> None:
    with agent(tmp_path):
        assert ask(tmp_path)[1].splitlines()[1] == "all is well"


def test_json_is_the_document_as_the_schema_describes_it(tmp_path: Path) -> None:
    with agent(tmp_path, BAD_PASSWORD):
        code, text = ask(tmp_path, as_json=True)
    document = json.loads(text)
    jsonschema.Draft202012Validator(msgspec.json.schema(StatusDocument)).validate(document)
    assert code == 0
    assert document["heartbeat"]["cameras"]["gate-north"]["cause"] == "unauthorized"
    assert document["details"] == {"gate-north": "401 on DESCRIBE"}


def test_no_agent_gives_a_clear_message_and_exit_code_3(tmp_path: Path) -> None:
    code, text = ask(tmp_path)
    assert code == 3
    assert text.startswith("dt-001: no agent runs here")
    assert str(tmp_path / "status.sock") in text
    assert "systemctl start edge-agent" in text


def test_no_agent_is_said_in_vietnamese_too(tmp_path: Path) -> None:
    assert ask(tmp_path, lang="vi")[1].startswith("dt-001: phần mềm không chạy trên máy này")


def test_stopped_agent_leaves_no_socket(tmp_path: Path) -> None:
    with agent(tmp_path):
        assert (tmp_path / "status.sock").exists()
    assert list(tmp_path.iterdir()) == []


def test_socket_left_by_a_killed_agent_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(str(tmp_path / "status.sock"))
    assert ask(tmp_path)[0] == 3
    with agent(tmp_path):
        assert ask(tmp_path)[0] == 0


def test_a_socket_that_was_removed_is_made_again(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    with agent(state_dir, idle_s=0.05):
        shutil.rmtree(state_dir)
        assert ask(state_dir)[0] == 3
        state_dir.mkdir()  # the outbox does that
        wait_until((state_dir / "status.sock").exists)
        assert ask(state_dir)[0] == 0
    assert list(state_dir.iterdir()) == []


def test_second_agent_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    with agent(tmp_path), pytest.raises(EdgeAgentError, match="another agent answers"), agent(tmp_path):
        pass


def test_file_in_the_way_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "status.sock").write_text("mine")
    with pytest.raises(EdgeAgentError, match="not a socket"), agent(tmp_path):
        pass
    assert (tmp_path / "status.sock").read_text() == "mine"


def test_socket_is_for_owner_and_group_only(tmp_path: Path) -> None:
    with agent(tmp_path):
        assert stat.S_IMODE((tmp_path / "status.sock").stat().st_mode) == 0o660


def test_state_directory_may_have_a_longer_path_than_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with agent(deep):
        assert ask(deep)[0] == 0


def test_run_directory_of_systemd_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{run_dir}:/elsewhere")
    with agent(tmp_path):
        assert (run_dir / "status.sock").exists()
        assert ask(tmp_path)[0] == 0


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """A state directory in which no user, not even root, can create a socket."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "state"


@pytest.fixture
def session_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "session"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


def test_without_a_writable_one_the_users_run_directory_serves(unwritable: Path, session_dir: Path) -> None:
    with agent(unwritable):
        assert ask(unwritable)[0] == 0
        assert stat.S_IMODE((session_dir / "edge-agent").stat().st_mode) == 0o700
        assert ask(unwritable.with_name("another"))[0] == 3
    assert list((session_dir / "edge-agent").iterdir()) == []


def test_a_run_directory_that_others_may_enter_is_not_trusted(unwritable: Path, session_dir: Path) -> None:
    with agent(unwritable):
        (session_dir / "edge-agent").chmod(0o777)
        assert ask(unwritable)[0] == 3


def test_two_agents_on_an_unwritable_directory_are_two_too_many(unwritable: Path, session_dir: Path) -> None:
    with agent(unwritable), pytest.raises(EdgeAgentError, match="another agent answers"), agent(unwritable):
        pass


@pytest.mark.parametrize("mode", [0o777, 0o750])
def test_a_directory_of_somebody_else_is_not_used(unwritable: Path, session_dir: Path, mode: int) -> None:
    (session_dir / "edge-agent").mkdir()
    (session_dir / "edge-agent").chmod(mode)
    first, private, *_ = places_to_listen(unwritable)
    with pytest.raises(EdgeAgentError, match="directory of this user alone"):
        StatusServer([first, private], lambda: pytest.fail("asked")).start()


def test_answer_that_is_no_document_is_a_failure(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.bind(str(tmp_path / "status.sock"))
        stranger.listen(1)
        # The client connects to the backlog; the test answers and closes the connection.
        with _background_answer(stranger, b"hello\n"):
            code, text = ask(tmp_path)
    assert code == 1
    assert "gives no usable answer" in text


@contextmanager
def _background_answer(listener: socket.socket, answer: bytes) -> Iterator[None]:
    def serve(loop: SupervisedThread) -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(answer)

    loop = SupervisedThread("stranger", serve)
    loop.start()
    yield
    assert loop.join(5.0)


def test_configuration_file_says_where_to_ask(tmp_path: Path) -> None:
    file = tmp_path / "edge-agent.yaml"
    file.write_text(
        "gateway: {id: dt-001, ward: de-tham, name: Test, timezone: Asia/Ho_Chi_Minh}\n"
        f"state_dir: {tmp_path}\n"
        "mqtt: {brokers: ['mqtt://localhost:1883'], password_file: absent.pass, username: dt-001}\n"
        "cameras: []\n"
    )
    out = io.StringIO()
    with agent(tmp_path):
        assert run_status(file, False, out) == 0, "secrets are not needed to ask"
    assert out.getvalue().startswith("dt-001 ")


def test_agent_of_another_gateway_is_not_taken_for_this_one(tmp_path: Path) -> None:
    other = settings(tmp_path)
    other = replace(other, gateway=replace(other.gateway, id="dt-002"))
    out = io.StringIO()
    with agent(tmp_path):
        assert run_status(other, False, out) == 3
        assert "the agent that runs here has the id dt-001, the configuration says dt-002" in out.getvalue()
        (result,) = check_agent(ask_status(other), other)
    assert said_of(result, "vi") == "đang chạy với mã dt-001, còn cấu hình ghi dt-002"
    assert check_agent(ask_status(other), other)[0].finding == "agent-stopped"


def test_a_folder_that_fails_does_not_end_the_server(tmp_path: Path) -> None:
    server = LocalServer("status", [tmp_path / "s.sock"], mode=0o600)
    with socket.socket(socket.AF_UNIX) as server._listener:
        server._path = tmp_path / ("x" * 300)  # any access to this name fails, as on a failing card
        server._listen_again()
