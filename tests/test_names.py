"""Names of modules, classes and functions: unique where they are public, and of the field's vocabulary."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("edge_agent", "edge_central")

PRIVATE_WORDS = frozenset(
    "anew arrival bank blind book calm crew desk duties duty ear eyes front furnish glance guard"  # noqa: SIM905
    " handed happenings held hit hits house instead kept known lane lanes likeness lone look looked looks"
    " meter nobody nowhere onset orders owed player poisoned reception restless rhythm room shelf shop shot"
    " sight slots somebody stirs stretch tape tell teller telling tend told trouble visit vitals witness"
    " witnesses".split()
)
"""Words of a vocabulary that only its authors understood; docs/glossary.md has the standard terms."""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@cache
def definitions(path: Path) -> tuple[Definition, ...]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return tuple(node for node in nodes if isinstance(node, Definition))


def words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name.replace("_", " "))}


def test_words_of_a_name() -> None:
    assert words("_tell_HTTPServer2") == {"tell", "http", "server"}


def test_public_class_names_are_unique() -> None:
    places = defaultdict[str, list[str]](list)
    for path in modules():
        for node in definitions(path):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert len(places) > 500
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_names_have_no_words_of_a_private_vocabulary() -> None:
    found = []
    for path in modules():
        names = {path.stem} | {node.name for node in definitions(path)}
        found += [f"{path.relative_to(ROOT)}: {name}" for name in names if words(name) & PRIVATE_WORDS]
    assert found == []


TEMPLATE_NAME = re.compile(r"\{% (?:macro|set) (\w+)|\bdata-([a-z-]+)=|\bid=\"([a-z-]+)\"")


def test_templates_have_no_words_of_a_private_vocabulary() -> None:
    found = []
    for path in sorted((ROOT / "edge_central/web/templates").glob("*.html")):
        named = TEMPLATE_NAME.finditer(path.read_text(encoding="utf-8"))
        names = {path.stem} | {next(filter(None, match.groups())) for match in named}
        found += [f"{path.name}: {name}" for name in names if words(name.replace("-", "_")) & PRIVATE_WORDS]
    assert found == []
