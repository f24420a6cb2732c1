"""Makes the tables of docs/guide/doctor.md from ``words``: ``python -m edge_agent.tools.doctor.guide``."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.tools.doctor.words.box import BOX
from edge_agent.tools.doctor.words.broker import BROKER
from edge_agent.tools.doctor.words.cameras import CAMERAS
from edge_agent.tools.doctor.words.network import NETWORK
from edge_agent.tools.doctor.words.wording import MARKS, Wording

BEGIN, END = "<!-- made by python -m edge_agent.tools.doctor.guide -->", "<!-- until here -->"


def tables() -> str:
    """Return the tables as Markdown."""
    parts = {"The gateway": BOX, "A camera": CAMERAS, "Modem and time": NETWORK, "The broker": BROKER}
    return "\n".join([BEGIN, *(_table(title, words) for title, words in parts.items()), END])


def _table(title: str, words: Mapping[str, Wording]) -> str:
    rows = [f"\n### {title}", "", "| finding | | says | do |", "|---|---|---|---|"]
    rows += [
        f"| `{name}` | {MARKS['en'][each.level]} | {_cell(each.en)} | {_cell(each.en_do)} |"
        for name, each in words.items()
    ]
    return "\n".join(rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(tables())
