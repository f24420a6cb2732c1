"""The steps of the page at a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from edge_agent.commissioning.commissioning import FREE, Commissioning
from edge_agent.commissioning.papers import PHOTO
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_OK
from edge_agent.core.languages import Lang, Sentences, in_lang, say, ward_text
from edge_agent.core.problems import CATALOGUE
from edge_agent.tools.doctor.words.wording import MARKS

TERMINAL: Sentences = {
    "site": ("{id}: {name}, {ward}", "{id}: {name}, {ward}"),
    "claimed": (
        "the box works as this site; the claim is sent by itself",
        "thiết bị đã nhận điểm này; yêu cầu nhận điểm được gửi tự động",
    ),
    "undone": ("undone: the box has no site", "đã hủy: thiết bị chưa thuộc điểm nào"),
    "state-unclaimed": ("no site yet", "chưa thuộc điểm nào"),
    "state-claimed": ("the centre has not confirmed it yet", "trung tâm chưa xác nhận"),
    "state-confirmed": ("confirmed by the centre", "trung tâm đã xác nhận"),
    "state-refused": ("the centre has refused the site", "trung tâm từ chối điểm này"),
    "state-withdrawn": ("the centre has withdrawn the site", "trung tâm đã hủy việc nhận điểm này"),
}


class Terminal:
    """Does the steps at a terminal and prints each in one language."""

    def __init__(self, steps: Commissioning, out: TextIO, lang: Lang) -> None:
        self._steps, self._out, self._lang = steps, out, lang

    def commission(self, label: str, by: str, password: Callable[[], str], photo: bytes | None) -> int:
        """Do all steps but the signature, which is made on paper. Return 1 if the examination found something
        red, else 0."""
        steps = self._steps
        if steps.record.state not in FREE:
            steps.require_at(label)
            if steps.site is not None:
                self._site()
        else:
            site = steps.choose(label)
            self._site()
            self._cameras()
            needs = any(camera.username for camera in site.cameras)
            steps.claim(by, {"": password()} if needs else {})
            self._print(say(TERMINAL, "claimed", self._lang))
        if photo is not None:
            steps.papers.put(PHOTO, photo)
        steps.examine(self._lang)
        return self._verdict()

    def undo(self) -> int:
        self._steps.undo()
        self._print(say(TERMINAL, "undone", self._lang))
        return EX_OK

    def status(self) -> None:
        record = self._steps.record
        self._print(
            f"{self._steps.box.identity.serial}: {say(TERMINAL, f'state-{record.state}', self._lang)}"
        )
        if self._steps.site is not None:
            self._site()
        if record.problem is not None:
            self._print(CATALOGUE.say(record.problem, self._lang) or record.problem.code)

    def _site(self) -> None:
        site = self._steps.site
        assert site is not None
        ward = ward_text(site.ward_name or site.ward, self._lang)
        self._print(say(TERMINAL, "site", self._lang, id=site.id, name=site.name, ward=ward))

    def _cameras(self) -> None:
        found = self._steps.found
        assert found is not None
        for camera in found.cameras:
            self._print(
                f"  {camera.id}  {camera.name}  {in_lang(camera.said, self._lang)}  {camera.model}".rstrip()
            )
        for stranger in found.strangers:
            self._print(f"  ! {in_lang(stranger, self._lang)}")

    def _verdict(self) -> int:
        document = self._steps.papers.verdict()
        assert document is not None
        marks = {level.value: mark for level, mark in MARKS[self._lang].items()}
        for line in document.lines:
            label = line.check if line.label is None else getattr(line.label, document.lang)
            self._print(f"{marks[line.level]}  {label}: {line.said}")
            if line.todo:
                self._print(f"      {line.todo}")
        self._print(document.sentence)
        return EX_FAILED if document.verdict == "failed" else EX_OK

    def _print(self, line: str) -> None:
        self._out.write(f"{line}\n")
