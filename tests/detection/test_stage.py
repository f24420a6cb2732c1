from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.config.settings import Camera
from edge_agent.detection.budget import Budget
from edge_agent.detection.looks import LookPlanner
from edge_agent.detection.stage import DetectionStage, cut_off
from edge_agent.detection.sweep import Sweep
from edge_agent.detection.worker import InlineInference
from edge_agent.errors import DetectorError
from edge_agent.model import NO_LOOKS, Box, Detection, Motion
from tests.detection.fakes import FakeDetector, FakePicture, Pixels, camera, detection, frame, motion, track

RIDER = Box(0.40, 0.40, 0.45, 0.56)
MIDDLE = Box(0.3, 0.3, 0.7, 0.7)  # of whatever crop
NOTHING = motion()


class NoSweep(Sweep):
    """For tests about everything else."""

    def due(self, size: tuple[int, int], motion: Motion, now_mono: float) -> Box | None:
        return None


def stage(
    detector: FakeDetector, camera: Camera, per_s: float = 10, sweep: Sweep | None = None
) -> DetectionStage:
    return DetectionStage(
        camera,
        InlineInference(detector),
        LookPlanner((300, 300)),
        sweep or NoSweep(lambda: per_s),
        Budget(per_s, (camera.id,)),
    )


def seeing(*found: Detection) -> FakeDetector:
    return FakeDetector(lambda crop: list(found))


def test_detections_come_back_in_the_pictures_coordinates() -> None:
    looks = stage(seeing(detection(MIDDLE)), camera()).look(frame(), NOTHING, [track(RIDER)])
    (crop,) = looks.looked
    (seen,) = looks.detections
    assert seen.box.centre == pytest.approx(crop.centre)
    assert seen.box.width == pytest.approx(0.4 * crop.width)


def test_only_the_crop_is_converted() -> None:
    picture = FakePicture()
    looks = stage(seeing(), camera()).look(frame(picture=picture), NOTHING, [track(RIDER)])
    assert tuple(picture.cuts) == looks.looked


def test_a_quiet_picture_costs_nothing() -> None:
    detector = seeing(detection(MIDDLE))
    assert stage(detector, camera()).look(frame(), NOTHING, []) == NO_LOOKS
    assert detector.calls == 0


def test_seeing_nothing_is_a_fact_too() -> None:
    looks = stage(seeing(), camera()).look(frame(), NOTHING, [track(RIDER)])
    assert (len(looks.looked), looks.detections) == (1, ())


def test_a_crop_that_could_not_be_looked_at_is_not_reported_as_looked_at() -> None:
    def broken(crop: Pixels) -> list[Detection]:
        raise DetectorError("device gone")

    assert stage(FakeDetector(broken), camera()).look(frame(), NOTHING, [track(RIDER)]) == NO_LOOKS


def test_looks_of_one_frame_are_bounded_by_budget_over_fps() -> None:
    spread = [track(Box(x, 0.4, x + 0.03, 0.5), id=str(x)) for x in (0.05, 0.3, 0.55, 0.8)]
    detector = seeing()
    stage(detector, camera(fps=5), per_s=10).look(frame(), NOTHING, spread)
    assert detector.calls == 2


def test_of_frames_that_are_caught_up_with_every_second_one_is_looked_at() -> None:
    looked = stage(seeing(), camera())
    made = [replace(frame(mono=n / 5), late=n < 6) for n in range(8)]
    assert [len(looked.look(one, NOTHING, [track(RIDER)]).looked) for one in made] == [0, 1, 0, 1, 0, 1, 1, 1]


def test_the_budget_holds_over_time() -> None:
    detector = seeing()
    look = stage(detector, camera(fps=5), per_s=2)
    for i in range(5 * 30):
        look.look(frame(i / 5), NOTHING, [track(RIDER)])
    assert 2 * 30 <= detector.calls <= 2 * 30 + 2


def test_a_standing_object_is_found_by_the_sweep() -> None:
    detector = seeing(detection(MIDDLE, "motorcycle"))
    look = stage(detector, camera(), sweep=Sweep(lambda: 10))
    seen = [look.look(frame(i / 5), NOTHING, []) for i in range(5 * 10)]
    covered = {box for looks in seen for box in looks.looked}
    assert len(covered) == 18
    assert all(looks.detections for looks in seen if looks.looked)


def test_the_sweep_goes_on_beside_a_busy_street() -> None:
    look = stage(seeing(), camera(), per_s=5, sweep=Sweep(lambda: 5))
    busy = [track(RIDER), track(RIDER.shifted(0.3, 0), id="t2")]
    tiles = [box for i in range(5 * 120) for box in look.look(frame(i / 5), NOTHING, busy).looked[:1]]
    assert len({box for box in tiles if box.width > 0.24}) >= 18


@pytest.mark.parametrize(
    ("box", "crop", "expected"),
    [
        (Box(0.0, 0.3, 0.4, 0.7), Box(0.2, 0.2, 0.5, 0.7), True),  # cut by the crop's left edge
        (Box(0.0, 0.3, 0.4, 0.7), Box(0.0, 0.2, 0.3, 0.7), False),  # cut by the picture's edge
        (Box(0.3, 0.5, 0.6, 1.0), Box(0.2, 0.2, 0.5, 0.7), True),  # feet cut off
        (Box(0.3, 0.5, 0.6, 1.0), Box(0.2, 0.5, 0.5, 1.0), False),  # at the bottom of the picture
        (Box(0.3, 0.3, 0.6, 0.7), Box(0.2, 0.2, 0.5, 0.7), False),
    ],
)
def test_half_an_object_at_an_inner_edge_is_no_object(box: Box, crop: Box, expected: bool) -> None:
    assert cut_off(box, crop) is expected


def test_one_object_in_two_crops_is_one_detection() -> None:
    # The same place of the picture, seen from two crops of different scale.
    near = [track(RIDER, id="a"), track(RIDER.grown(0.2, 0.2), id="b")]
    place = Box(0.38, 0.38, 0.47, 0.58)
    picture = FakePicture()

    def answer(crop: Pixels) -> list[Detection]:
        cut = picture.cuts[-1]
        box = Box(
            (place.x1 - cut.x1) / cut.width,
            (place.y1 - cut.y1) / cut.height,
            (place.x2 - cut.x1) / cut.width,
            (place.y2 - cut.y1) / cut.height,
        )
        return [detection(box, "person", 0.8), detection(box, "motorcycle", 0.7)]

    looks = stage(FakeDetector(answer), camera()).look(frame(picture=picture), NOTHING, near)
    assert len(looks.looked) == 2
    assert [d.label for d in looks.detections] == ["person", "motorcycle"]


def test_two_riders_side_by_side_stay_two() -> None:
    pair = [detection(Box(0.2, 0.3, 0.5, 0.8)), detection(Box(0.4, 0.3, 0.7, 0.8))]
    looks = stage(seeing(*pair), camera()).look(frame(), NOTHING, [track(RIDER)])
    assert len(looks.detections) == 2


def test_what_stands_in_a_mask_is_dropped() -> None:
    left = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    masked = stage(seeing(detection(MIDDLE)), camera(masks=(left,)))
    assert masked.look(frame(), NOTHING, [track(RIDER)]).detections == ()
    assert len(masked.look(frame(1), NOTHING, [track(RIDER.shifted(0.4, 0))]).detections) == 1
