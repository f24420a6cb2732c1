"""Journeys whose opened pictures are compared by a model: the order, reasons in words, what the page says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from edge_agent.core.clock import SystemClock
from edge_central.appearance.card import card_text
from edge_central.appearance.picture_embedder import PictureEmbedder
from edge_central.journey_settings import AppearanceSettings
from tests.edge_central.appearance.parts import card_of, drawn
from tests.edge_central.console.passages import Command
from tests.edge_central.web.house import WARDS, House
from tests.edge_central.web.test_journey_pages import Followed, city, later, words
from tests.testbed.embedding_model import write_embedding_model

__all__ = ["city"]

SAME, OTHER = 1, 2
"""Candidates: the first has a picture like that of the followed passage, the second fits better by time."""
FOLLOWED_PICTURE = drawn(1)
PICTURES = {SAME: drawn(1, view=1), OTHER: drawn(2)}


class ComparedJourney(Followed):
    """Two candidates at dt-002, of a centre that has a model for two-wheelers."""

    def __init__(self, house: House, lang: str = "en") -> None:
        super().__init__(house, lang=lang, picture_sha256=sha256_of(FOLLOWED_PICTURE))
        self.found = self.ask()
        rows = [later(SAME, 60), later(OTHER, 48)]
        named = [{**row, "picture_sha256": sha256_of(PICTURES[row["id"]])} for row in rows]
        self.answer(self.found, "dt-002", *named)
        model = write_embedding_model(house.folder / "colours.tflite")
        self.settings = AppearanceSettings(model=model, card=house.folder / "card.json")
        (house.folder / "card.json").write_bytes(card_text(card_of(sha256_of(model.read_bytes()))))
        database = house.settings.database
        self.embedder = PictureEmbedder(self.settings, database, WARDS, "central", SystemClock())

    def open(self, search: str, gateway: str, number: int, jpeg: bytes) -> None:
        base = f"{self.path}/searches/{search}/pictures"
        self.browser.post(base, {"passage": f"{gateway}/{number}", "next": self.step}, page=self.step)
        (asked,) = self.gateways.opened(search)
        self.gateways.send_picture(Command(asked.id, gateway, "de-tham", number), jpeg)

    def open_all(self) -> None:
        self.open(self.search, "dt-001", 412, FOLLOWED_PICTURE)
        for number, jpeg in PICTURES.items():
            self.open(self.found, "dt-002", number, jpeg)

    def embed(self) -> None:
        while self.embedder.run_once() == 0.0:
            pass

    def order(self) -> list[int]:
        page = self.browser.get(self.step).text
        return sorted((SAME, OTHER), key=lambda number: page.index(f'value="dt-002/{number}"'))


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def journey(city: House) -> Iterator[ComparedJourney]:
    made = ComparedJourney(city)
    yield made
    made.embedder.close()


def test_pictures_reorder_candidates_and_the_reason_names_the_model(journey: ComparedJourney) -> None:
    assert journey.order() == [OTHER, SAME], "by the time"
    journey.open_all()
    journey.embed()
    assert journey.order() == [SAME, OTHER]
    page = words(journey.browser.get(journey.step).text)
    assert "looks similar by the model colours; measured rank-1 0.61 on 40 objects" in page
    assert "looks different by the model colours" in page
    assert "Opened pictures are compared by the model colours." in page
    assert "is the same" not in page


def test_a_picture_that_is_not_opened_changes_nothing(journey: ComparedJourney) -> None:
    journey.open(journey.found, "dt-002", SAME, PICTURES[SAME])
    journey.embed()
    assert journey.order() == [OTHER, SAME]
    page = words(journey.browser.get(journey.step).text)
    assert "looks similar" not in page
    assert "Sealed pictures, and those not opened, are not." in page


def test_the_api_names_the_model_and_its_figures(journey: ComparedJourney, city: House) -> None:
    journey.open_all()
    journey.embed()
    address = f"/api{journey.path}/candidates?step={journey.first}&way=forward"
    first = journey.browser.get(address).json()["candidates"][0]
    (reason,) = [each for each in first["reasons"] if each["kind"] == "appearance"]
    assert reason["supports"]
    assert reason["text"] == "looks similar by the model colours; measured rank-1 0.61 on 40 objects"


def test_a_model_that_may_not_be_used_is_named_and_the_journey_goes_on(journey: ComparedJourney) -> None:
    assert journey.settings.card is not None
    journey.settings.card.unlink()
    journey.open_all()
    journey.embed()
    assert journey.order() == [OTHER, SAME]
    page = words(journey.browser.get(journey.step).text)
    assert "Pictures are not compared: the model colours.tflite has no measured card" in page


def test_without_a_model_the_page_says_nothing_of_it(city: House) -> None:
    journey = Followed(city, lang="en")
    journey.answer(journey.ask(), "dt-002", later(1, 48))
    assert "compared" not in words(journey.browser.get(journey.step).text)
