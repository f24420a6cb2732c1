"""``make run`` as a new user would type it, and its parts where a run would take too long."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest

import edge_agent
from demo.options import WrongUsage, read_options
from demo.view import View
from tests.testbed.agent import wait_until
from tests.testbed.walker import walking_clip
from tests.testbed.walker_model import WALKER_MODEL

ROOT = Path(edge_agent.__file__).parents[1]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return walking_clip(tmp_path_factory.mktemp("demo") / "walker.mp4")


def demo_process(
    folder: Path, *command: str, stderr: int = subprocess.STDOUT, **environ: str | Path
) -> subprocess.Popen[str]:
    """The demo without make, in a folder of its own; ``command``: other arguments of Python."""
    variables = {"PYTHONPATH": str(ROOT), "MODEL": "none"}
    variables |= {name: str(each) for name, each in environ.items()}
    return subprocess.Popen(
        [sys.executable, *(command or ("-m", "demo"))],
        cwd=folder, env=os.environ | variables, umask=0o022, text=True,
        stdout=subprocess.PIPE, stderr=stderr,
    )  # fmt: skip


def make_run(**variables: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "run", *(f"{name}={value}" for name, value in variables.items())]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_make_run_shows_events_as_a_subscriber_gets_them_and_a_summary(clip: Path) -> None:
    done = make_run(CLIP=clip, DURATION="12", MODEL=WALKER_MODEL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"#1 +cam-1 +object +start +person", done.stdout)
    assert re.search(r"cam-1 online 640x360 .* inferences, .* outbox \d+ waiting", done.stdout)
    assert "repeated 0, missing in sequence 0" in done.stdout
    assert "objects   1 person" in done.stdout or "objects   2 person" in done.stdout, "the clip is looped"
    (picture,) = re.findall(r"picture .*: (\S+)$", done.stdout, re.MULTILINE)
    image = cv2.imread(str(ROOT / picture))
    assert image is not None
    assert ((image[..., 1].astype(int) - image[..., 0]) > 100).sum() > 50, "the box is drawn"


@pytest.mark.parametrize(
    ("name", "value", "reported"),
    [
        ("DURATION", "abc", "DURATION=abc: must be a number of seconds above 0"),
        ("DURATION", "-3", "DURATION=-3: must be a number of seconds above 0"),
        ("DURATION", "nan", "DURATION=nan: must be a number of seconds above 0"),
        ("MODEL", "no/such.tflite", "MODEL=no/such.tflite: there is no such file"),
        ("MODEL", str(ROOT / "README.md"), f"MODEL={ROOT}/README.md: not a TFLite model"),
        ("CLIP", "no/such.mp4", "CLIP=no/such.mp4: there is no such file"),
        ("CLIP", str(ROOT / "tests"), f"CLIP={ROOT}/tests: not a file"),
        ("CLIP", str(ROOT / "README.md"), f"CLIP={ROOT}/README.md: not a video"),
        ("CLIP", "gopher://h/s", "CLIP=gopher://h/s: unknown scheme 'gopher'"),
        ("CLIP", "rtsp://u:a secret@h/s", "CLIP=rtsp://***@h/s: the user part has a space"),
        ("CLIP", "rtsp:/u:secret@h/s", "CLIP=rtsp:/***@h/s: there is no such file"),
        ("CLIP", "http://h/s?pwd=a secret", "CLIP=http://h/s?pwd=***: there is a space"),
    ],
)
def test_a_wrong_value_is_one_line(clip: Path, tmp_path: Path, name: str, value: str, reported: str) -> None:
    environ = {"CLIP": str(clip), "DURATION": "1", "MODEL": "none", name: value}
    with pytest.raises(WrongUsage, match=f"^{re.escape(reported)}.*$"):
        read_options(environ, clip, tmp_path)


def test_a_wrong_value_ends_the_run_with_exit_code_2(clip: Path, tmp_path: Path) -> None:
    with demo_process(tmp_path, stderr=subprocess.PIPE, CLIP=clip, DURATION="abc") as process:
        said = process.communicate(timeout=60)
    assert (process.returncode, *said) == (2, "", "DURATION=abc: must be a number of seconds above 0\n")


AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def test_ctrl_c_ends_make_run_with_a_summary_and_exit_code_0(clip: Path) -> None:
    keyboard, terminal = pty.openpty()
    command = [sys.executable, "-c", AT_A_TERMINAL, "make", "run", f"CLIP={clip}", "MODEL=none"]
    with subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other end of a terminal is closed
            while part := os.read(keyboard, 4096):
                shown += part
                if b"cam-1 online" in shown and b"(sent)" not in shown:
                    os.write(keyboard, b"\x03")
                    shown += b"(sent)"
        os.close(keyboard)
        assert process.wait(20) == 0, shown.decode()
    assert "events    " in shown.decode().partition("(sent)")[2]


@pytest.mark.long
def test_the_clip_is_fetched_once_out_of_debians_package(tmp_path: Path) -> None:
    """98 MB from the package archive: what `make run` does on a fresh machine."""
    how: dict[str, Any] = {"cwd": tmp_path, "env": {**os.environ, "CLIP": ""}, "timeout": 300}
    command = [str(ROOT / "demo/prepare.sh")]
    for reported in ("opencv-doc", ""):
        done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
        assert done.returncode == 0, done.stdout + done.stderr
        assert reported in done.stdout
    assert done.stdout == "", "the second time there is nothing to do"
    capture = cv2.VideoCapture(str(tmp_path / ".cache/vtest.avi"))
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_COUNT)) == (768, 795)
    capture.release()


WITHOUT_MOSQUITTO = """
import demo.__main__ as demo
demo.find_mosquitto = lambda: None
raise SystemExit(demo.main())
"""


def test_without_mosquitto_the_events_are_shown_from_the_outbox(clip: Path, tmp_path: Path) -> None:
    with demo_process(
        tmp_path, "-c", WITHOUT_MOSQUITTO, CLIP=clip, DURATION="10", MODEL=WALKER_MODEL
    ) as process:
        shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0, shown
    assert "mosquitto is not installed; events are read from the outbox" in shown
    assert re.search(r"#1 +cam-1 +object +start +person", shown)
    assert (tmp_path / ".cache/best-detection.jpg").exists()


PASSWORD = "gam-rat-bi-mat"


def command_lines() -> str:
    """Of every process there is, as ``ps`` shows them to every user."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            lines.append(path.read_bytes().decode(errors="replace"))
    return "\n".join(lines)


