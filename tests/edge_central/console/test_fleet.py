"""The fleet as it is now, and what is one thing although many report it."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from edge_central.console.fleet import Fleet, Level, Sight, SiteNow, Standing, fleet
from edge_central.console.search import Found, search
from edge_central.console.situation import Situation, situation
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.console.city import (
    BACK,
    COVERED,
    CUT,
    FULL,
    HOT,
    OFFLINE,
    STALLED,
    STOPPED,
    UNAUTHORIZED,
    UNSTABLE,
    City,
)
from tests.edge_central.console.plan import NEVER_HEARD


@pytest.fixture
def now(city: City, reading: Connection) -> Fleet:
    return fleet(reading, city.names, EVERYWHERE, city.now_ms)


def site(now: Fleet, gateway: str) -> SiteNow:
    found = now.site(gateway)
    assert found is not None
    return found


def test_all_sites_and_cameras_are_counted(now: Fleet) -> None:
    assert sum(ward.site_count for ward in now.wards) == 465
    assert sum(ward.camera_count for ward in now.wards) == 1194


@pytest.mark.parametrize(
    ("gateway", "standing", "level"),
    [
        ("lp-001", Standing.ONLINE, Level.CALM),
        (OFFLINE, Standing.OFFLINE, Level.HANDS),
        (UNSTABLE, Standing.UNSTABLE, Level.LOOK),
        (STOPPED, Standing.STOPPED, Level.AWAY),
        (CUT[0], Standing.CUT, Level.AWAY),  # told as one outage of its ward
        (BACK[0], Standing.BOOTING, Level.AWAY),
        (NEVER_HEARD[0], Standing.NEVER, Level.AWAY),
        (HOT, Standing.ONLINE, Level.LOOK),
        (FULL, Standing.ONLINE, Level.LOOK),
        (COVERED[0], Standing.ONLINE, Level.HANDS),
        (UNAUTHORIZED[0], Standing.ONLINE, Level.HANDS),
    ],
)
def test_a_site_has_a_state_and_asks_for_something_or_not(
    now: Fleet, gateway: str, standing: Standing, level: Level
) -> None:
    found = site(now, gateway)
    assert (found.standing, found.level) == (standing, level)


def test_a_site_says_since_when_and_why(now: Fleet, city: City) -> None:
    found = site(now, OFFLINE)
    assert found.why == "no heartbeat for 99 s"
    assert found.since_ms == city.now_ms - 47 * 60_000
    assert {camera.sight for camera in found.cameras} == {Sight.AWAY}, "nothing is known of them"


@pytest.mark.parametrize(
    ("place", "sight", "cause"),
    [
        (COVERED, Sight.TAMPERED, None),
        (UNAUTHORIZED, Sight.OFFLINE, "unauthorized"),
        (STALLED, Sight.OFFLINE, "stalled"),
        (("lp-001", "cam-1"), Sight.ONLINE, None),
        ((BACK[0], "cam-2"), Sight.STARTING, None),  # not offline: power came back 95 s ago
    ],
)
def test_a_camera_has_a_state_and_a_cause(
    now: Fleet, place: tuple[str, str], sight: Sight, cause: str | None
) -> None:
    camera = next(each for each in site(now, place[0]).cameras if each.id == place[1])
    assert (camera.sight, camera.cause) == (sight, cause)


def test_names_places_and_channels_are_those_of_the_sheet(now: Fleet) -> None:
    found = site(now, "dt-001")
    assert found.name == "Lý Thường Kiệt – Lê Quý Đôn"
    assert found.latitude is not None
    assert [(each.name, each.channel) for each in found.cameras] == [
        ("Cổng", "1-01"), ("Làn vào", "1-02"), ("Làn ra", "1-03")
    ]  # fmt: skip


def test_without_a_sheet_the_gateway_says_its_name_and_place(city: City, reading: Connection) -> None:
    from edge_central.console.names import Names

    found = site(fleet(reading, Names(), EVERYWHERE, city.now_ms), "dt-001")
    assert (found.name, found.latitude) == ("Lý Thường Kiệt – Lê Quý Đôn", city.gateways["dt-001"].latitude)


def test_a_ward_sees_itself_only(city: City, reading: Connection) -> None:
    own = fleet(reading, city.names, Scope(frozenset({"ky-ba"})), city.now_ms)
    assert {each.ward for each in own.sites} == {"ky-ba"}
    assert len(own.sites) == 54
    assert own.cuts == ()


def test_one_site_alone_is_asked_for_alone(city: City, reading: Connection) -> None:
    found = fleet(reading, city.names, EVERYWHERE, city.now_ms, gateway="dt-001")
    assert [each.id for each in found.sites] == ["dt-001"]


def test_rain_over_a_ward_is_one_line(now: Fleet) -> None:
    (rain,) = situation(now).rain
    assert (rain.ward, rain.of) == ("ky-ba", 137)
    assert rain.cameras > 80
    assert situation(now).explains("ky-ba", "visibility-degraded")
    assert not situation(now).explains("ky-ba", "covered")


def test_a_power_cut_is_one_line_and_its_sites_are_no_trouble_of_their_own(now: Fleet, city: City) -> None:
    (cut,) = situation(now).cuts
    assert (cut.wards, cut.gateways, cut.of) == (("de-tham",), CUT, 21)
    assert cut.since_ms == city.now_ms - 23 * 60_000
    assert all(site(now, each).level is Level.AWAY for each in CUT)


def test_sites_that_boot_after_it_are_named_together(now: Fleet) -> None:
    (back,) = situation(now).back
    assert (back.ward, back.gateways) == ("bo-xuyen", BACK)


def test_boot_grace_ends(city: City, reading: Connection) -> None:
    later = fleet(reading, city.names, EVERYWHERE, city.now_ms + 300_000)
    assert site(later, BACK[0]).standing is Standing.ONLINE
    assert situation(later).back == ()


def test_a_calm_fleet_has_no_situation() -> None:
    assert situation(Fleet(0, (), (), ())) == Situation((), (), ())


@pytest.mark.parametrize(
    ("typed", "what", "name"),
    [
        ("de tham", Found.WARD, "Đề Thám"),
        ("DE THAM", Found.WARD, "Đề Thám"),
        ("đề thám", Found.WARD, "Đề Thám"),
        ("ky ba", Found.WARD, "Kỳ Bá"),
        ("kiet quy", Found.SITE, "Lý Thường Kiệt – Lê Quý Đôn"),
        ("dt-001", Found.SITE, "Lý Thường Kiệt – Lê Quý Đôn"),
        ("1-03", Found.CAMERA, "Làn ra"),
        ("lan ra dt-001", Found.CAMERA, "Làn ra"),
    ],
)
def test_search_needs_no_marks_and_no_order(now: Fleet, typed: str, what: Found, name: str) -> None:
    hit = next(each for each in search(now, typed) if each.what is what)
    assert hit.name == name


@pytest.mark.parametrize("typed", ["", "  ", "–", "xyzzy", "de xyzzy"])
def test_search_finds_nothing_where_there_is_nothing(now: Fleet, typed: str) -> None:
    assert search(now, typed) == ()
