"""Likelihood ratios of stored embeddings, and what they say of it in words."""

from __future__ import annotations

import math
import struct

import pytest
from sqlalchemy import Connection

from edge_agent.core.problems import problem_of
from edge_central.appearance.comparison import (
    NOT_COMPARED,
    RECORD,
    AppearanceComparison,
    AppearanceRecord,
    mark_of,
)
from edge_central.store.database import write_meta, write_record
from tests.edge_central.appearance.parts import card_of

SHA256 = "ab" * 32
MODELS = {mark_of(SHA256): (card_of(SHA256), ("vehicle",))}
COMPARISON = AppearanceComparison(MODELS)


def at(degrees: float, sha256: str = SHA256) -> bytes:
    angle = math.radians(degrees)
    return mark_of(sha256) + struct.pack("<2e", math.cos(angle), math.sin(angle))


def test_similar_pictures_speak_for_a_candidate_and_different_ones_against_it() -> None:
    assert COMPARISON.likelihood_ratio(at(0), at(0), "vehicle") == pytest.approx(10, rel=0.01)
    assert COMPARISON.likelihood_ratio(at(0), at(60), "vehicle") == pytest.approx(1, rel=0.01)
    assert COMPARISON.likelihood_ratio(at(0), at(90), "vehicle") == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize(
    ("one", "other", "group"),
    [
        pytest.param(None, at(0), "vehicle", id="not opened"),
        pytest.param(at(0), None, "vehicle", id="not computed"),
        pytest.param(at(0), NOT_COMPARED, "vehicle", id="group was not compared"),
        pytest.param(NOT_COMPARED, NOT_COMPARED, "vehicle", id="both were not compared"),
        pytest.param(at(0), mark_of(SHA256), "vehicle", id="picture cannot be read"),
        pytest.param(mark_of(SHA256), mark_of(SHA256), "vehicle", id="neither picture can be read"),
        pytest.param(at(0), at(0, "cd" * 32), "vehicle", id="by another model"),
        pytest.param(at(0, "cd" * 32), at(0, "cd" * 32), "vehicle", id="by a model that is no longer used"),
        pytest.param(at(0), at(0), "person", id="group is not compared now"),
        pytest.param(at(0), at(0), None, id="no group"),
        pytest.param(at(0), at(0) + b"\0\0", "vehicle", id="another length"),
        pytest.param(at(0)[:-1], at(0)[:-1], "vehicle", id="half a number"),
        pytest.param(at(0), mark_of(SHA256) + struct.pack("<2e", math.nan, 1), "vehicle", id="no number"),
    ],
)
def test_what_cannot_be_compared_changes_nothing(
    one: bytes | None, other: bytes | None, group: str | None
) -> None:
    assert COMPARISON.likelihood_ratio(one, other, group) == 1.0
    assert COMPARISON.sentence(one, other, group) is None


def test_the_reason_names_the_model_and_its_figures_and_never_says_the_same() -> None:
    similar = COMPARISON.sentence(at(0), at(0), "vehicle")
    assert similar == "looks similar by the model colours; measured rank-1 0.61 on 40 objects"
    problem = problem_of(COMPARISON.sentence(at(0), at(90), "vehicle"))
    assert problem is not None
    assert problem.code == "appearance-different"


def test_the_cards_are_those_that_the_centres_use_now(connection: Connection) -> None:
    record = AppearanceRecord(card=card_of(SHA256), groups=["vehicle"])
    write_record(connection, f"{RECORD}central", record)
    write_record(connection, f"{RECORD}other", AppearanceRecord(groups=["vehicle"], problem="no card"))
    write_meta(connection, f"{RECORD}newer", '{"cards": 3}')
    comparison = AppearanceComparison.read(connection)
    assert comparison.likelihood_ratio(at(0), at(0), "vehicle") == pytest.approx(10, rel=0.01)
    write_record(connection, f"{RECORD}central", None)
    assert AppearanceComparison.read(connection).likelihood_ratio(at(0), at(0), "vehicle") == 1.0
