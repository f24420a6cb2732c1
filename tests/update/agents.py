"""Releases of a small agent: real wheels, and the process that runs from them."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

# What the root side asks of an agent, and no more: version, check and status socket. ``how`` is good,
# crashing (at import), deaf (runs, but never connects to the broker) or blind (no frames).
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
            beat = {{"version": VERSION, "cameras": CAMERAS}}
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
    meta = f"edge_agent-{version}.dist-info"
    files = {
        "agent_of_the_test.py": AGENT.format(version=version, how=how, takes=True),
        f"{meta}/METADATA": f"Metadata-Version: 2.1\nName: edge-agent\nVersion: {version}\n{needs}",
        f"{meta}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{meta}/entry_points.txt": "[console_scripts]\nedge-agent = agent_of_the_test:main\n",
        f"{meta}/RECORD": "",
    }
    return _packed(folder / f"edge_agent-{version}-py3-none-any.whl", files)


def library(folder: Path, version: str) -> Path:
    """A dependency of the agent."""
    meta = f"depended-{version}.dist-info"
    files = {
        f"{meta}/METADATA": f"Metadata-Version: 2.1\nName: depended\nVersion: {version}\n",
        f"{meta}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{meta}/RECORD": "",
    }
    return _packed(folder / f"depended-{version}-py3-none-any.whl", files)


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


def _packed(path: Path, files: dict[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path
