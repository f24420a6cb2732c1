"""What a player makes of a clip: ffprobe, ffmpeg and OpenCV, each with its own reading of the file."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import cv2


@dataclass(frozen=True)
class Played:
    codec: str
    tag: str
    size: tuple[int, int]
    duration_s: float
    times_s: list[float]  # of the frames that ffmpeg decodes, in the order in which they are shown
    begins_with_keyframe: bool
    complaints: str  # what ffmpeg said while it decoded
    by_opencv: int  # frames
    index_first: bool
    turned_deg: int


def played(path: Path) -> Played:
    shown = (
        "stream=codec_name,codec_tag_string,width,height,duration:frame=key_frame,best_effort_timestamp_time",
    )
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_frames", "-show_entries", *shown]
    probe = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True, text=True)
    found = json.loads(probe.stdout)
    stream, frames = found["streams"][0], found["frames"]
    content = path.read_bytes()
    return Played(
        stream["codec_name"],
        stream["codec_tag_string"],
        (stream["width"], stream["height"]),
        float(stream["duration"]),
        [float(frame["best_effort_timestamp_time"]) for frame in frames],
        frames[0]["key_frame"] == 1,
        probe.stderr + decoded(path),
        opencv_frames(path),
        0 < content.find(b"moov") < content.find(b"mdat"),
        next((int(d["rotation"]) for d in stream.get("side_data_list", []) if "rotation" in d), 0),
    )


def decoded(path: Path) -> str:
    """Everything, to nowhere; returns the complaints."""
    command = ["ffmpeg", "-v", "warning", "-nostdin", "-xerror", "-i", str(path), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.stderr if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"


def opencv_frames(path: Path) -> int:
    film = cv2.VideoCapture(str(path))
    count = 0
    while film.read()[0]:
        count += 1
    film.release()
    return count


def packet_hashes(path: Path) -> list[str]:
    """MD5 of each packet as it is in the file, in decoding order."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map", "0:v", "-c", "copy"]
    done = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, check=True, text=True)
    return [line.rpartition(",")[2].strip() for line in done.stdout.splitlines() if line[:1] != "#"]


def seek_error(path: Path, to: int) -> float:
    """How far the picture that OpenCV jumps to is from the one that it comes to, on average of all bytes."""
    film = cv2.VideoCapture(str(path))
    for _ in range(to):
        film.grab()
    _, reached = film.read()
    film.set(cv2.CAP_PROP_POS_FRAMES, to)
    _, jumped = film.read()
    film.release()
    return float(cv2.norm(reached, jumped, cv2.NORM_L1) / reached.size)


def timing(path: Path) -> tuple[float, list[int]]:
    """Where the file begins, seconds, and the decoding times of its packets as they are stored."""
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_entries", "format=start_time:packet=dts"]
    probe = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True, text=True)
    assert not probe.stderr
    found = json.loads(probe.stdout)
    return float(found["format"]["start_time"]), [int(packet["dts"]) for packet in found["packets"]]


def remuxed(path: Path, to: Path) -> str:
    """What ffmpeg complains of when it packs it into another container."""
    command = ["ffmpeg", "-v", "warning", "-nostdin", "-y", "-i", str(path), "-c", "copy", str(to)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.stderr if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"
