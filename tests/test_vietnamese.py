"""The Vietnamese of the product keeps to docs/reference/vi-terms.md and says what the English says."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

import edge_agent
from edge_agent.cli.arguments import parser
from edge_agent.cli.passage_words import PASSAGES, REHEARSE
from edge_agent.config.texts.messages import CHECK
from edge_agent.config.texts.warning_texts import WARNINGS
from edge_agent.host.local_api.status_words import STATUS
from edge_agent.tools.cameras.discovered import DiscoveryState
from edge_agent.tools.cameras.messages import CAMERAS
from edge_agent.tools.cameras.setup_plan import SetupOutcome
from edge_agent.tools.doctor.aim import command as aim
from edge_agent.tools.doctor.words import WORDS
from edge_agent.tools.doctor.words.paper import PAPER
from edge_agent.tools.ground.command import WORDS as GROUND
from edge_central.web.i18n import MODULES, fleet

ROOT = Path(edge_agent.__file__).parents[1]
TERMS = ROOT / "docs/reference/vi-terms.md"
COMMAND_LINE = (STATUS, CAMERAS, CHECK, WARNINGS, PASSAGES, REHEARSE, GROUND)
VIETNAMESE = re.compile(
    "[ăâđêôơưĂÂĐÊÔƠƯ\u00c0-\u00c3\u00c8-\u00ca\u00cc\u00cd\u00d2-\u00d5\u00e0-\u00e3\u1ea0-\u1ef9]"
)
COMMAND = re.compile(
    r"^(?:sudo )?(edge-agent (?:[a-z]+ [^#\n]*|reload))"
    r"|`sudo (edge-agent [^`]*)`|`(edge-agent gateways [^`]*)`",
    re.M,
)
ISO_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
NEWER_TONE = re.compile(r"\w(oá|oà|oả|oã|oạ|uỷ|uý)\b(?<!quý)(?<!quỷ)", re.I)


def rows(columns: int) -> list[list[str]]:
    """The cells of the tables of the page that have so many columns."""
    lines = TERMS.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if len(row) == columns and set(row[0]) != set("-")]


def never() -> re.Pattern[str]:
    """Any word of the column "never", not as a part of a key, an option or a file name."""
    words = {word.strip() for row in rows(4) for word in row[2].split(",")} - {"", "never"}
    assert len(words) > 60
    return re.compile(rf"(?<![\w./-])({'|'.join(sorted(map(re.escape, words)))})(?![\w=-]|[.:]\w)", re.I)


def allowed() -> re.Pattern[str]:
    phrases = [phrase.strip() for row in rows(3)[1:] for phrase in row[1].split(",")]
    return re.compile("|".join(map(re.escape, phrases)), re.I)


def docstrings(tree: ast.Module) -> set[ast.AST]:
    documented = (ast.Module, ast.FunctionDef, ast.ClassDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, documented)]
    return {body[0].value for body in bodies if body and isinstance(body[0], ast.Expr)}


def python_texts(text: str) -> Iterator[str]:
    tree = ast.parse(text)
    prose = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in prose:
            yield re.sub(r"{[^{}]*}", "{}", node.value)


def page_texts(path: Path, text: str) -> Iterator[str]:
    """The lines of a Vietnamese page, without code."""
    if not path.name.endswith(".vi.md"):
        return
    yield from (re.sub("`[^`]*`", "", line) for line in text.splitlines())


def texts_of(path: Path, text: str) -> Iterator[str]:
    if path.suffix == ".py":
        return python_texts(text)
    if path.suffix == ".md":
        return page_texts(path, text)
    if path.suffix in (".js", ".html"):
        return (found[0] for found in re.finditer(r'"[^"\n]*"|`[^`]*`', text))
    return iter(text.splitlines())


def files() -> Iterator[Path]:
    for folder in ("edge_agent", "edge_central", "ansible", "training", "docs", "systemd"):
        for suffix in ("py", "js", "html", "md", "yml", "j2"):
            yield from ROOT.glob(f"{folder}/**/*.{suffix}")
    yield from ROOT.glob("*.md")


@cache
def vietnamese() -> list[tuple[str, str]]:
    """File and text of all that the product says in Vietnamese."""
    found = []
    for path in files():
        text = path.read_text(encoding="utf-8")
        if path != TERMS and VIETNAMESE.search(text):
            found += [(path.name, each) for each in texts_of(path, text) if VIETNAMESE.search(each)]
    return found


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def object_keys(script: str, language: str) -> list[tuple[str, str]]:
    """Of the table of one language in a page's script, with the arguments of those that are functions."""
    bare = re.sub(r'"[^"\n]*"|`[^`]*`', '""', script.partition(f"\n  {language}: {{")[2])
    bare = re.sub(r"label: {[^}]*}", "label: {}", bare)
    depths = itertools.accumulate({"{": 1, "}": -1}.get(letter, 0) for letter in bare)
    end = next(index for index, depth in enumerate(depths) if depth < 0)
    return re.findall(r"(\w+): *(?:(\([\w, ]*\)) =>)?", bare[:end])


