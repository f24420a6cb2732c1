"""What a passage says about an object that a camera has followed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge_agent.core.facts import Phase, RuleRef, Stay
from edge_agent.core.model import Box, Frame, Severity, Track, Tracks, TrackState
from edge_agent.evidence.seal import unseal
from edge_agent.passages.observer import (
    CROP_SIDE,
    MAX_PENDING_BYTES,
    SAVE_OPEN_S,
    PassageObserver,
)
from edge_agent.passages.passage import Light, Passage, Side
from tests.events.parts import frame, rule_hit
from tests.passages.parts import StreetPicture, dressed, ended, seen


class Walk:
    """A person who walks from the left to the right, in 5 frames a second."""

    def __init__(self, **settings: object) -> None:
        self.saved: list[Passage] = []
        self.observer = PassageObserver("cam-1", self.saved.append, **settings)  # type: ignore[arg-type]
        self.now = 1000.0
        self.last: Track | None = None

    def step(
        self, x: float, picture: StreetPicture | None = None, top: float = 0.4, **fields: object
    ) -> None:
        box = Box(x, top, x + 0.08, 0.75)
        picture = picture or dressed(StreetPicture(), box, "red", "blue")
        shown, tracks = seen(self.now, box, picture, **fields)
        self.last = tracks.active[0]
        self.observer.observe(shown, tracks)
        self.now += 0.2

    def leave(self) -> Passage:
        assert self.last is not None
        shown, tracks = ended(self.now, self.last)
        self.observer.observe(shown, tracks)
        return self.saved[-1]


def test_a_passage_says_where_when_how_fast_and_in_which_colours() -> None:
    walk = Walk()
    for n in range(26):
        walk.step(n * 0.036)
    passage = walk.leave()
    assert (passage.group, passage.label, passage.votes) == ("person", "person", 3)
    assert (passage.started_mono, passage.ended_mono) == pytest.approx((1000.0, 1005.0))
    assert (passage.entry, passage.exit) == (Side.LEFT, Side.RIGHT)
    assert passage.direction_deg == pytest.approx(90, abs=1)
    assert (passage.width, passage.height) == pytest.approx((0.08, 0.35), abs=0.001)
    assert passage.speed == pytest.approx(0.9 / (0.35 * 9 / 16) / 5.0, rel=0.05)
    assert {part.part: part.colours[0].colour for part in passage.colours} == {
        "upper": "red",
        "lower": "blue",
    }
    assert passage.light is Light.DAY
    assert passage.ended
    assert len(walk.saved) == 1


def test_an_infrared_picture_gives_no_colour() -> None:
    walk = Walk()
    for n in range(10):
        box = Box(n * 0.03, 0.4, n * 0.03 + 0.08, 0.75)
        picture = dressed(StreetPicture(infrared=True), box, "red", "blue")
        walk.step(n * 0.03, picture)
    passage = walk.leave()
    assert (passage.colours, passage.light) == ((), Light.INFRARED)
    assert passage.crop is not None


def test_the_picture_is_small_shows_the_object_and_has_its_hash() -> None:
    walk = Walk()
    for n in range(10):
        walk.step(0.3 + n * 0.01)
    passage = walk.leave()
    assert passage.crop is not None
    assert len(passage.crop) < 4000
    assert hashlib.sha256(passage.crop).digest() == passage.crop_sha256
    pixels = cv2.imdecode(np.frombuffer(passage.crop, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert max(pixels.shape[:2]) <= CROP_SIDE
    middle = pixels[pixels.shape[0] // 3, pixels.shape[1] // 2].astype(int)
    assert middle[2] - middle[1] > 80, "the red shirt is not in the middle"


def test_privacy_masks_are_black_in_the_picture() -> None:
    everything = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    walk = Walk(privacy_masks=(everything,))
    walk.step(0.3)
    crop = walk.leave().crop
    assert crop is not None
    pixels = cv2.imdecode(np.frombuffer(crop, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.max() < 8


def test_a_sealed_picture_opens_with_the_key_of_the_centre_only() -> None:
    key = X25519PrivateKey.generate()
    walk = Walk(seal_to=key.public_key().public_bytes_raw())
    walk.step(0.3)
    passage = walk.leave()
    assert passage.crop is not None
    assert not passage.crop.startswith(b"\xff\xd8")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    plain = unseal(passage.crop, pem)
    assert hashlib.sha256(plain).digest() == passage.crop_sha256


def test_without_crops_the_colours_are_named_all_the_same() -> None:
    walk = Walk(with_crops=False)
    walk.step(0.3)
    passage = walk.leave()
    assert (passage.crop, passage.crop_sha256) == (None, None)
    assert passage.colours


def test_the_best_view_wins() -> None:
    walk = Walk()
    walk.step(0.0, dressed(StreetPicture(), Box(0.0, 0.4, 0.08, 0.75), "green", "green"))
    for n in range(1, 12):
        walk.step(0.2 + n * 0.02)
    assert {part.colours[0].colour for part in walk.leave().colours} == {"red", "blue"}


def test_a_view_of_a_thing_that_never_moved_gives_way_to_the_person_its_track_went_on_with() -> None:
    walk = Walk()
    post = dressed(StreetPicture(), Box(0.2, 0.1, 0.28, 0.75), "green", "green")
    for n in range(20):
        walk.step(0.2, post, top=0.1, state=TrackState.STATIONARY if n else TrackState.MOVING)
    for n in range(1, 15):
        walk.step(0.2 + n * 0.04)
    passage = walk.leave()
    assert {part.colours[0].colour for part in passage.colours} == {"red", "blue"}
    assert walk.observer.pending_bytes == 0


def test_an_object_that_stood_keeps_its_best_view() -> None:
    walk = Walk()
    for n in range(6):
        walk.step(0.1 + n * 0.06)
    green = dressed(StreetPicture(), Box(0.42, 0.4, 0.5, 0.75), "green", "green")
    for _ in range(10):
        walk.step(0.42, green, state=TrackState.STATIONARY)
    for n in range(6):
        walk.step(0.42 + n * 0.06, green)
    assert {part.colours[0].colour for part in walk.leave().colours} == {"red", "blue"}


def test_an_unconfirmed_track_makes_no_passage() -> None:
    walk = Walk()
    for n in range(10):
        walk.step(n * 0.03, confirmed=False)
    walk.observer.observe(*_gone(walk))
    walk.observer.finish()
    assert walk.saved == []


def _gone(walk: Walk) -> tuple[Frame, Tracks]:
    assert walk.last is not None
    shown, tracks = ended(walk.now, replace(walk.last, confirmed=False))
    return shown, tracks


def test_a_stay_is_counted_and_does_not_slow_the_speed() -> None:
    walk = Walk()
    for n in range(11):
        walk.step(0.1 + n * 0.02)
    for _ in range(50):
        walk.step(0.3, state=TrackState.STATIONARY)
    for n in range(11):
        walk.step(0.3 + n * 0.02)
    passage = walk.leave()
    assert len(passage.standing) == 1
    assert passage.standing[0].for_s == pytest.approx(10.0, abs=0.3)
    assert passage.standing[0].after_s == pytest.approx(2.2, abs=0.3)
    assert passage.speed == pytest.approx(0.1 / (0.35 * 9 / 16), rel=0.15)


def test_a_rule_that_reported_the_object_is_named_once() -> None:
    walk = Walk()
    walk.step(0.3)
    assert walk.last is not None
    yard = RuleRef("yard", "zone-intrusion", Severity.WARNING)
    for phase in (Phase.START, Phase.UPDATE, Phase.END, Phase.START):
        walk.observer.reported(
            rule_hit(yard, Stay("yard", 1.0), "why", phase, by=walk.last, lasted_s=1.5, mono=1001.5)
        )
    reports = walk.leave().reports
    assert [(report.rule, report.after_s) for report in reports] == [("yard", 1.5)]


def test_a_parked_object_gets_a_row_every_few_minutes_under_the_same_track() -> None:
    walk = Walk()
    walk.step(0.3)
    for _ in range(3):
        walk.now += SAVE_OPEN_S
        walk.step(0.3, state=TrackState.STATIONARY)
    assert [passage.ended for passage in walk.saved] == [False] * 3
    assert walk.leave().ended
    assert len({passage.track for passage in walk.saved}) == 1
    assert walk.saved[-1].standing[0].for_s == pytest.approx(2 * SAVE_OPEN_S, rel=0.01)


def test_a_lost_camera_ends_the_passages_but_not_the_parked_ones() -> None:
    walk = Walk()
    walk.step(0.3)
    assert walk.last is not None
    walk.observer.finish(continuing={walk.last.id})
    assert walk.saved == []
    walk.observer.finish()
    assert [passage.ended for passage in walk.saved] == [True]
    walk.observer.finish()
    assert len(walk.saved) == 1


def test_pixels_are_bounded_and_released() -> None:
    saved: list[Passage] = []
    observer = PassageObserver("cam-1", saved.append)
    picture = StreetPicture()
    _, tracks = seen(1000.0, Box(0.3, 0.2, 0.5, 0.8), picture)
    many = Tracks(tuple(replace(tracks.active[0], id=f"cam-1-k3-{n}") for n in range(200)))
    for n in range(4):
        grown = tuple(replace(each, box=Box(0.3 - n / 20, 0.1, 0.5 + n / 20, 0.9)) for each in many.active)
        observer.observe(frame(1000.0 + n, picture), Tracks(grown))
    assert 0 < observer.pending_bytes < MAX_PENDING_BYTES + 2 * CROP_SIDE**2 * 3
    observer.finish()
    assert observer.pending_bytes == 0
    assert len(saved) == 200


def test_a_passage_ends_although_the_frame_in_which_its_track_ended_failed() -> None:
    walk = Walk()
    for number in range(10):
        walk.step(0.1 + number * 0.05)
    walk.observer.observe(frame(walk.now), Tracks(()))
    assert [each.ended for each in walk.saved] == [True]
