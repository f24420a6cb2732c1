"""Configurations for tests: the smallest valid one, and functions that write files."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, settings

from edge_agent.config import load
from edge_agent.config.board import BoardIdentity
from edge_agent.config.model.settings import Camera, Settings
from edge_agent.core.errors import ConfigError, ConfigProblem

# The same examples in every run, and no deadline: the test machines are shared.
STEADY = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

PC = BoardIdentity(model="", machine="x86_64")

KNOWN_BOARD = "profile: generic-x86_64\n"
"""In front of a configuration that is one of hundreds: to find the board's own profile reads all of them."""

MINIMAL = """\
gateway: {id: dt-001, ward: de-tham}
mqtt: {brokers: [mqtts://broker.example]}
cameras:
  - id: cam-1
    url: rtsp://10.0.0.11/stream2
"""


def write(directory: Path, text: str, name: str = "agent.yaml") -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def settings_of(directory: Path, text: str, *, no_secrets: bool = False) -> Settings:
    return load(write(directory, text), board=PC, no_secrets=no_secrets)


def camera_of(directory: Path, lines: str) -> Camera:
    """The one camera of a configuration with ``lines`` (YAML, not indented) beside its id."""
    return settings_of(directory, with_camera(lines)).cameras[0]


def with_camera(lines: str) -> str:
    """A configuration with one camera; its keys after the id begin in line 5, column 5."""
    head = MINIMAL[: MINIMAL.index("    url:")]
    return head + "".join(f"    {line}\n" for line in lines.splitlines())


def warnings_of(directory: Path, text: str) -> list[str]:
    """Warnings as ``line:column: text``."""
    found = settings_of(directory, text).warnings
    return [each.partition("agent.yaml:")[2].replace("warning: ", "") for each in found]


def problems_of(path: Path, *, no_secrets: bool = False) -> tuple[ConfigProblem, ...]:
    """The mistakes in the file; empty when it is valid. Other errors than ConfigError are raised."""
    try:
        load(path, board=PC, no_secrets=no_secrets)
    except ConfigError as error:
        return error.problems or (ConfigProblem(str(path), 0, 0, "a ConfigError without problems"),)
    return ()
