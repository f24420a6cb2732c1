"""``edge-agent docs``: lists the pages, shows one in the pager, and searches them."""

from __future__ import annotations

import argparse
import shutil
from typing import TextIO

from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.command_line.parser import Commands, add_command, nearest
from edge_agent.core.errors import UsageError
from edge_agent.core.languages import Bilingual, Lang, Sentences, add_lang, say
from edge_agent.tools.offline_docs.plain_text import inline, plain_text
from edge_agent.tools.offline_docs.topics import TOPICS, OfflinePage, in_order, search

WIDEST = 100
"""Columns; longer lines are hard to read."""

DOCS: Sentences = {
    "hint": ("Read one: edge-agent docs {name}", "Đọc một trang: edge-agent docs {name}"),
    "hint-search": (
        "Search all: edge-agent docs --find '{words}'",
        "Tìm trong tất cả các trang: edge-agent docs --find '{words}'",
    ),
    "words": ("wrong password", "sai mật khẩu"),
    "none": ("no page has {words!r}", "không trang nào có {words!r}"),
}


def add_command_to(commands: Commands) -> None:
    docs = add_command(
        commands,
        "docs",
        "read the guides that are installed with the agent, without a network",
        "edge-agent docs",
        "edge-agent docs so-tay",
        "edge-agent docs --find 'mat khau' --lang vi",
        exit_codes={1: "failed, or the search found nothing"},
    )
    docs.add_argument("topic", nargs="?", metavar="TOPIC", help="page to show; default: list all pages")
    docs.add_argument(
        "--find",
        metavar="WORDS",
        help="show the lines with all these words, in all pages or in TOPIC; "
        "marks of Vietnamese letters may be left out; default: show no lines",
    )
    docs.completed_values = tuple(topic.name for topic in TOPICS)
    add_lang(docs)


def run_docs(args: argparse.Namespace, stdout: TextIO, lang: Lang) -> int:
    """Return the exit code. Raises UsageError for an unknown topic or no words to search, and OSError."""
    if args.find is not None and not args.find.strip():
        raise UsageError(
            Bilingual(
                "--find needs a word to search for, such as --find 'mat khau'",
                "--find phải có từ cần tìm, ví dụ --find 'mat khau'",
            )
        )
    topics = in_order(args.lang or "vi") if args.topic is None else [_topic(args.topic)]
    if args.find is not None:
        return _search(topics, args.find, stdout, lang)
    if args.topic is None:
        _list(topics, stdout, lang)
    else:
        _show(topics[0], stdout)
    return EX_OK


def _topic(name: str) -> OfflinePage:
    found = next((topic for topic in TOPICS if topic.name == name), None)
    if found is None:
        known = [topic.name for topic in TOPICS]
        near = nearest(name, known)
        near_vi = near.replace("the nearest is", "gần giống:")
        raise UsageError(
            Bilingual(
                f"there is no page {name!r}{near}; edge-agent docs lists all",
                f"không có trang {name!r}{near_vi}; xem danh sách bằng lệnh: edge-agent docs",
            )
        )
    return found


def _list(topics: list[OfflinePage], stdout: TextIO, lang: Lang) -> None:
    width = max(len(topic.name) for topic in topics)
    for topic in topics:
        stdout.write(f"{topic.name:<{width}}  {topic.lang}  {inline(topic.title)}\n")
    stdout.write(f"\n{say(DOCS, 'hint', lang, name=topics[0].name)}\n")
    stdout.write(f"{say(DOCS, 'hint-search', lang, words=say(DOCS, 'words', lang))}\n")


def _show(topic: OfflinePage, stdout: TextIO) -> None:
    text = plain_text(topic.text, min(shutil.get_terminal_size((80, 24)).columns, WIDEST))
    if stdout.isatty():
        import pydoc

        pydoc.pager(text)  # $PAGER, else less
    else:
        stdout.write(text)


def _search(topics: list[OfflinePage], words: str, stdout: TextIO, lang: Lang) -> int:
    above = ""
    for found in search(topics, words):
        if (place := f"{found.topic.name}: {inline(found.heading)}") != above:
            above = place
            stdout.write(f"{place}\n")
        stdout.write(f"  {inline(found.line.strip().strip('|#').strip())}\n")
    if not above:
        stdout.write(f"{say(DOCS, 'none', lang, words=words)}\n")
        return EX_FAILED
    return EX_OK