def test_words_that_the_list_forbids_stand_nowhere() -> None:
    texts, forbidden, exceptions = vietnamese(), never(), allowed()
    assert len(texts) > 700
    found = [(file, forbidden.search(exceptions.sub("", text)), text) for file, text in texts]
    assert not [each for each in found if each[1]]


def test_dates_marks_and_letters_are_written_one_way() -> None:
    texts = vietnamese()
    assert not [pair for pair in texts if ISO_DATE.search(pair[1]) or NEWER_TONE.search(pair[1])]
    assert not [pair for pair in texts if unicodedata.normalize("NFC", pair[1]) != pair[1]]


def test_the_console_has_each_text_in_both_languages_with_the_same_figures() -> None:
    for key, (ours, english) in ((key, pair) for module in MODULES for key, pair in module.items()):
        assert fields(ours) == fields(english), key
        assert ours, key


def test_a_text_of_the_console_is_in_one_module_only() -> None:
    keys = Counter(key for module in MODULES for key in module)
    assert [key for key, times in keys.items() if times > 1] == [], "the last module would win silently"


def test_the_command_line_says_the_same_in_both_languages() -> None:
    for table in COMMAND_LINE:
        for key, (english, ours) in table.items():
            # What a key is for is said in English only: the tables of the configuration have it.
            assert fields(ours) == fields(english) - {"doc"}, key
            assert bool(ours) == bool(english), key


def test_every_state_of_a_camera_and_every_outcome_has_a_name() -> None:
    assert {f"state-{each}" for each in DiscoveryState} <= set(CAMERAS)
    assert {f"outcome-{each}" for each in SetupOutcome} <= set(CAMERAS)


def test_status_and_console_call_a_state_of_a_camera_the_same() -> None:
    assert {key: words for key, (words, _) in fleet.WORDS.items() if key.startswith("cause-")} == {
        key: words for key, (_, words) in STATUS.items() if key.startswith("cause-")
    }
    views = {key: words for key, (_, words) in STATUS.items() if key.startswith("view-")}
    assert views == {key: fleet.WORDS[key][0] for key in views}


def test_doctor_and_its_report_say_the_same_in_both_languages() -> None:
    assert PAPER["vi"].keys() == PAPER["en"].keys()
    for finding, words in WORDS.items():
        # English quotes what a library found, "text" or "detail"; Vietnamese names the kind and the host.
        quoted = {"host"} if fields(words.en) & {"text", "detail"} else set()
        assert fields(words.vi) <= fields(words.en) | quoted, finding
        assert quoted or fields(words.vi) == fields(words.en), finding
        assert all((words.en, words.vi)), finding
        assert bool(words.en_do) == bool(words.vi_do), finding
        assert fields(words.vi_do) == fields(words.en_do), finding


def test_site_yml_ends_in_the_same_words_in_both_languages() -> None:
    import technician  # imports Ansible, which takes 0.1 s: not in each process of the tests

    (play,) = yaml.safe_load((ROOT / "ansible/commission.yml").read_text(encoding="utf-8"))
    words = play["vars"]["site_words"]
    assert words["vi"].keys() == words["en"].keys()
    assert technician.WORDS["vi"].keys() == technician.WORDS["en"].keys()
    for fault in (*technician.FAULTS, technician.UNREACHABLE, technician.FAILED):
        assert fields(fault.vi) == fields(fault.en), fault.pattern


def test_the_aiming_page_and_its_command_say_the_same_in_both_languages() -> None:
    tables = [aim.OPEN, aim.CODE, aim.ENDS, aim.AGENT_RUNS, *aim.FIREWALL.values(), *aim.ENDED.values()]
    for table in tables:
        assert fields(table["vi"]) == fields(table["en"]), table["en"]
    script = (ROOT / "edge_agent/tools/doctor/aim/words.js").read_text(encoding="utf-8")
    assert object_keys(script, "vi") == object_keys(script, "en") != []


def test_the_training_page_says_the_same_in_both_languages() -> None:
    page = (ROOT / "training/review.html").read_text(encoding="utf-8")
    assert object_keys(page, "vi") == object_keys(page, "en") != []


@pytest.mark.parametrize("page", ["README.vi.md", "docs/guide/so-tay.vi.md"])
def test_commands_of_pages_are_taken_without_a_notice(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = re.sub(
        r"^edge-agent [^-\w].*$|^edge-agent là .*$", "", (ROOT / page).read_text("utf-8"), flags=re.M
    )
    commands = [next(filter(None, found)) for found in COMMAND.findall(text)]
    assert len(commands) >= 9
    for command in commands:
        parser().parse_args(shlex.split(command)[1:])
    assert not capsys.readouterr().err
