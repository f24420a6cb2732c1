"""``edge-agent docs``: the pages are in the wheel, read well on a terminal, and are found without marks."""

from __future__ import annotations

import io
from configparser import ConfigParser
from pathlib import Path

import pytest

from edge_agent.cli.arguments import parser
from edge_agent.core.errors import UsageError
from edge_agent.tools.offline_docs.command import run_docs
from edge_agent.tools.offline_docs.plain_text import plain_text
from edge_agent.tools.offline_docs.topics import FOLDER, TOPICS, plain

ROOT = Path(__file__).parents[3]


def docs(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    return run_docs(parser().parse_args(["docs", *words]), out, "en"), out.getvalue()


def test_every_page_is_installed_with_the_package_and_no_other() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = setup["options.package_data"]["edge_agent"].split()
    package = FOLDER.parents[2]
    packed = {path for pattern in patterns for path in package.glob(pattern) if path.parent == FOLDER}
    assert packed == {FOLDER / topic.file for topic in TOPICS}


def test_the_list_begins_with_the_vietnamese_pages() -> None:
    code, shown = docs()
    lines = shown.splitlines()
    assert code == 0
    assert lines[0].split()[:2] == ["thiet-bi-moi", "vi"]
    assert [line.split()[1] for line in lines[: len(TOPICS)]] == ["vi"] * 5 + ["en"] * (len(TOPICS) - 5)
    assert docs("--lang", "en")[1].split()[1] == "en"


@pytest.mark.parametrize("name", [topic.name for topic in TOPICS])
def test_each_page_is_readable_text(name: str) -> None:
    code, shown = docs(name)
    assert code == 0
    assert len(shown) > 1500
    prose = [line for line in shown.splitlines() if not line.startswith("    ")]
    assert not [line for line in prose if "](" in line or "```" in line or line.startswith(("#", "|"))]


def test_words_are_found_without_their_marks() -> None:
    code, shown = docs("--find", "SAI mat khau")
    assert code == 0
    assert "so-tay: " in shown
    assert "sai tên đăng nhập hoặc mật khẩu" in shown
    assert docs("doctor", "--find", "mat khau")[0] == 1
    assert plain("Đề Thám") == "de tham"


def test_what_is_nowhere_is_said() -> None:
    assert docs("--find", "xylophone") == (1, "no page has 'xylophone'\n")


@pytest.mark.parametrize("words", ["", "  "])
def test_a_search_for_nothing_is_a_wrong_use(words: str) -> None:
    with pytest.raises(UsageError, match="needs a word"):
        docs("--find", words)


def test_a_typo_names_the_nearest_page() -> None:
    with pytest.raises(UsageError, match="'so-tay'"):
        docs("sotay")


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("# A *title*", "A title\n=======\n"),
        ("one\ntwo `code` **bold**", "one two code bold\n"),
        ("see [a page](page.md#part), [web](https://a.example)", "see a page, web\n<https://a.example>\n"),
        ("| a | b |\n|---|---|\n| `x\\|y` | |", "* a — b\n* x|y\n"),
        ("- an item that\n  is long enough\n- two", "- an item that is long enough\n- two\n"),
        ("```sh\nedge-agent  docs # [a](b)\n```", "    edge-agent  docs # [a](b)\n"),
        ("2. two\n10. ten", "2. two\n10. ten\n"),
    ],
    ids=["heading", "paragraph", "links", "table", "list", "code", "numbers"],
)  # fmt: skip
def test_markdown_becomes_plain_text(markdown: str, text: str) -> None:
    assert plain_text(markdown, 30).rstrip("\n") == text.rstrip("\n")
