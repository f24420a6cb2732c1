"""The page on the phone names no command, file or key: there is no terminal at the pole."""

from __future__ import annotations

import re

import pytest
from msgspec import structs

from edge_agent.commissioning.page.at_the_pole import AT_THE_POLE, todo_at_the_pole
from edge_agent.commissioning.page.state_document import state_document
from edge_agent.core.languages import LANGS, Lang
from edge_agent.tools.doctor.words import WORDS
from edge_agent.wire import DoctorLine
from tests.commissioning.prepared_box import prepared_box
from tests.commissioning.steps import examined, steps_of

COMMAND = re.compile(
    r"\b(sudo|systemctl|journalctl|mmcli|nmcli|resolvectl|timedatectl|chronyc|lsusb|edge-agent [a-z]|ansible)"
    r"|--[a-z]|/etc\b|profile:|\b[a-z]+_[a-z]+|\b[a-z]+\.[a-z]"
)
FIGURE = re.compile(r"\{[^}]*\}")


def advice(finding: str, lang: Lang) -> str:
    own = WORDS[finding].vi_do if lang == "vi" else WORDS[finding].en_do
    return FIGURE.sub("", todo_at_the_pole(finding, own or None, lang) or "")


@pytest.mark.parametrize("lang", LANGS)
def test_no_advice_on_the_phone_names_a_command_a_file_or_a_key(lang: Lang) -> None:
    assert [finding for finding in WORDS if COMMAND.search(advice(finding, lang))] == []


def test_only_findings_with_a_command_have_other_words_on_the_phone() -> None:
    both = {finding: (each.en_do, each.vi_do) for finding, each in WORDS.items()}
    typed = {
        finding
        for finding, texts in both.items()
        if any(COMMAND.search(FIGURE.sub("", each or "")) for each in texts)
    }
    assert set(AT_THE_POLE) == typed


def test_the_page_shows_these_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    steps = steps_of(prepared_box(tmp_path_factory.mktemp("box"), 8883, []))
    line = DoctorLine(
        check="agent", level="red", finding="agent-stopped", said="không chạy", todo="sudo systemctl restart"
    )
    steps.papers.put_verdict(structs.replace(examined("vi"), lines=[line]))
    (shown,) = state_document(steps, None)["verdict"]["lines"]
    assert shown["todo"].startswith("tắt rồi bật lại thiết bị")
