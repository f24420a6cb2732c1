"""Which colour an object is said to have, and that no colour is invented."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edge_agent.core.model import Box
from edge_agent.passages.colours import colours_of, term_table
from edge_agent.passages.light import DAY_FROM, DUSK_BELOW, LEARN_S, CameraLight
from edge_agent.passages.passage import COLOURS, Light
from tests.events.parts import frame
from tests.passages.parts import BGR, StreetPicture, dressed

NO_GAINS = (1.0, 1.0, 1.0)


def view_of(upper: str, lower: str, side: tuple[int, int] = (40, 100)) -> np.ndarray:
    """A person in front of a street."""
    return dressed(StreetPicture(*side), Box(0.15, 0.0, 0.85, 1.0), upper, lower).pixels


def named(views: list[np.ndarray], group: str = "person") -> dict[str, str]:
    return {part.part: part.colours[0].colour for part in colours_of(group, views, NO_GAINS)}


@pytest.mark.parametrize("colour", COLOURS)
def test_each_of_the_eleven_terms_is_named(colour: str) -> None:
    other = "black" if colour != "black" else "white"
    assert named([view_of(colour, other)]) == {"upper": colour, "lower": other}
    assert named([view_of(other, colour)]) == {"upper": other, "lower": colour}


def test_the_table_uses_every_term_and_nothing_else() -> None:
    table = term_table()
    assert table.shape == (32**3,)
    assert set(np.unique(table)) == set(range(len(COLOURS)))


def test_a_vehicle_has_one_body() -> None:
    pixels = np.full((60, 120, 3), BGR["blue"], np.uint8)
    assert named([pixels], "vehicle") == {"body": "blue"}


def test_two_views_that_disagree_lower_the_confidence() -> None:
    sure = colours_of("person", [view_of("red", "black"), view_of("red", "black")], NO_GAINS)
    torn = colours_of("person", [view_of("red", "black"), view_of("green", "black")], NO_GAINS)
    assert sure[0].confidence > 0.9
    upper = [part for part in torn if part.part == "upper"]
    assert not upper or upper[0].confidence < 0.6
    assert torn[-1].part == "lower"
    assert torn[-1].confidence > 0.9


def test_the_ground_inside_of_the_box_does_not_count() -> None:
    picture = StreetPicture(40, 100)
    picture.pixels[:] = BGR["green"]  # a lawn
    picture.pixels[10:90, 14:26] = BGR["red"]
    assert named([picture.pixels]) == {"upper": "red", "lower": "red"}


def test_an_object_with_the_colour_of_the_ground_has_that_colour() -> None:
    assert named([np.full((100, 40, 3), BGR["grey"], np.uint8)]) == {"upper": "grey", "lower": "grey"}


def test_an_object_of_few_pixels_has_no_colour() -> None:
    assert colours_of("person", [view_of("red", "blue", (6, 10))], NO_GAINS) == ()


def test_an_unknown_group_has_no_colour() -> None:
    assert colours_of(None, [view_of("red", "blue")], NO_GAINS) == ()


def test_an_infrared_camera_is_recognised_and_day_and_dusk_are_told_apart() -> None:
    for picture, light in (
        (StreetPicture(), Light.DAY),
        (StreetPicture(dark=0.25), Light.DUSK),
        (StreetPicture(infrared=True), Light.INFRARED),
    ):
        camera = CameraLight()
        camera.update(frame(1000.0, picture))
        assert camera.light is light


def test_a_coloured_object_on_a_grey_road_proves_daylight() -> None:
    camera = CameraLight()
    camera.update(frame(1000.0, StreetPicture(infrared=True)))
    assert camera.light_of(view_of("red", "blue")) is Light.DAY
    assert camera.light_of(np.full((100, 40, 3), BGR["grey"], np.uint8)) is Light.INFRARED
    grey = cv2.cvtColor(cv2.cvtColor(view_of("red", "blue"), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    assert camera.light_of(np.asarray(grey, np.uint8)) is Light.INFRARED


def test_light_near_a_limit_does_not_flicker() -> None:
    between = (DUSK_BELOW + DAY_FROM) / 2 / StreetPicture().pixels.mean()
    for first, light in ((1.0, Light.DAY), (0.35, Light.DUSK)):
        camera = CameraLight()
        camera.update(frame(1000.0, StreetPicture(dark=first)))
        camera.update(frame(1010.0, StreetPicture(dark=between)))
        assert camera.light is light


def test_a_blue_cast_is_balanced_and_a_lawn_is_not() -> None:
    cast = StreetPicture()
    cast.pixels = np.clip(cast.pixels * np.array([1.1, 1.0, 0.95]), 0, 255).astype(np.uint8)
    camera = CameraLight()
    camera.update(frame(1000.0, cast))
    b, g, r = camera.gains
    assert b < g < r
    road = cast.pixels[200:].reshape(-1, 3).mean(axis=0)
    assert np.ptp(road) > 10
    assert np.ptp(road * camera.gains) < 5

    lawn = StreetPicture()
    lawn.pixels[:] = (30, 160, 30)
    for n in range(5):
        camera.update(frame(5000.0 + n * LEARN_S, lawn))
    assert camera.gains == (b, g, r)
