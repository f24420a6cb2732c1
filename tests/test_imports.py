"""The import direction of the architecture, kept by reading the source.

See docs/design/architecture.md: stages never import each other, foreign libraries have one home.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import edge_agent

ROOT = Path(edge_agent.__file__).parent

FOUNDATION = {
    "allowance",
    "model",
    "hits",
    "outbox_model",
    "overrides",
    "printable",
    "errors",
    "clock",
    "loop",
    "retry",
    "secrets",
    "state_file",
    "wire",
    "geometry",
    "languages",
    "__init__",
}
"""Standard library, numpy and msgspec only."""
STAGES = {
    "capture",
    "motion",
    "view",
    "detection",
    "tracking",
    "rules",
    "events",
    "evidence",
    "outbox",
    "mqtt",
    "device",
    "onvif",
    "commands",
}
COMPOSITION = {
    "conformance",
    "asyncapi",
    "assembly",
    "shared_detector",
    "evidence_room",
    "collection",
    "collect_cli",
    "learn_cli",
    "model_release",
    "duties",
    "cameras",
    "reload",
    "command_room",
    "broker_arguments",
    "cli_arguments",
    "command_cli",
    "agent",
    "cli",
    "evidence_cli",
    "doctor",
    "cameras_cli",
    "replay",
    "central",
    "simulate",
    "fleet",
    "__main__",
}
CENTRE = {"config", "mqtt", "logs", "device", "evidence"}
"""What the centre takes of the agent beside the foundation: no pictures, no detectors, no outbox. Of the
evidence it is how that is verified."""

HOMES: dict[str, set[str]] = {
    "av": {"capture", "replay", "evidence"},
    "cryptography": {"evidence", "mqtt", "commands"},
    "paho": {"mqtt"},
    "sqlite3": {"outbox"},
    "ai_edge_litert": {"detection"},
    "tflite_runtime": {"detection"},
    "yaml": {"config"},
    "psutil": {"device", "onvif"},
    "onveef": {"onvif"},
    "httpx": {"onvif"},
    "sqlalchemy": {"central"},
    "prometheus_client": {"central"},
    "psycopg": {"central"},
    "starlette": {"central"},
    "uvicorn": {"central"},
    "h11": {"central"},
    "jinja2": {"central"},
    # An array library like numpy: allowed where pixels are handled (docs/decisions/0002).
    "cv2": {"capture", "motion", "view", "detection", "tracking", "evidence", "replay", "assembly", "doctor"},
}


def place(path: Path) -> str:
    """First part of the module's path below the package: its stage or its own name."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Full names of what the module imports."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "edge_agent":
                yield from (f"edge_agent.{alias.name}" for alias in node.names)
            else:
                yield node.module
        elif isinstance(node, ast.ImportFrom) and node.level:
            pytest.fail(f"{path}:{node.lineno}: relative import; write the full name")


def own_imports(path: Path) -> set[str]:
    """Stages and modules of the package that ``path`` imports, itself left out."""
    found = {name.split(".")[1] for name in imports(path) if name.startswith("edge_agent.")}
    return found - {place(path), "__version__"}


def forbidden(path: Path) -> set[str]:
    """Imports of ``path`` that point up in the architecture, or sideways between stages."""
    here, used = place(path), own_imports(path)
    if here in COMPOSITION:
        return set()
    allowed = {"config": FOUNDATION | {"firmware_profiles"}, "pipeline": FOUNDATION}
    allowed["lane"] = FOUNDATION | {"pipeline"}
    allowed |= dict.fromkeys(FOUNDATION, FOUNDATION)
    allowed |= dict.fromkeys(STAGES | {"logs", "schema"}, FOUNDATION | {"config"})
    assert here in allowed, f"{here}: give this module a place in tests/test_imports.py"
    return used - allowed[here]


def test_imports_point_down_the_architecture() -> None:
    """Stages never import each other; nothing imports the composition root or the command line."""
    wrong = {str(path.relative_to(ROOT)): found for path in modules() if (found := forbidden(path))}
    assert wrong == {}


def test_the_centre_takes_little_of_the_agent() -> None:
    used = {name for path in modules() if place(path) == "central" for name in own_imports(path)}
    assert used <= FOUNDATION | CENTRE


def test_the_centre_verifies_evidence_without_what_makes_it() -> None:
    code = (
        "import sys; from edge_agent.central.console import verdict; "
        "print([name for name in ('cv2', 'av', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_gateway_never_loads_the_simulation_nor_the_table_of_the_fleet() -> None:
    code = (
        "import sys; from edge_agent import agent, cli, cli_arguments, doctor; cli_arguments.parser(); "
        "print(sorted(name for name in sys.modules"
        " if name.startswith(('edge_agent.simulate.', 'edge_agent.fleet.'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['edge_agent.fleet.arguments', 'edge_agent.simulate.arguments']"


def test_a_gateway_never_loads_the_centre() -> None:
    """Only the command line knows it, and what it knows needs no library of the extra."""
    code = (
        "import sys; from edge_agent import agent, cli, cli_arguments, doctor, cameras_cli; "
        "cli_arguments.parser(); "
        "print([name for name in sys.modules"
        " if name.partition('.')[0] in ('sqlalchemy', 'psycopg', 'starlette')"
        " or name.startswith('edge_agent.central.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['edge_agent.central.user_arguments', 'edge_agent.central.command']"


def strangers(path: Path) -> set[str]:
    """Foreign libraries that ``path`` imports although they belong elsewhere."""
    libraries = {name.split(".")[0] for name in imports(path)}
    return {name for name in libraries & set(HOMES) if place(path) not in HOMES[name]}


def test_foreign_libraries_have_one_home() -> None:
    wrong = {str(path.relative_to(ROOT)): found for path in modules() if (found := strangers(path))}
    assert wrong == {}


def test_no_module_is_named_after_nothing() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not [path for path in modules() if banned & set(path.with_suffix("").parts)]
