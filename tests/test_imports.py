"""The import direction of the architecture, kept by reading the source.

See docs/design/architecture.md: stages never import each other, foreign libraries have one home, and the
daemon never imports the centre.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

import edge_agent
import edge_central

AGENT, CENTRE = Path(edge_agent.__file__).parent, Path(edge_central.__file__).parent

STAGES = {
    "capture",
    "motion",
    "tamper",
    "detection",
    "tracking",
    "rules",
    "events",
    "evidence",
    "outbox",
    "mqtt",
    "uplink",
    "host",
    "onvif",
    "commands",
}
LAYERS: tuple[set[str], ...] = (
    {"core"},
    {"wire"},
    {"config"},
    STAGES,
    {"pipeline"},
    {"collection", "passages", "stills"},
    {"cameras"},
    {"model_release"},
    {"commands.handlers"},
    {"control"},
    {"runtime"},
    {"composition"},
    {"agent", "tools"},
    {"commissioning"},
    {"cli"},
    {"__main__"},
)
"""Of ``edge_agent``. Each part imports parts of the layers before its own, and nothing of its own layer."""
BESIDE = {"mqtt": {"uplink"}}
"""Exceptions: the publisher counts its bytes and asks for their pace."""
OF_AGENT = {"core", "wire", "config", "mqtt", "host", "evidence", "commands", "detection"}
"""What the centre takes of the agent: no detectors, no outbox. Of the evidence it is how that is verified,
``evidence.chain``; of the commands, how they are signed, ``commands.signature``; how a picture is decoded and
embedded, in a process of its own."""

HOMES: dict[str, set[str]] = {
    "av": {"capture", "evidence", "tools", "edge_central"},
    "cryptography": {"evidence", "mqtt", "commands", "commissioning", "edge_central"},
    "paho": {"mqtt"},
    "sqlite3": {"outbox", "passages", "edge_central"},
    "ai_edge_litert": {"detection"},
    "tflite_runtime": {"detection"},
    "yaml": {"config"},
    "psutil": {"host", "tools"},
    "jeepney": {"uplink"},
    "onveef": {"onvif", "tools"},
    "httpx": {"onvif"},
    "sqlalchemy": {"edge_central"},
    "prometheus_client": {"edge_central"},
    "xlsxwriter": {"edge_central"},
    "psycopg": {"edge_central"},
    "starlette": {"edge_central"},
    "uvicorn": {"edge_central"},
    "h11": {"edge_central"},
    "jinja2": {"edge_central"},
    "authlib": {"edge_central"},
    "joserfc": {"edge_central"},
    # An array library like numpy: allowed where pixels are handled (docs/decisions/0002).
    "cv2": {
        "capture",
        "motion",
        "tamper",
        "detection",
        "tracking",
        "evidence",
        "passages",
        "stills",
        "cameras",
        "tools",
        "edge_central",  # draws a QR code, covers faces (docs/decisions/0079, 0080)
    },
}


def name_of(path: Path) -> str:
    """The module's full name; of a package its own."""
    parts = path.relative_to(AGENT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules(*packages: Path) -> list[Path]:
    return sorted(path for package in packages for path in package.rglob("*.py"))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Full names of what the module imports; of ours, modules and not what is in them."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if _is_module(name) else node.module
        elif isinstance(node, ast.ImportFrom) and node.level:
            pytest.fail(f"{path}:{node.lineno}: relative import; write the full name")


def _is_module(name: str) -> bool:
    path = AGENT.parent / name.replace(".", "/")
    return path.with_suffix(".py").exists() or path.is_dir()


def part(name: str) -> str:
    """The part of ``edge_agent`` that has the module ``name``, as ``LAYERS`` calls it; "" for the package."""
    below = name.removeprefix("edge_agent.") if name != "edge_agent" else ""
    parts = {each for layer in LAYERS for each in layer}
    known = [each for each in parts if below == each or below.startswith(f"{each}.")]
    return max(known, key=len, default=below)


def is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def allowed(here: str) -> set[str]:
    """Parts that the part ``here`` may import."""
    level = next((i for i, layer in enumerate(LAYERS) if here in layer), None)
    assert level is not None, f"{here}: give this part a layer in tests/test_imports.py"
    below = {each for layer in LAYERS[:level] for each in layer}
    return below | {here} | BESIDE.get(here, set())


def importers(package: Path, wanted: Callable[[str], bool]) -> set[str]:
    """Modules of ``package`` that import a module with a ``wanted`` name."""
    return {name_of(path) for path in modules(package) if any(map(wanted, imports(path)))}


def is_library(*libraries: str) -> Callable[[str], bool]:
    return lambda name: name.split(".")[0] in libraries


def test_imports_point_down_the_architecture() -> None:
    """Stages never import each other; nothing imports the composition root or the command line."""
    wrong = {}
    for path in modules(AGENT):
        here = part(name_of(path))
        used = {part(name) for name in imports(path) if is_of(name, "edge_agent")} - {""}
        if here and used - allowed(here):
            wrong[name_of(path)] = used - allowed(here)
    assert wrong == {}


def test_only_the_command_line_knows_the_centre() -> None:
    knows = importers(AGENT, is_library("edge_central"))
    assert knows <= {"edge_agent.cli.main", "edge_agent.cli.arguments"}


def test_the_centre_takes_little_of_the_agent() -> None:
    used = {name for path in modules(CENTRE) for name in imports(path) if is_of(name, "edge_agent")}
    assert {part(name) for name in used} - {""} <= OF_AGENT
    evidence = {name for name in used if part(name) == "evidence"}
    assert all(is_of(name, "edge_agent.evidence.chain") for name in evidence)
    assert {name for name in used if part(name) == "commands"} <= {"edge_agent.commands.signature"}
    assert importers(CENTRE, lambda name: part(name) == "detection") == {
        "edge_central.appearance.child",
        "edge_central.redaction.areas",
        "edge_central.redaction.child",
        "edge_central.redaction.picture",
    }


def test_the_centre_decodes_pictures_only_in_processes_of_their_own() -> None:
    """Whatever is wrong with a file or a decoder, the processes that store events and serve pages go on."""
    allowed = {f"edge_central.redaction.{name}" for name in ("areas", "clip", "cover", "picture")}
    draws = {"edge_central.web.auth.qr_code"}  # of text that the console made itself
    assert importers(CENTRE, is_library("av", "cv2")) == allowed | draws
    assert importers(CENTRE, allowed.__contains__) - allowed == {"edge_central.redaction.child"}


def test_a_console_without_a_provider_loads_no_library_for_one() -> None:
    """Authlib and joserfc are imported by one module, and that one inside of a function."""
    flow = "edge_central.web.auth.oidc.code_flow"
    assert importers(CENTRE, is_library("authlib", "joserfc")) == {flow}
    at_once = {
        name_of(path)
        for path in modules(CENTRE)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module == flow
    }
    assert at_once == set()


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of ``graph``; empty where there is none."""
    left = {node: set(others) for node, others in graph.items()}
    while left:
        done = {node for node, others in left.items() if not others & left.keys()}
        if not done:
            node, way = next(iter(left)), list[str]()
            while node not in way:
                way.append(node)
                node = min(left[node] & left.keys())
            return [*way[way.index(node) :], node]
        left = {node: others for node, others in left.items() if node not in done}
    return []


@pytest.mark.parametrize("package", [AGENT, CENTRE], ids=lambda package: package.name)
def test_no_circle_between_packages(package: Path) -> None:
    """Of the parts right below ``package``; ``commands`` and its handlers are two."""
    graph = defaultdict[str, set[str]](set)
    for path in modules(package):
        here = _unit(name_of(path))
        used = {_unit(name) for name in imports(path) if is_of(name, package.name)}
        graph[here] |= used - {here, package.name}
    assert circle(graph) == []


def _unit(name: str) -> str:
    if is_of(name, "edge_agent"):
        return f"edge_agent.{part(name)}".rstrip(".")
    return ".".join(name.split(".")[:2])


def test_no_circle_between_folders_of_one_package() -> None:
    """A folder and the folders inside of it are one thing; folders side by side are not."""
    graph = defaultdict[str, set[str]](set)
    for path in modules(AGENT, CENTRE):
        here = _folder(path)
        for name in imports(path):
            if is_of(name, "edge_agent") or is_of(name, "edge_central"):
                there = _folder(_file(name))
                if not is_of(here, there) and not is_of(there, here):
                    graph[here].add(there)
    assert circle(graph) == []


def _file(name: str) -> Path:
    path = AGENT.parent / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _folder(path: Path) -> str:
    return ".".join(path.parent.relative_to(AGENT.parent).parts)


def test_the_centre_verifies_evidence_without_what_makes_it() -> None:
    code = (
        "import sys; from edge_central.console import verdict; "
        "print([name for name in ('cv2', 'av', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


LOADED = "import sys; from edge_agent import agent; from edge_agent.cli import arguments, main, site; "
LOADED += "from edge_agent.tools import doctor; arguments.parser(); print(*sys.modules)"


def test_a_gateway_loads_neither_the_centre_nor_the_simulation_nor_the_table_of_the_fleet() -> None:
    """Only the command line knows the centre, and what it knows needs no library of the extra."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    tools = ("edge_agent.tools.simulate.", "edge_agent.tools.gateways.")
    assert [name for name in loaded if name.startswith(tools)] == []
    assert not {name.partition(".")[0] for name in loaded} & {"sqlalchemy", "psycopg", "starlette"}
    central = {name for name in loaded if name.startswith("edge_central.")}
    assert central == {"edge_central.cli", "edge_central.cli.command", "edge_central.cli.rollout_arguments"}


def strangers(path: Path) -> set[str]:
    """Foreign libraries that ``path`` imports although they belong elsewhere."""
    name = name_of(path)
    here = "edge_central" if is_of(name, "edge_central") else part(name).split(".")[0]
    libraries = {name.split(".")[0] for name in imports(path)}
    return {name for name in libraries & set(HOMES) if here not in HOMES[name]}


def test_foreign_libraries_have_one_home() -> None:
    wrong = {name_of(path): found for path in modules(AGENT, CENTRE) if (found := strangers(path))}
    assert wrong == {}


def test_no_module_is_named_after_nothing() -> None:
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    assert not [path for path in modules(AGENT, CENTRE) if banned & set(path.with_suffix("").parts)]


def test_every_folder_says_what_lives_there() -> None:
    """In the docstring of its package: what is there, and what is not."""
    silent = [
        str(folder.relative_to(AGENT.parent))
        for folder in sorted({path.parent for path in modules(AGENT, CENTRE)})
        if not ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_no_folder_has_more_modules_than_a_reader_can_survey() -> None:
    count = defaultdict[str, int](int)
    for path in modules(AGENT, CENTRE):
        count[_folder(path)] += path.name != "__init__.py"
    assert {folder: number for folder, number in count.items() if number > 15} == {}
