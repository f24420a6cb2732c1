"""Releases of a small agent: real wheels, and the process that runs from them."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

# What the root side asks of an agent, and no more: version, check and status socket. ``how`` is good,
# crashing (at import), deaf (runs, but never connects to the broker), blind (no frames) or mindless (no
# detector).
AGENT = '''"""Version {version}."""
import json, os, socket, sys, time
VERSION, HOW, TAKES = "{version}", "{how}", {takes}
CAMERAS = {{"cam-1": {{"state": "online", "last_frame_age_s": 0.1}},
           "cam-2": {{"state": "offline", "last_frame_age_s": 99.0}}}}


def run(path):
    if HOW == "crashing":
        import a_module_that_is_not_there
    if HOW == "blind":
        CAMERAS["cam-1"] = {{"state": "offline"}}
    if os.path.lexists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        while True:
            asker, _ = server.accept()
            detector = {{"degraded": "no runtime can be imported"}} if HOW == "mindless" else {{}}
            beat = {{"version": VERSION, "cameras": CAMERAS, "detector": detector}}
            asker.sendall(json.dumps({{"connected": HOW != "deaf", "heartbeat": beat}}).encode())
            asker.close()


def main():
    if sys.argv[1:] == ["--version"]:
        print("edge-agent", VERSION)
    elif sys.argv[1] == "check":
        return 0 if TAKES or os.path.exists(sys.argv[2]) else 78
    else:
        run(sys.argv[2])
'''


def wheel(folder: Path, version: str, how: str = "good", *, needs: str = "") -> Path:
    program = {"agent_of_the_test.py": AGENT.format(version=version, how=how, takes=True)}
    return write_wheel(folder, version, program, meta=needs, runs="agent_of_the_test:main")


def library(folder: Path, version: str) -> Path:
    """A dependency of the agent."""
    return write_wheel(folder, version, {}, name="depended")


def write_wheel(
    folder: Path,
    version: str,
    files: Mapping[str, str | bytes],
    *,
    name: str = "edge_agent",
    meta: str = "",
    runs: str = "",
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """``meta``: more lines of METADATA. ``runs``: what the command ``edge-agent`` calls."""
    info, path = f"{name}-{version}.dist-info", folder / f"{name}-{version}-py3-none-any.whl"
    about = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n{meta}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": f"[console_scripts]\nedge-agent = {runs}\n" if runs else "",
        "RECORD": "",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file, content in {**files, **{f"{info}/{file}": text for file, text in about.items()}}.items():
            archive.writestr(file, content)
    return path


def installed(folder: Path, version: str, how: str = "good", *, takes: bool = True) -> None:
    """Install a release as root's program does, without the seconds that an environment takes.

    ``takes``: it understands any configuration, not only a file that is there.
    """
    agent = folder / version / "bin/edge-agent"
    agent.parent.mkdir(parents=True)
    text = AGENT.format(version=version, how=how, takes=takes)
    agent.write_text(f"#!{sys.executable}\n{text}\n\nsys.exit(main())\n")
    agent.chmod(0o755)
    (agent.parents[1] / ".complete").touch()
