"""Reads the environment of ``make run`` and checks it before anything starts."""

from __future__ import annotations

import math
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

import av

from demo.agent import LABELS, write_config
from edge_agent import config
from edge_agent.core.errors import ConfigError, DetectorError
from edge_agent.core.secrets import masked_url
from edge_agent.detection.litert import LiteRtDetector


class WrongUsage(Exception):
    """An error for the user in one line, without a secret in it."""


@dataclass(frozen=True, slots=True)
class Options:
    clip: str  # file or URL; may contain a camera's password
    model: str  # a value for ``detector.model``
    duration_s: float


def read_options(environ: MutableMapping[str, str], default_clip: Path, folder: Path) -> Options:
    """Read the options, and remove CLIP from ``environ``: the broker, which runs with fewer rights, must not
    see it.

    ``folder`` is for a configuration that is only checked. Raises WrongUsage.
    """
    clip = environ.pop("CLIP", "") or str(default_clip)
    model = environ.get("MODEL") or "auto"
    duration_s = _duration_s(environ.get("DURATION", ""))
    if model not in ("auto", "none"):
        _check_model(model)
        model = str(Path(model).resolve())
    if "://" in clip or clip.startswith("v4l2:"):
        _check_url(clip, folder)
    else:
        _check_file(clip)
    return Options(clip, model, duration_s)


def _duration_s(text: str) -> float:
    try:
        seconds = float(text) if text else math.inf
    except ValueError:
        seconds = math.nan
    if not seconds > 0:
        raise WrongUsage(f"DURATION={text}: must be a number of seconds above 0")
    return seconds


def _check_model(model: str) -> None:
    if not Path(model).exists():
        raise WrongUsage(f"MODEL={model}: there is no such file; a model is FILE.tflite, auto or none")
    try:
        LiteRtDetector(Path(model), LABELS, 0.5)
    except DetectorError as error:
        raise WrongUsage(f"MODEL={error}") from error


def _check_url(url: str, folder: Path) -> None:
    try:
        config.load(write_config(folder, url, "none", None))
    except ConfigError as error:
        reason = error.problems[0].message.removeprefix("url: ")
        raise WrongUsage(f"CLIP={masked_url(url)}: {reason}") from error


def _check_file(clip: str) -> None:
    if not Path(clip).exists():
        raise WrongUsage(
            f"CLIP={masked_url(clip)}: there is no such file; a clip is a video file or a camera's URL"
        )
    if not Path(clip).is_file():
        raise WrongUsage(f"CLIP={masked_url(clip)}: not a file")
    try:
        with av.open(clip) as container:
            if container.streams.video:
                return
    except (av.FFmpegError, OSError):
        pass  # reported below
    raise WrongUsage(f"CLIP={masked_url(clip)}: not a video")
