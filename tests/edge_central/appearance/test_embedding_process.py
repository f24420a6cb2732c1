"""The process that decodes pictures: what hostile ones do to it, and what it cannot do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_central.appearance import embedding_process
from edge_central.appearance.embedding_process import (
    EmbeddingProcess,
    EmbeddingUnavailable,
    PictureNotEmbedded,
)
from tests.detection.test_embedding import with_size
from tests.edge_central.appearance.parts import PIXELS, drawn, model_process
from tests.testbed.embedding_model import write_embedding_model

GOOD = drawn(1)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[EmbeddingProcess]:
    with model_process(tmp_path) as made:
        yield made


def scripted(code: str, *, start_s: float = 20.0, picture_s: float = 20.0) -> EmbeddingProcess:
    """A process that says hello and then runs ``code``."""
    hello = (
        "import os, struct, time\n"
        'text = b\'{"name": "m", "sha256": "ab", "input_size": [1, 1], "dimensions": 2, "filtered": true}\'\n'
        'os.write(1, struct.pack(">BH", 0, len(text)) + text)\n'
    )
    command = [sys.executable, "-c", hello + code]
    return EmbeddingProcess(Path("m"), PIXELS, "rgb", command=command, start_s=start_s, picture_s=picture_s)


def test_a_picture_becomes_a_vector_of_length_1(process: EmbeddingProcess) -> None:
    vector = np.frombuffer(process.embed(GOOD), "<f2").astype(float)
    assert process.hello().dimensions == len(vector) == 12
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-3)
    assert process.embed(GOOD) == process.embed(GOOD)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD[:-100], id="truncated"),
        pytest.param(with_size(GOOD, 20_000, 20_000), id="20,000 x 20,000"),
        pytest.param(GOOD[:300] + os.urandom(2_000) + b"\xff\xd9", id="noise"),
        pytest.param(bytes(1_000_001), id="too many bytes"),
    ],
)
def test_a_hostile_picture_is_refused_and_the_next_one_embedded(
    process: EmbeddingProcess, payload: bytes
) -> None:
    expected = process.embed(GOOD)
    pid = process.pid
    try:
        process.embed(payload)
    except PictureNotEmbedded as error:
        assert "a picture cannot be compared" in str(error)  # noqa: PT017 - noise may be decoded as well
    assert process.embed(GOOD) == expected
    assert process.pid == pid


def test_the_size_in_the_header_is_refused_before_it_is_allocated(process: EmbeddingProcess) -> None:
    with pytest.raises(PictureNotEmbedded, match="not a small JPEG"):
        process.embed(with_size(GOOD, 20_000, 20_000))
    peak = next(
        int(line.split()[1])
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    assert peak < 200_000, "kB; 20,000 x 20,000 pixels would be 1.2 GB"


def test_a_hanging_process_is_killed() -> None:
    with scripted("time.sleep(600)", picture_s=0.3) as process:
        process.hello()
        pid = process.pid
        assert pid is not None
        began = time.monotonic()
        with pytest.raises(PictureNotEmbedded, match="took too long"):
            process.embed(GOOD)
        assert time.monotonic() - began < 10
        assert not Path(f"/proc/{pid}").exists()
        assert process.pid is None


def test_a_trickling_process_is_killed() -> None:
    code = "while True: os.write(1, b'\\0'); time.sleep(0.1)"
    with scripted(code, picture_s=0.5) as process:
        process.hello()
        with pytest.raises(PictureNotEmbedded):
            process.embed(GOOD)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("os._exit(7)", r"the process ended \(7\)"),
        ("os.kill(os.getpid(), 11)", r"the process ended \(-11\)"),
        ("os.read(0, 9); os.write(1, struct.pack('>BH', 0, 65535))", "ended"),
        (
            "os.read(0, 9); os.write(1, struct.pack('>BH', 0, 3) + b'abc'); time.sleep(9)",
            "cannot be compared",
        ),
    ],
)
def test_a_process_that_ends_or_answers_wrongly_costs_one_picture(code: str, words: str) -> None:
    with scripted(code) as process:
        with pytest.raises(PictureNotEmbedded, match=words):
            process.embed(GOOD)
        assert process.hello().dimensions == 2, "it is started again"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["/nowhere/python"], "No such file"),
        (
            [sys.executable, "-c", "print('hello', flush=True); import time; time.sleep(9)"],
            "no answer in time|ended|start",
        ),
        ([sys.executable, "-c", "raise SystemExit(3)"], "it ended"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "no answer in time"),
    ],
)
def test_a_process_that_does_not_start_is_no_fault_of_a_picture(command: list[str], words: str) -> None:
    with (
        EmbeddingProcess(Path("m"), PIXELS, "rgb", command=command, start_s=1.0) as process,
        pytest.raises(EmbeddingUnavailable, match=words),
    ):
        process.embed(GOOD)


def test_a_model_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    model = write_embedding_model(tmp_path / "m.tflite", output=[1, 2, 6])
    with (
        EmbeddingProcess(model, PIXELS, "rgb") as process,
        pytest.raises(EmbeddingUnavailable, match="one vector of 8 to 1020 numbers"),
    ):
        process.hello()


def test_a_new_process_is_started_after_some_pictures(
    process: EmbeddingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_process, "MAX_PICTURES", 2)
    pids = []
    for _ in range(3):
        process.embed(GOOD)
        pids.append(process.pid)
    assert pids[0] == pids[1] != pids[2]


@pytest.mark.parametrize("hanging", [False, True], ids=["waiting", "hanging"])
def test_the_process_ends_with_the_centre(tmp_path: Path, hanging: bool) -> None:
    model = write_embedding_model(tmp_path / "m.tflite")
    code = (
        "import os, sys; from pathlib import Path; "
        "from edge_central.appearance.embedding_process import EmbeddingProcess; "
        f"process = EmbeddingProcess(Path({str(model)!r}), '0..1', 'rgb'); process.hello(); "
        f"{'os.kill(process.pid, 19); ' if hanging else ''}"
        "print(process.pid, flush=True); os._exit(0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    child = Path(f"/proc/{int(done.stdout)}")
    until = time.monotonic() + 10
    while child.exists() and "zombie" not in (child / "status").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_process_has_no_rights_left(process: EmbeddingProcess) -> None:
    assert process.hello().filtered
    here = Path(f"/proc/{process.pid}")
    limits = (here / "limits").read_text()
    assert "Max open files            0                    0" in limits
    assert "Max processes             0                    0" in limits
    assert "Max file size             0                    0" in limits
    assert "Seccomp:\t2" in (here / "status").read_text()


def test_the_process_has_neither_the_environment_nor_the_files_of_the_centre(
    process: EmbeddingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_SECRET", "hunter2")
    process.hello()
    here = Path(f"/proc/{process.pid}")
    try:
        environment, files = (here / "environ").read_bytes(), {link.name for link in (here / "fd").iterdir()}
    except PermissionError:
        pytest.skip("only root may read these files of a process that hides itself")
    assert b"hunter2" not in environment
    assert files == {"0", "1", "2"}


CONFINED = """
import ctypes, mmap, os, socket, sys
from edge_central.appearance.child import limit_process
from edge_central.appearance.system_calls import allow_only_computing
if "limits" in sys.argv:
    limit_process()
if "calls" in sys.argv:
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
    assert allow_only_computing()
tried = {
    "open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "connect": lambda: socket.socket(),
    "kill": lambda: os.kill(os.getppid(), 0),
    "memory": lambda: mmap.mmap(-1, 2 << 30, flags=mmap.MAP_PRIVATE),
}
for name, act in tried.items():
    try:
        act()
        os.write(1, f"{name} ".encode())
    except (OSError, MemoryError):
        pass
os._exit(0)
"""


@pytest.mark.parametrize(
    ("confined", "possible"),
    [
        ([], {"open", "connect", "kill", "memory"}),
        (["limits"], {"kill"}),
        (["calls"], {"memory"}),
        (["limits", "calls"], set()),
    ],
)
def test_taken_over_it_can_do_nothing_but_compute(confined: list[str], possible: set[str]) -> None:
    done = subprocess.run([sys.executable, "-c", CONFINED, *confined], capture_output=True, check=True)
    assert set(done.stdout.decode().split()) == possible
