"""Statements and templates that are compiled once for all databases and consoles of the tests.

SQLAlchemy compiles a statement once for each engine. Almost every test has a database of its own, and would
spend up to a third of its time on that.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache
from sqlalchemy import create_engine
from sqlalchemy.util import LRUCache

from edge_central.store import database
from edge_central.web import templates
from tests.testbed.clips import CLIP_FOLDER


class SharedStatements(MutableMapping[Any, Any]):
    """The first part of a key is the dialect of the engine; all engines of one name have equal ones."""

    def __init__(self) -> None:
        self._compiled: LRUCache[Any, Any] = LRUCache(2000)

    def __getitem__(self, key: Any) -> Any:
        return self._compiled[key[0].name, *key[1:]]

    def __setitem__(self, key: Any, compiled: Any) -> None:
        self._compiled[key[0].name, *key[1:]] = compiled

    def __delitem__(self, key: Any) -> None:
        del self._compiled[key[0].name, *key[1:]]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._compiled)

    def __len__(self) -> int:
        return len(self._compiled)


def compile_once() -> None:
    """Change the engines and template environments that the centre makes from now on in this process."""
    options = {"compiled_cache": SharedStatements()}
    setattr(database, "create_engine", partial(create_engine, execution_options=options))  # noqa: B010
    if shared := os.environ.get(CLIP_FOLDER):
        folder = Path(shared, "templates")
        folder.mkdir(exist_ok=True)
        cache = FileSystemBytecodeCache(str(folder))
        setattr(templates, "Environment", partial(Environment, bytecode_cache=cache))  # noqa: B010
