"""The commands of the pages name playbooks, tags and commands of ``fleet`` that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

import pytest

from fleet.__main__ import _parser
from tests.playbooks.role_files import ANSIBLE, ROLES, read
from tests.playbooks.test_role_readmes import used

ROOT = ANSIBLE.parent
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs/guide").glob("*.md"))]


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Page and words of each command in a block or between backquotes; comments are left out."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.findall(rf"(?:^|&& |`)(?:\S*/)?{program} ([^`\n&]+)", text, re.MULTILINE):
            # A line that goes on, or a word that stands for more, cannot be parsed.
            if not found.rstrip().endswith("\\") and "…" not in found and "..." not in found:
                yield page.name, shlex.split(found, comments=True)


def tags() -> set[str]:
    tasks = [task for role in ROLES for path in (role / "tasks").glob("*.yml") for task in read(path)]
    plays = [play for book in ANSIBLE.glob("*.yml") for play in read(book) if book.name != "requirements.yml"]
    return used([*tasks, *plays, *(task for play in plays for task in play.get("tasks", []))])


def test_playbooks_and_tags_of_the_pages_exist() -> None:
    found = list(commands("ansible-playbook"))
    assert len(found) > 20
    existing = tags()
    for page, words in found:
        books = [word for word in words if word.endswith(".yml")]
        assert books, (page, words)
        assert [book for book in books if not (ANSIBLE / book).exists()] == [], page
        for option, value in pairwise(words):
            if option in ("--tags", "--skip-tags"):
                assert set(value.split(",")) <= existing, (page, words)


def test_commands_ask_for_the_password_of_the_vault() -> None:
    """Each playbook reads group_vars/all/vault.yml, and the guides let everybody make that file."""
    found = [*commands("ansible-playbook"), *commands("ansible")]
    assert "ansible.builtin.ping" in found[-1][1]
    assert [words for _, words in found if "--ask-vault-pass" not in words] == []


def test_former_names_of_playbooks_are_in_no_page() -> None:
    former = {"site.yml", "depot.yml"}
    assert not [page for page, words in commands("ansible-playbook") if former & set(words)]


def test_commands_of_fleet_in_the_pages_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    found = list(commands("python3? -m fleet"))
    assert len(found) > 10
    for page, words in found:
        if len(words) == 1:  # in a sentence, where it only names the command
            words = [*words, "--help"]
        try:
            _parser().parse_args(words)
        except SystemExit as end:
            if end.code:
                pytest.fail(f"{page}: fleet {shlex.join(words)}: {capsys.readouterr().err}")


def test_a_value_with_a_space_is_given_to_ansible_as_json() -> None:
    """Ansible splits ``-e site_by='Nguyễn Văn An'`` at spaces and takes ``Nguyễn``."""
    wrong = re.compile(
        r"(?:-e|--extra-vars) (?:\w+=(['\"])[^'\"`\n]* [^'\"`\n]*\1|(['\"])\w+=[^'\"`\n ]* [^'\"`\n=]*\2)"
    )
    pages = {page.name: wrong.search(page.read_text(encoding="utf-8")) for page in PAGES}
    assert {name: found.group() for name, found in pages.items() if found} == {}