def test_a_cameras_password_is_neither_printed_nor_listed_nor_readable_by_others(tmp_path: Path) -> None:
    url = f"rtsp://viewer:{PASSWORD}@127.0.0.1:9/stream2"
    with demo_process(tmp_path, CLIP=url, DURATION="3") as process:
        assert process.stdout is not None
        shown, listed = "", ""
        for line in process.stdout:
            shown += line
            if line.startswith(("agent is starting", "cam-1 ")):
                listed = command_lines()
    assert process.returncode == 0, shown
    assert "edge_agent\0run" in listed, "the agent was among them"
    run = tmp_path / ".cache/run"
    assert "clip      rtsp://***@127.0.0.1:9/stream2" in shown
    assert PASSWORD not in shown + listed + (run / "agent.log").read_text()
    assert PASSWORD in (run / "edge-agent.yaml").read_text(), "the agent needs it"
    assert run.stat().st_mode & 0o777 == 0o700
    assert (run / "edge-agent.yaml").stat().st_mode & 0o777 == 0o600


def test_a_demo_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with demo_process(tmp_path, CLIP="rtsp://127.0.0.1:9/s") as demo:
        assert demo.stdout is not None
        while not demo.stdout.readline().startswith(("agent is starting", "cam-1 ")):
            assert demo.poll() is None
        children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
        demo.kill()
    assert len(children) == 2, "the broker and the agent"
    wait_until(lambda: not any(Path(f"/proc/{child}/exe").exists() for child in children), 10, "their end")


def event(sequence: int, **data: object) -> dict[str, Any]:
    return {
        "source": "/tb/demo",
        "id": f"demo/e/{sequence}",
        "epoch": "e",
        "sequence": f"{sequence:016d}",
        "subject": "cam-1",
        "type": "vn.thaibinh.edge.counts.v1",
        "time": "2026-11-24T13:42:15.123Z",
        "data": {"new": {"person": 2}, **data},
    }


def test_the_view_counts_what_is_repeated_and_what_is_missing() -> None:
    view = View(io.StringIO())
    for sequence in (1, 2, 2, 5):
        view.event(event(sequence))
    assert (view.duplicates, view.gaps()) == (1, 2)
