"""Reads clips with ffprobe, ffmpeg and OpenCV, as different players do."""

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
    times_s: list[float]  # of the decoded frames, in display order
    begins_with_keyframe: bool
    complaints: str  # ffmpeg's messages during decoding
    by_opencv: int  # frames
    index_first: bool
    turned_deg: int


def played(path: Path) -> Played:
    shown = "stream=codec_name,codec_tag_string,width,height,duration"
    shown += ":frame=key_frame,best_effort_timestamp_time"
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_frames", "-show_entries", shown]
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
    """Decode everything; return the error messages."""
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
    """Return the MD5 of each packet in the file, in decoding order."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map", "0:v", "-c", "copy"]
    done = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, check=True, text=True)
    return [line.rpartition(",")[2].strip() for line in done.stdout.splitlines() if line[:1] != "#"]


def seek_error(path: Path, to: int) -> float:
    """Return the mean difference between a picture that OpenCV seeks to and the same one read in order."""
    film = cv2.VideoCapture(str(path))
    for _ in range(to):
        film.grab()
    _, reached = film.read()
    film.set(cv2.CAP_PROP_POS_FRAMES, to)
    _, jumped = film.read()
    film.release()
    return float(cv2.norm(reached, jumped, cv2.NORM_L1) / reached.size)


def timing(path: Path) -> tuple[float, list[int]]:
    """Return the start time of the file, seconds, and the stored decoding times of its packets."""
    command = ["ffprobe", "-v", "error", "-show_packets", "-show_entries", "format=start_time:packet=dts"]
    probe = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True, text=True)
    assert not probe.stderr
    found = json.loads(probe.stdout)
    return float(found["format"]["start_time"]), [int(packet["dts"]) for packet in found["packets"]]


def remuxed(path: Path, to: Path) -> str:
    """Copy the clip into another container; return ffmpeg's error messages."""
    command = ["ffmpeg", "-v", "warning", "-nostdin", "-y", "-i", str(path), "-c", "copy", str(to)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.stderr if done.returncode == 0 else f"exit {done.returncode}: {done.stderr}"
