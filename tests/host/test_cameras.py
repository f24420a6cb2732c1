"""Which changes of a camera's state become events."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.core.model import CameraChange, CameraState, Cause
from edge_agent.host.health.camera_states import CameraStateFilter
from tests.host.fakes import FakeClock, camera

ONLINE, OFFLINE, DEGRADED = CameraState.ONLINE, CameraState.OFFLINE, CameraState.DEGRADED
STARTING = CameraState.STARTING
UNREACHABLE, REFUSED, UNAUTHORIZED = Cause.UNREACHABLE, Cause.REFUSED, Cause.UNAUTHORIZED


class Site:
    """One camera, updated every second; with an ``hour`` of uptime unless the test starts at boot."""

    def __init__(self, tmp_path: Path, uptime_s: float = 3600.0, boot: str = "boot-1") -> None:
        self.path = tmp_path / "cameras.json"
        self.clock = FakeClock(mono=uptime_s)
        self.watch = CameraStateFilter(self.path, self.clock, boot)

    def restart(self, boot: str = "boot-1") -> None:
        self.watch = CameraStateFilter(self.path, self.clock, boot)

    def shows(
        self, seconds: float, state: CameraState, cause: Cause | None = None, camera_id: str = "cam-1"
    ) -> list[CameraChange]:
        """Keep the camera in ``state`` for some seconds; returns the reported changes."""
        since = self.clock.monotonic()
        reported: list[CameraChange] = []
        for _ in range(int(seconds)):
            reported += self.watch.update([camera(camera_id, state, cause, since, "a detail")])
            self.clock.advance(1.0)
        return reported


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def words(changes: list[CameraChange]) -> list[tuple[str, str | None]]:
    return [(change.state.value, change.cause.value if change.cause else None) for change in changes]


def test_outage_is_told_with_its_beginning_cause_and_length(site: Site) -> None:
    assert site.shows(60, ONLINE) == [], "a camera that works from the start is no news"
    (down,) = site.shows(120, OFFLINE, UNREACHABLE)
    (back,) = site.shows(60, ONLINE)
    wanted = (OFFLINE, UNREACHABLE, 3660.0, "a detail")
    assert (down.state, down.cause, down.since_mono, down.detail) == wanted
    assert (back.state, back.cause, back.since_mono, back.down_s) == (ONLINE, None, 3780.0, 120.0)


def test_hiccup_of_five_seconds_says_nothing(site: Site) -> None:
    site.shows(60, ONLINE)
    assert site.shows(5, OFFLINE, Cause.ENDED) + site.shows(60, ONLINE) == []


def test_camera_that_starts_within_three_minutes_of_the_boot_says_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path, uptime_s=20.0)
    assert site.shows(150, OFFLINE, UNREACHABLE) + site.shows(120, ONLINE) == []


def test_camera_that_stays_away_after_the_grace_is_told_with_its_true_beginning(tmp_path: Path) -> None:
    site = Site(tmp_path, uptime_s=20.0)
    (down,) = site.shows(400, OFFLINE, UNREACHABLE)
    assert down.since_mono == 20.0
    (back,) = site.shows(60, ONLINE)
    assert back.down_s == 400.0


def test_grace_belongs_to_the_boot_and_not_to_the_agent(tmp_path: Path) -> None:
    site = Site(tmp_path, uptime_s=86_400.0)
    assert words(site.shows(10, OFFLINE, UNREACHABLE)) == [("offline", "unreachable")]


def test_camera_in_its_first_attempt_is_not_judged(tmp_path: Path) -> None:
    assert Site(tmp_path).shows(300, STARTING) == []


def test_told_outage_ends_for_the_centre_although_the_agent_was_restarted(site: Site) -> None:
    site.shows(100, OFFLINE, REFUSED)
    site.restart()
    assert site.shows(100, OFFLINE, REFUSED) == [], "told already"
    (back,) = site.shows(60, ONLINE)
    assert back.down_s == 200.0


def test_change_whose_event_may_not_be_on_disk_is_told_again_after_a_crash(site: Site) -> None:
    first = site.shows(7, OFFLINE, REFUSED)
    site.restart()  # killed in this second
    again = site.shows(7, OFFLINE, REFUSED)
    assert words(first) == words(again) == [("offline", "refused")]


def test_outage_from_before_a_reboot_ends_with_unknown_length(tmp_path: Path) -> None:
    Site(tmp_path).shows(100, OFFLINE, REFUSED)
    after = Site(tmp_path, uptime_s=30.0, boot="boot-2")
    (back,) = after.shows(60, ONLINE)
    assert (back.state, back.down_s) == (ONLINE, None)


def test_another_cause_is_told_once_it_lasts(site: Site) -> None:
    reported = site.shows(30, OFFLINE, UNREACHABLE)
    reported += site.shows(30, OFFLINE, REFUSED)  # a camera that boots
    reported += site.shows(200, OFFLINE, UNAUTHORIZED)
    assert words(reported) == [("offline", "unreachable"), ("offline", "unauthorized")]


def test_pictures_that_cannot_be_decoded_are_degraded_and_then_over(site: Site) -> None:
    site.shows(60, ONLINE)
    reported = site.shows(10, DEGRADED, Cause.DECODE_ERROR) + site.shows(20, ONLINE)
    assert reported == []
    reported = site.shows(60, DEGRADED, Cause.DECODE_ERROR) + site.shows(60, ONLINE)
    assert words(reported) == [("degraded", "decode_error"), ("online", None)]
    assert reported[1].down_s is None, "it was never away"


def test_flapping_camera_does_not_flood_and_what_is_kept_back_is_counted(site: Site) -> None:
    site.shows(60, ONLINE)
    reported: list[CameraChange] = []
    for _ in range(40):  # twenty minutes of 10 s down, 20 s up
        reported += site.shows(10, OFFLINE, Cause.ENDED) + site.shows(20, ONLINE)
    reported += site.shows(1000, ONLINE) + site.shows(60, OFFLINE, Cause.ENDED)
    outages = [change for change in reported if change.state is OFFLINE]
    assert len(reported) == 13
    assert len(outages) + sum(change.kept_back for change in reported) == 41, "none is swallowed"


def test_state_at_the_end_of_a_flood_is_told_when_the_quarter_hour_is_over(site: Site) -> None:
    site.shows(60, ONLINE)
    for _ in range(6):
        site.shows(10, OFFLINE, Cause.ENDED)
        site.shows(20, ONLINE)
    reported = site.shows(1200, OFFLINE, UNREACHABLE)
    assert words(reported) == [("offline", "unreachable")]


def test_flood_of_one_camera_does_not_silence_another(site: Site) -> None:
    for _ in range(20):
        site.shows(10, OFFLINE, Cause.ENDED)
        site.shows(20, ONLINE)
    assert words(site.shows(10, OFFLINE, REFUSED, "cam-2")) == [("offline", "refused")]


@pytest.mark.parametrize("content", ["", "[]", '{"boot_id": "boot-1", "cameras": {"cam-1": {}}}'])
def test_damaged_memory_is_no_memory(tmp_path: Path, content: str) -> None:
    (tmp_path / "cameras.json").write_text(content)
    assert words(Site(tmp_path).shows(10, OFFLINE, REFUSED)) == [("offline", "refused")]


def test_removed_camera_is_forgotten(site: Site) -> None:
    site.shows(60, OFFLINE, REFUSED)
    site.watch.forget("cam-1")
    assert site.shows(60, ONLINE) == []
