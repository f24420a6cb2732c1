"""Roles and playbooks as the tests read them, and Ansible itself without its collections."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ANSIBLE = Path(__file__).resolve().parents[2] / "ansible"
ROLES = sorted(path for path in (ANSIBLE / "roles").iterdir() if (path / "tasks").is_dir())
# Names that an argument spec of Ansible has and the module side of it does not know.
ONLY_WORDS = {"description", "version_added"}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def options(role: Path) -> dict[str, Any]:
    specs = read(role / "meta/argument_specs.yml")["argument_specs"]
    found: dict[str, Any] = specs["main"].get("options", {})
    return found


def spec(described: dict[str, Any]) -> dict[str, Any]:
    plain = {}
    for name, words in described.items():
        plain[name] = {key: value for key, value in words.items() if key not in ONLY_WORDS}
        if "options" in words:
            plain[name]["options"] = spec(words["options"])
    return plain


def refusals(described: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """What Ansible says against these values of a role."""
    # Takes 0.1 s: not in each process of the tests.
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    return list(ArgumentSpecValidator(described).validate(given).error_messages)


def stub_collections(folder: Path) -> Path:
    """Empty modules under the names that the roles use: this environment has Ansible without collections,
    and imported tasks are resolved when a playbook is read. `make test-deploy` has the real ones."""
    texts = "".join(path.read_text(encoding="utf-8") for path in (ANSIBLE / "roles").glob("*/*/*.yml"))
    for space, collection, name in re.findall(
        r"^ *(community|ansible)\.(crypto|general|posix)\.(\w+):", texts, re.M
    ):
        module = folder / "ansible_collections" / space / collection / "plugins/modules" / f"{name}.py"
        module.parent.mkdir(parents=True, exist_ok=True)
        module.touch()
    return folder


def ansible_playbook(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``ansible-playbook`` with ``ansible.cfg``; its own files are below ``folder``."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), *arguments],
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder),
            "ANSIBLE_COLLECTIONS_PATH": str(stub_collections(folder)),
        },
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
