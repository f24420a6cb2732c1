"""The rules of the command line, held for every parser: docs/decisions/0056-command-line.md."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import edge_agent
from edge_agent.cli.arguments import DEFAULT_CONFIG, parser
from edge_agent.cli.main import main
from edge_agent.cli.manual import REFERENCE, bash_completion, help_text, install, man_page, markdown, walk
from edge_agent.core.command_line import exit_codes
from edge_agent.core.command_line.parser import CommandParser

ROOT = Path(edge_agent.__file__).parents[1]
WHOLE = parser()
PARSERS = list(walk(WHOLE))
LEAVES = [each for each in PARSERS if not each.commands]
MAKES_PARSER = re.compile(r"argparse\.ArgumentParser$|\.add_parser$")
NO_FACTS = {  # print nothing but what they did, or logs
    "run", "reload", "relearn", "completion", "docs", "learn", "replay", "home-assistant",
    "evidence export", "evidence hold", "evidence open", "collect export", "collect open",
    "cameras configure", "models fetch", "models rollout", "ground show", "ground estimate",
    "central run", "central console", "central hold", "central release", "central travel-times learn",
    "central user add", "central user passwd", "central user remove", "central user token",
    "central case export", "central rollout batch", "central rollout failed",
    "central rollout end", "central rollout stop",
    "central user role", "central user disable", "central user enable", "central user end-sessions",
    "central user reset-second-factor", "central user onvif-password",
}  # fmt: skip


def name(each: CommandParser) -> str:
    return each.prog.removeprefix("edge-agent").strip()


def options() -> Iterator[tuple[CommandParser, argparse.Action]]:
    for each in PARSERS:
        for action in each.visible_actions:
            yield each, action


def test_no_parser_accepts_an_abbreviation() -> None:
    assert not [each.prog for each in PARSERS if each.allow_abbrev or not isinstance(each, CommandParser)]


@pytest.mark.parametrize("empty", ["", "  "])
def test_no_parser_accepts_an_empty_name_of_a_person(empty: str) -> None:
    of_people = [(each, action) for each, action in options() if "--by" in action.option_strings]
    assert len(of_people) > 6
    for each, action in of_people:
        with pytest.raises(argparse.ArgumentError, match="the name may not be empty"):
            each._get_values(action, [empty])


def test_no_program_of_the_repository_accepts_an_abbreviation() -> None:
    """Programs beside ``edge-agent`` make plain parsers, whose sub-parsers inherit nothing."""
    found = []
    for path in ROOT.rglob("*.py"):
        if {".venv", ".cache", "tests", "core"} & set(path.relative_to(ROOT).parts):
            continue
        text = path.read_text(encoding="utf-8")
        if not any(each in text for each in ("ArgumentParser", "add_parser")):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and MAKES_PARSER.search(ast.unparse(node.func)):
                words = {keyword.arg for keyword in node.keywords}
                found += [] if "allow_abbrev" in words else [f"{path.relative_to(ROOT)}:{node.lineno}"]
    assert not found


def test_every_command_every_option_and_every_argument_has_a_help() -> None:
    assert not [f"{each.prog} {action.dest}" for each, action in options() if not action.help]
    assert not [each.prog for each in PARSERS if not each.description]


def test_every_help_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for each in PARSERS:
        with pytest.raises(SystemExit) as end:
            main([*name(each).split(), "--help"])
        assert end.value.code == 0
        assert each.prog in capsys.readouterr().out


def test_every_option_that_may_be_left_out_names_its_default() -> None:
    silent = [
        f"{each.prog} {action.dest}"
        for each, action in options()
        if not action.required and action.nargs != 0 and "default" not in help_text(each, action)
    ]
    assert not silent


def test_an_option_has_one_meaning() -> None:
    """Its help is the same for every command, up to the first semicolon."""
    meanings: dict[str, set[str]] = defaultdict(set)
    for _, action in options():
        for option in action.option_strings:
            meanings[option].add(str(action.help).partition(";")[0])
    assert not {option: found for option, found in meanings.items() if len(found) > 1}


def test_every_command_shows_an_example_that_it_accepts() -> None:
    assert not [each.prog for each in LEAVES if not each.examples]
    for each in LEAVES:
        for example in each.examples:
            line = re.sub(r"^(sudo (-u \S+ )?|source <\()", "", example.partition(" > ")[0]).rstrip(")")
            words = shlex.split(line)
            assert " ".join(words).startswith(each.prog), example
            WHOLE.parse_args(words[1:])


def test_a_command_that_prints_facts_prints_them_as_json_too() -> None:
    without = {name(each) for each in LEAVES if "--json" not in each._option_string_actions}
    assert without == NO_FACTS


def test_the_configuration_is_an_argument_and_an_option_wherever_there_is_one() -> None:
    for each in LEAVES:
        places = {
            "option" if a.option_strings else "argument" for a in each.visible_actions if a.dest == "config"
        }
        assert places in ({"option", "argument"}, set()) or name(each) == "replay", each.prog


@pytest.mark.parametrize(
    "words",
    [
        "check my.yaml",
        "check --config my.yaml",
        "check --lang vi my.yaml",
        "relearn cam-1 my.yaml",
        "relearn cam-1 --config my.yaml",
        "evidence export EVENT --by me --out x.zip my.yaml",
        "replay --camera cam-1 my.yaml clip.mp4",
        "replay --camera cam-1 clip.mp4 --config my.yaml",
        "cameras discover my.yaml",
        "cameras configure cam-1 --yes my.yaml",
        "central user list my.yaml",
        "central user add lan --role admin --config my.yaml",
    ],
)
def test_the_configuration_is_read_from_either_place(words: str) -> None:
    assert parser().parse_args(words.split()).config == Path("my.yaml")


def test_without_a_configuration_the_default_is_used() -> None:
    assert parser().parse_args(["check"]).config == DEFAULT_CONFIG
    assert parser().parse_args(["replay", "--camera", "c", "clip.mp4"]).config == DEFAULT_CONFIG


def wrong(words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        main(words.split())
    assert end.value.code == exit_codes.EX_USAGE
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("statsu", "there is no command 'statsu' (the nearest is 'status')"),
        ("models ftech", "there is no command 'ftech' (the nearest is 'fetch')"),
        ("central user tokn x", "there is no command 'tokn' (the nearest is 'token')"),
        ("", "the following arguments are required: COMMAND"),
        ("models", "the following arguments are required: COMMAND"),
    ],
)
def test_a_wrong_or_missing_command_prints_the_help_and_the_nearest(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    err = wrong(words, capsys)
    assert "show this help message and exit" in err
    assert said in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("status --jsno", "there is no option --jsno (the nearest is '--json')"),
        ("status --js", "there is no option --js (the nearest is '--json')"),
        ("status a.yaml b.yaml", "unexpected arguments: b.yaml"),
        ("status a.yaml --config b.yaml", "the configuration file is given twice"),
        ("replay --camera cam-1 a.yaml b.yaml clip.mp4", "the configuration file is given twice"),
        ("replay --camera cam-1 a.yaml", "the following arguments are required: VIDEO"),
    ],
)
def test_a_wrong_option_is_named_with_the_nearest(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in wrong(words, capsys)


RENAMED = [
    ("models fetch --from X", "source", "X"),
    ("models verify X --key K", "key", Path("K")),
    ("evidence verify X --key gw=K", "key", ["gw=K"]),
    ("evidence open X --key K", "key", Path("K")),
    ("collect open X --key=K --out D", "key", Path("K")),
    ("learn X --from C", "start", Path("C")),
    ("cameras discover --username admin", "camera_username", "admin"),
    ("cameras configure c --password-file F", "camera_password_file", Path("F")),
    ("central user passwd x --password-file F", "password_file", Path("F")),
    ("simulate --broker mqtt://h --state-dir D", "outbox_dir", Path("D")),
    ("passages --since 2026-11-24T20:15", "from_time", datetime(2026, 11, 24, 20, 15)),
    ("passages --until 2026-11-24T20:15", "to_time", datetime(2026, 11, 24, 20, 15)),
    ("models rollout X --url https://host/x --key K --broker mqtt://h --force", "ignore_results", True),
]


@pytest.mark.parametrize(("words", "dest", "value"), RENAMED)
def test_the_former_name_of_an_option_works_with_a_notice(
    words: str, dest: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    assert getattr(parser().parse_args(words.split()), dest) == value
    captured = capsys.readouterr()
    assert "is now called" in captured.err
    assert not captured.out


def test_the_former_name_of_a_command_works_with_a_notice(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args(["fleet", "--broker", "mqtt://h"]).command == "gateways"
    assert "fleet is now called gateways" in capsys.readouterr().err
    assert not re.search(r"^ +fleet\b", parser().format_help(), re.MULTILINE)


def test_every_renamed_option_is_tried_and_hidden() -> None:
    renamed = {(name(each), old) for each in PARSERS for old in each.renamed}
    tried = {
        (each, old) for each, old in renamed if any(w.startswith(each) and old in w for w, _, _ in RENAMED)
    }
    assert {command for command, _ in renamed} - {"central user add"} <= {command for command, _ in tried}
    for each in PARSERS:
        help_ = each.format_help()
        assert not [old for old in each.renamed if re.search(rf"^ +{old}\b", help_, re.MULTILINE)]


def test_the_reference_is_current() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == markdown(parser()), "python -m edge_agent.cli.manual"


def test_every_exit_code_of_the_code_is_in_the_table() -> None:
    named = {value for key, value in vars(exit_codes).items() if key.startswith("EX_")}
    listed = set(exit_codes.GENERAL) | {code for each in LEAVES for code in each.exit_codes}
    assert named == listed


def test_no_module_defines_an_exit_code_of_its_own() -> None:
    own = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in ("edge_agent", "edge_central")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "exit_codes.py"
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.match(r"(EX|EXIT)_[A-Z]+( *,.*)? *= *\d", text)
    ]
    assert not own


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("edge-agent sta", ["status"]),
        ("edge-agent models f", ["fetch"]),
        ("edge-agent central user t", ["token"]),
        ("edge-agent status --j", ["--json"]),
        ("edge-agent run --log-level e", ["error"]),
        ("edge-agent check --config ", []),
        ("edge-agent evidence open --k", []),
        ("edge-agent completion ", ["bash", "zsh", "--help"]),
        ("edge-agent command se", ["search", "set-config", "set-rule"]),
    ],
)
def test_bash_completes(typed: str, offered: list[str]) -> None:
    script = f"""{bash_completion(parser())}
        read -ra COMP_WORDS <<<"$1"; [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _edge_agent; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script, "bash", typed], capture_output=True, text=True, check=True)
    assert done.stdout.split() == offered
    assert not done.stderr


def test_each_command_has_a_man_page() -> None:
    for each in PARSERS:
        page = man_page(each)
        assert page.startswith('.TH "EDGE-AGENT')
        assert ("SH EXIT STATUS" in page) == (each in LEAVES)
        assert not [
            line
            for line in page.splitlines()
            if line.startswith(".") and not re.match(r"\.(TH|SH|TP|nf|fi)\b", line)
        ]


def test_a_second_installation_of_the_manual_changes_nothing(tmp_path: Path) -> None:
    pages = tmp_path / "share/man/man1"
    changed = install(parser(), tmp_path)
    assert {path.name for path in changed} == {path.name for path in pages.iterdir()} | {"edge-agent"}
    assert install(parser(), tmp_path) == []
    (pages / "edge-agent-gone.1").write_text("a command of an older release")
    (pages / "other.1").write_text("the page of another program")
    assert install(parser(), tmp_path) == [pages / "edge-agent-gone.1"]
    assert (pages / "other.1").exists()


def test_a_command_that_is_stopped_with_ctrl_c_prints_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(edge_agent.cli.main, "_run_command", interrupted)
    assert main(["check", "edge-agent.yaml"]) == exit_codes.EX_INTERRUPTED
    assert capsys.readouterr() == ("", "")
