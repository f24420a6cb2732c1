"""Turns the installed Markdown pages into text for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

_LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]*)\)")
_MARKS = re.compile(r"\*\*|`|(?<![\w*])\*(?=\w)|(?<=[\w.])\*(?![\w*])")
_ITEM = re.compile(r"(?P<indent> *)(?P<mark>[-*]|\d+\.) +(?P<text>.*)")
_RULE = re.compile(r"\|[\s:|-]+\|?")


def plain_text(markdown: str, width: int) -> str:
    """Return ``markdown`` as text in lines of at most ``width`` characters; code is only indented."""
    return "\n".join(_lines(markdown.splitlines(), width)) + "\n"


def inline(text: str) -> str:
    """Remove the marks of bold text and code. A link becomes its text, with the address if it leads to the
    web."""

    def link(found: re.Match[str]) -> str:
        return f"{found[1]} <{found[2]}>" if "://" in found[2] else found[1]

    return _MARKS.sub("", _LINK.sub(link, text))


def _lines(lines: list[str], width: int) -> Iterator[str]:
    paragraph: list[str] = []
    code = False
    for line in [*lines, ""]:
        if line.lstrip().startswith("```") or code or not _continues(line, paragraph):
            yield from _wrapped(paragraph, width)
            paragraph = []
        if line.lstrip().startswith("```"):
            code = not code
        elif code:
            yield f"    {line}".rstrip()
        elif line.startswith("#"):
            title = inline(line.lstrip("# "))
            yield from (title, ("=" if line.startswith("# ") else "-") * len(title))
        elif line.startswith("|"):
            yield from _row(line, width)
        elif line.strip():
            paragraph.append(line)
        else:
            yield ""


def _continues(line: str, paragraph: list[str]) -> bool:
    """Return whether ``line`` belongs to the paragraph or list item above it."""
    return bool(paragraph and line.strip()) and not (line.startswith(("#", "|")) or _ITEM.fullmatch(line))


def _wrapped(paragraph: list[str], width: int) -> list[str]:
    if not paragraph:
        return []
    first = paragraph[0]
    if first.startswith("    ") and not _ITEM.fullmatch(first):  # code without a fence
        return paragraph
    item = _ITEM.fullmatch(first)
    lead = f"{item['indent']}{item['mark']} " if item else first[: len(first) - len(first.lstrip())]
    words = [item["text"] if item else first, *paragraph[1:]]
    return textwrap.wrap(
        inline(" ".join(word.strip() for word in words)),
        width,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _row(line: str, width: int) -> list[str]:
    """Return a row of a table as one item of a list: most rows are too long for columns on a terminal."""
    if _RULE.fullmatch(line.strip()):
        return []
    cells = [
        inline(cell.strip().replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))
    ]
    text = " — ".join(cell for cell in cells if cell)
    return textwrap.wrap(
        text,
        width,
        initial_indent="* ",
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
