"""``edge-agent replay`` as its users run it: the command, files in, files out."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from edge_agent.config.pushed import RULES_FOLDER, ConfigTrial, PushStore
from edge_agent.tools.replay.run import ReplayProgress
from tests.testbed.agent import file_camera, write_config
from tests.testbed.schemas import check_message
from tests.testbed.walker import FPS, SIZE, walking_clip
from tests.testbed.walker_model import WALKER_MODEL
from tests.tools.replay.command import edge_agent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("replay")


@pytest.fixture(scope="module")
def clip(folder: Path) -> Path:
    return walking_clip(folder / "walker.mp4")


@pytest.fixture(scope="module")
def config(folder: Path, clip: Path) -> Path:
    return write_config(folder, cameras=[file_camera(clip)])


def as_process(config: Path, *words: str | Path) -> list[dict[str, Any]]:
    """The events; as its users run it, in a process of its own."""
    command = [sys.executable, "-m", "edge_agent", "replay", "--config", config, "--camera", "cam-1", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def replay(config: Path, *words: str | Path) -> list[dict[str, Any]]:
    code, out, err = edge_agent("replay", "--config", config, "--camera", "cam-1", *words)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_events_are_json_lines_with_the_files_times(config: Path, clip: Path) -> None:
    reported = as_process(config, clip, "--start", "2026-01-01T21:59:00+07:00")
    assert [e["data"].get("phase") for e in reported] == ["start", "end", None]
    for event in reported:
        kind = event["type"].split(".")[3]
        check_message(event, f"event-{kind}")
        assert event["recordedtime"] >= event["time"], "it is not stored before it happens"
    start = reported[0]
    assert start["time"].startswith("2026-01-01T14:59:02"), "the person comes into view after two seconds"
    assert start["data"]["label"] == "person"


def test_the_same_file_gives_the_same_events(config: Path, clip: Path) -> None:
    first, second = as_process(config, clip), replay(config, clip)
    for event in (*first, *second):
        event["data"].pop("snapshot", None)  # media ids are random: a name must never come twice
    assert first == second


def test_the_speed_of_the_machine_decides_nothing(clip: Path, tmp_path: Path) -> None:
    def tracks(**budget: float) -> str:
        detector = {"model": str(WALKER_MODEL), **budget}
        config = write_config(tmp_path, cameras=[file_camera(clip)])
        settings = json.loads(config.read_text())
        config.write_text(json.dumps(settings | {"detector": detector}))
        replay(config, clip, "--mot", tmp_path / "mot.txt")
        return (tmp_path / "mot.txt").read_text()

    every_frame = tracks(budget_ms_per_s=16000)
    assert tracks(budget_ms_per_s=1) == every_frame, "an inference takes more than 1 ms on any machine"
    assert tracks(budget_per_s=1) != every_frame, "a limit in inferences holds on every machine"


def test_a_folder_of_numbered_pictures_counts_as_a_video(config: Path, clip: Path, folder: Path) -> None:
    pictures = folder / "sequence" / "img1"
    pictures.mkdir(parents=True)
    with av.open(str(clip)) as container:
        for number, frame in enumerate(container.decode(video=0), 1):
            cv2.imwrite(str(pictures / f"{number:06d}.jpg"), frame.to_ndarray(format="bgr24"))
    (folder / "sequence" / "seqinfo.ini").write_text(f"[Sequence]\nimDir=img1\nframeRate={FPS}\n")
    reported = replay(config, folder / "sequence")
    assert [e["data"].get("phase") for e in reported] == ["start", "end", None]


def test_mot_table_has_the_files_frame_numbers_and_pixels(config: Path, clip: Path, tmp_path: Path) -> None:
    replay(config, clip, "--fps", "source", "--mot", tmp_path / "mot.txt")
    rows = [[float(v) for v in line.split(",")] for line in (tmp_path / "mot.txt").read_text().splitlines()]
    assert rows
    assert {row[1] for row in rows} == {1.0}, "one person is one id"
    frames = [row[0] for row in rows]
    assert frames == sorted(set(frames))
    assert 20 < frames[0] < 60
    assert frames[-1] <= 90
    for row in rows:
        assert 1 <= row[2] <= SIZE[0] + 1
        assert row[2] + row[4] <= SIZE[0] + 1.01
        assert row[7:] == [-1, -1, -1]
    middle = next(row for row in rows if row[0] >= 45)
    walked = (middle[0] - 1) / FPS - 2
    assert middle[2] + middle[4] / 2 == pytest.approx(-30 + walked / 5 * (SIZE[0] + 60), abs=40)


def test_motion_table_has_a_line_for_each_analysed_frame(config: Path, clip: Path, tmp_path: Path) -> None:
    replay(config, clip, "--fps", "5", "--motion", tmp_path / "motion.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "motion.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(1, 91, 2))
    assert not [line for line in lines if line["time_s"] < 2 and line["boxes"]]
    assert all(line["boxes"] for line in lines if 3 < line["time_s"] < 6)


def test_annotated_video_shows_every_analysed_frame(config: Path, clip: Path, tmp_path: Path) -> None:
    replay(config, clip, "--annotate", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(frames) == 45
    assert frames[0].shape == (SIZE[1], SIZE[0], 3)
    green = [(f[..., 1].astype(int) - f[..., [0, 2]].max(axis=-1) > 80).sum() for f in frames]
    assert green[0] == 0, "nobody there yet"
    assert max(green) > 200, "a confirmed person has a green box"


def test_private_areas_are_black_in_the_annotated_video_too(config: Path, clip: Path, tmp_path: Path) -> None:
    left_half = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
    private = write_config(tmp_path, cameras=[file_camera(clip) | {"privacy_masks": [left_half]}])
    replay(private, clip, "--annotate", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="bgr24")  # the empty view
    black = first.max(axis=-1) < 16
    middle = SIZE[0] // 2
    assert black[:, : middle - 8].mean() > 0.95, "all but the outlines of looks that are drawn over it"
    assert black[:, middle + 8 :].mean() < 0.05


def test_masks_that_the_centre_set_are_black_too(clip: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[file_camera(clip)])
    whole = b"cameras: [{id: cam-1, privacy_masks: [[[0, 0], [1, 0], [1, 1], [0, 1]]]}]"
    rules = PushStore(tmp_path / "state", RULES_FOLDER)
    rules.put(1, whole)
    rules.begin(ConfigTrial(1, hashlib.sha256(whole).hexdigest(), "command-1", 60.0, []))
    code, _, err = edge_agent(
        "replay", "--config", config, "--camera", "cam-1", clip, "--annotate", tmp_path / "out.mp4"
    )
    assert code == 0
    assert f"configuration: {config} with what the centre has changed" in err
    with av.open(str(tmp_path / "out.mp4")) as container:
        first = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert (first.max(axis=-1) < 16).mean() > 0.9


def test_the_annotated_video_lasts_as_long_as_a_clip_with_fewer_frames_than_are_analysed(
    config: Path, clip: Path, tmp_path: Path
) -> None:
    replay(config, clip, "--fps", "60", "--annotate", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as made, av.open(str(clip)) as original:
        assert made.duration == pytest.approx(original.duration, rel=0.05)


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (["/nowhere/clip.mp4"], "does not exist"),
        ([__file__], "not a video"),
        (["{clip}", "--camera", "cam-9"], "no camera 'cam-9' in the configuration; there are: cam-1"),
        (["{clip}", "--annotate", "{clip}"], "is the video itself"),
        (["{clip}", "--mot", "/dev/full"], "No space left on device"),
        (["{clip}", "--mot", "out", "--motion", "out"], "two outputs go to the same file"),
        (["{clip}", "--start", "9999-12-31T23:59:59"], "would end after year 9999"),
        (["{clip}", "--mot", "/nowhere/mot.txt"], "/nowhere/mot.txt: cannot be written"),
        (["{clip}", "--annotate", "/nowhere/out.mp4"], "/nowhere/out.mp4: cannot be written"),
    ],
)
def test_a_refusal_is_said_in_one_line(config: Path, clip: Path, words: list[str], reported: str) -> None:
    given = [word.format(config=config, clip=clip) for word in words]
    code, _, err = edge_agent("replay", "--config", config, "--camera", "cam-1", *given)
    assert code == 1
    assert reported in err
    assert "Traceback" not in err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal() -> None:
    terminal = Terminal()
    progress = ReplayProgress(terminal, total=100, every_s=0.0)
    progress.show(50, stream_s=10.0)
    progress.close()
    assert "frame 50/100" in terminal.getvalue()
    assert "###############" in terminal.getvalue()


def test_progress_is_a_line_now_and_then_in_a_log() -> None:
    log = io.StringIO()
    often, seldom = (ReplayProgress(log, total, every_s) for total, every_s in ((100, 0.0), (None, None)))
    often.show(50, stream_s=10.0)
    seldom.show(50, stream_s=10.0)  # less than ten seconds after the start
    often.close()
    assert re.fullmatch(r"replay: frame 50/100, \d+\.\d x real time\n", log.getvalue())
