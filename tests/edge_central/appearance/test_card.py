"""Cards: what a similarity is worth by one, and which of them are refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from edge_central.appearance.card import (
    CardRefused,
    CurvePoint,
    GroupFigures,
    card_text,
    read_card,
    usable_card,
)
from tests.edge_central.appearance.parts import card_of, estimate, figures


@pytest.mark.parametrize(
    ("similarity", "ratio"),
    [
        (-1.0, 0.1),  # before the curve: as at its first point
        (0.0, 0.1),
        (0.5, 1.0),  # in the middle of 0.1 and 10
        (0.75, 10**0.5),
        (1.0, 10.0),
        (1.001, 10.0),
    ],
)
def test_a_ratio_is_interpolated(similarity: float, ratio: float) -> None:
    assert figures().ratio(similarity) == pytest.approx(ratio)


def test_a_ratio_is_clipped() -> None:
    steep = figures(curve=[CurvePoint(0.0, -4.0), CurvePoint(1.0, 4.0)])
    assert (steep.ratio(0.0), steep.ratio(1.0)) == (1 / 20, 20.0)


@pytest.mark.parametrize(
    "weak",
    [
        figures(identities=19),
        figures(rank1=estimate(0.61, 0.02, 0.75)),  # its interval holds chance
        figures(cost=1.0),
    ],
)
def test_figures_that_prove_nothing_are_not_used(weak: GroupFigures) -> None:
    assert figures().is_better_than_chance
    assert card_of("ab" * 32, vehicle=weak).figures("vehicle") is None


def refused(tmp_path: Path, document: Any) -> str:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(document))
    with pytest.raises(CardRefused) as error:
        read_card(path)
    return str(error.value)


def test_a_card_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    document = json.loads(card_text(card_of("ab" * 32)))
    for point, words in (
        ([[0, 1], [1, -1]], "does not rise"),
        ([[0, 1], [0, 2]], "does not rise"),
        ([[0, 99]], "<= 6"),
        ([], "length >= 1"),
    ):
        document["groups"]["all"]["curve"] = point
        assert words in refused(tmp_path, document)
    assert "format" in refused(tmp_path, document | {"format": 2})
    assert "sha256" in refused(tmp_path, document | {"sha256": "no"})
    assert "cannot be used" in refused(tmp_path, ["[" * 1000])


def test_a_card_of_another_file_is_refused(tmp_path: Path) -> None:
    model, card = tmp_path / "m.tflite", tmp_path / "card.json"
    model.write_bytes(b"model")
    card.write_bytes(card_text(card_of(hashlib.sha256(b"model").hexdigest())))
    assert usable_card(model, card, ["vehicle"]).model == "colours"
    model.write_bytes(b"another")
    with pytest.raises(CardRefused, match="measured on another file"):
        usable_card(model, card, ["vehicle"])


def test_a_card_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardRefused, match="No such file"):
        read_card(tmp_path / "card.json")
