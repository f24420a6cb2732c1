"""``python3 -m role_readmes``, run in ``ansible/``: brings the tables of variables up to date."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[1] / "roles"
BEGIN = "<!-- made by `python3 -m role_readmes` from defaults/main.yml and meta/argument_specs.yml -->"
END = "<!-- end -->"
LONGEST = 60
"""Characters of a default in the table; a longer one is in defaults/main.yml only."""


def variables(role: Path) -> str:
    """A table of the role's variables, as Markdown. Raises OSError or KeyError if the role has none."""
    options = _read(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    defaults = _read(role / "defaults/main.yml") or {}
    rows = [
        (f"`{name}`", option["type"], _default(name, option, defaults), _cell(option["description"]))
        for name, option in options.items()
    ]
    head = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def with_variables(text: str, role: Path) -> str:
    """Return the README ``text`` with the current table. Raises ValueError if it has no place for a table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{role / 'README.md'} needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{variables(role)}\n{END}{after}"


def _default(name: str, option: dict[str, Any], defaults: dict[str, Any]) -> str:
    if option.get("required"):
        return "required"
    value = defaults.get(name)
    text = "empty" if value in (None, "") else _flow(value)
    return text if len(text) <= LONGEST else "see `defaults/main.yml`"


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return f"`{text.removesuffix('...' + chr(10)).strip()}`".replace("|", "\\|")


def _cell(text: str) -> str:
    """One line, with C(...) of Ansible as code."""
    parts = " ".join(text.split()).replace("|", "\\|").split("C(")
    return parts[0] + "".join(f"`{part.replace(')', '`', 1)}" for part in parts[1:])


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def main() -> int:
    for role in sorted(path for path in ROLES.iterdir() if (path / "tasks").is_dir()):
        readme = role / "README.md"
        old = readme.read_text(encoding="utf-8")
        new = with_variables(old, role)
        if new != old:
            readme.write_text(new, encoding="utf-8")
            print(f"written {readme}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
