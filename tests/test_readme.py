"""What the README says is true: its commands run, its links lead somewhere, its example is valid."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import edge_agent
from edge_agent.config.check import run_check
from tests.testbed.agent import AgentProcess, file_camera, wait_until, write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.walker import walking_clip

ROOT = Path(edge_agent.__file__).parents[1]
PAGES = [
    path
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/**/*.md")])
    if "node_modules" not in path.parts
]

ASKING_THE_AGENT = ("edge-agent status", "edge-agent reload", "edge-agent relearn")
"""README commands that ask a running agent."""

SHOWN_ELSEWHERE = {
    "make run": "tests/demo/test_demo.py",
    "make lab": "tests/demo/test_lab.py",
    "make test": "this very run",
    "make check": ".ci/run",
    "make deploy": "make test-deploy, which has the same rule",
    "source .venv/bin/activate": "tests/deploy/test_guide.py",
    "python3 -m fleet": "tests/deploy/test_guide.py",
    "ansible-playbook": "tests/deploy/test_provision.py",
    "pip install .": "test_pip_install_gives_the_command",
    "pip install '.[cameras]'": "tests/tools/cameras, with the same packages from the extra dev",
    "edge-agent command": "tests/commands/test_tool.py",
    "edge-agent conformance": "tests/contract/test_conformance.py",
    "edge-agent central": "tests/edge_central/test_run.py",
    "edge-agent gateways": "tests/tools/gateways",
    "edge-agent simulate": "tests/tools/simulate",
    "edge-agent cameras": "tests/tools/cameras/test_cli.py",
    "edge-agent doctor": "tests/tools/doctor/test_command.py",
    "edge-agent evidence": "tests/evidence/test_bundle.py, tests/agent/test_evidence.py",
}
"""README commands that another test runs, and where."""


def commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a user stands who follows the README: with a clip and a configuration."""
    folder = tmp_path_factory.mktemp("readme")
    walking_clip(folder / "clip.mp4", walk_s=3, tail_s=1)
    (folder / "as-in-readme.yaml").write_text(example(), encoding="utf-8")
    return folder


def example() -> str:
    """The camera, and the rule that belongs to it."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    return "".join(blocks)


def edge_agent_command(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = line.split()
    assert words[0] == "edge-agent"
    return subprocess.run(
        [sys.executable, "-m", "edge_agent", *words[1:]],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_every_command_of_the_readme_is_run_by_a_test(folder: Path, test_data: Path) -> None:
    with Mosquitto(folder) as broker:
        # A broker and a camera that exist, in place of those of the example.
        config = write_config(folder, cameras=[file_camera(folder / "clip.mp4")], broker_port=broker.port)
        ran = 0
        for line in commands(ROOT / "README.md"):
            if any(line == known or line.startswith(known + " ") for known in SHOWN_ELSEWHERE):
                continue
            if line.startswith("edge-agent run"):
                continue  # for the lines that ask it
            if line.startswith(ASKING_THE_AGENT):
                with AgentProcess(config) as agent:
                    wait_until(agent.status, what="the agent")
                    done = edge_agent_command(line, folder)
                    assert agent.stop() == 0
            elif line.startswith("edge-agent models fetch"):
                done = edge_agent_command(f"{line} --source {test_data / 'models'}", folder)
            else:
                done = edge_agent_command(line, folder)
            assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
            assert done.stdout, f"{line} prints nothing"
            ran += 1
    assert ran >= 5


def test_the_example_is_valid(folder: Path) -> None:
    path = folder / "as-in-readme.yaml"
    with (folder / "out").open("w") as out:
        assert run_check(path, None, True, out, out) == 0
    reported = (folder / "out").read_text()
    assert len(reported.splitlines()) == 1, reported


def test_pip_install_gives_the_command(tmp_path: Path) -> None:
    """Into a fresh environment that sees this one's libraries: what is tried is our own packaging."""
    tree = tmp_path / "checkout"
    kept = shutil.ignore_patterns(
        ".venv", ".git", ".cache", ".hypothesis", "*.egg-info", "build", "__pycache__"
    )
    shutil.copytree(ROOT, tree, symlinks=True, ignore=kept)
    make = [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")]
    subprocess.run(make, check=True, timeout=120)
    python = tmp_path / "venv/bin/python"
    libraries = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    where = "import site; print(site.getsitepackages()[0])"
    site = subprocess.run([python, "-c", where], capture_output=True, text=True, check=True).stdout.strip()
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--no-deps", tree]
    subprocess.run(pip, check=True, timeout=300)
    (Path(site) / "libraries.pth").write_text(f"{libraries}\n")
    command = tmp_path / "venv/bin/edge-agent"
    environ = {"PATH": "/usr/bin:/bin"}
    version = subprocess.run([command, "--version"], capture_output=True, text=True, env=environ, check=True)
    assert version.stdout == f"edge-agent {edge_agent.__version__}\n"
    config = write_config(tmp_path)
    anywhere: dict[str, Any] = {"capture_output": True, "text": True, "env": environ, "cwd": "/"}
    checked = subprocess.run([command, "check", config], check=False, **anywhere)
    assert checked.returncode == 0, checked.stderr
    schema = subprocess.run([command, "schema", "heartbeat"], check=True, **anywhere)
    assert "heartbeat/1" in schema.stdout
    shipped = set((Path(site) / "edge_agent/wire/schemas").glob("*.json"))
    assert len(shipped) == len(set((ROOT / "edge_agent/wire/schemas").glob("*.json")))
    assert (Path(site) / "edge_central/web/templates/base.html").is_file()


LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:tests|bench|docs|edge_agent|edge_central|demo)/[\w./-]+\.(?:py|md|json|sh))`")


def test_links_and_named_files_exist() -> None:
    wrong = []
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        linked = [target for target in LINK.findall(text) if "://" not in target]
        missing = [each for each in linked if not (page.parent / each).exists()]
        missing += [each for each in NAMED.findall(text) if not (ROOT / each).exists()]
        wrong += [f"{page.relative_to(ROOT)}: {each}" for each in missing]
    assert wrong == []
