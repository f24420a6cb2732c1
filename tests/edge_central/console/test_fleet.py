"""The current state of the fleet, and many reports with one cause."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from edge_central.console.fleet import (
    AttentionLevel,
    CameraVisibility,
    Fleet,
    SiteOverview,
    SiteState,
    read_fleet,
)
from edge_central.console.search import SearchResultKind, search
from edge_central.console.site_names import Names
from edge_central.console.situation import Situation, find_situation
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
    return read_fleet(reading, city.names, EVERYWHERE, city.now_ms)


def site(now: Fleet, gateway: str) -> SiteOverview:
    found = now.site(gateway)
    assert found is not None
    return found


def test_all_sites_and_cameras_are_counted(now: Fleet) -> None:
    assert sum(ward.site_count for ward in now.wards) == 465
    assert sum(ward.camera_count for ward in now.wards) == 1194


@pytest.mark.parametrize(
    ("gateway", "standing", "level"),
    [
        ("lp-001", SiteState.ONLINE, AttentionLevel.NORMAL),
        (OFFLINE, SiteState.OFFLINE, AttentionLevel.ACTION),
        (UNSTABLE, SiteState.UNSTABLE, AttentionLevel.CHECK),
        (STOPPED, SiteState.STOPPED, AttentionLevel.AWAY),
        (CUT[0], SiteState.CUT, AttentionLevel.AWAY),  # part of its ward's outage
        (BACK[0], SiteState.BOOTING, AttentionLevel.AWAY),
        (NEVER_HEARD[0], SiteState.NEVER, AttentionLevel.AWAY),
        (HOT, SiteState.ONLINE, AttentionLevel.CHECK),
        (FULL, SiteState.ONLINE, AttentionLevel.CHECK),
        (COVERED[0], SiteState.ONLINE, AttentionLevel.ACTION),
        (UNAUTHORIZED[0], SiteState.ONLINE, AttentionLevel.ACTION),
    ],
)
def test_a_site_has_a_state_and_an_attention_level(
    now: Fleet, gateway: str, standing: SiteState, level: AttentionLevel
) -> None:
    found = site(now, gateway)
    assert (found.state, found.level) == (standing, level)


def test_a_site_says_since_when_and_why(now: Fleet, city: City) -> None:
    found = site(now, OFFLINE)
    assert found.why == "no heartbeat for 99 s"
    assert found.since_ms == city.now_ms - 47 * 60_000
    assert {each.visibility for each in found.cameras} == {CameraVisibility.AWAY}, "nothing is known of them"


@pytest.mark.parametrize(
    ("place", "sight", "cause"),
    [
        (COVERED, CameraVisibility.TAMPERED, None),
        (UNAUTHORIZED, CameraVisibility.OFFLINE, "unauthorized"),
        (STALLED, CameraVisibility.OFFLINE, "stalled"),
        (("lp-001", "cam-1"), CameraVisibility.ONLINE, None),
        ((BACK[0], "cam-2"), CameraVisibility.STARTING, None),  # not offline: power came back 95 s ago
    ],
)
def test_a_camera_has_a_state_and_a_cause(
    now: Fleet, place: tuple[str, str], sight: CameraVisibility, cause: str | None
) -> None:
    camera = next(each for each in site(now, place[0]).cameras if each.id == place[1])
    assert (camera.visibility, camera.cause) == (sight, cause)


def test_names_places_and_channels_are_those_of_the_sheet(now: Fleet) -> None:
    found = site(now, "dt-001")
    assert found.name == "Lý Thường Kiệt – Lê Quý Đôn"
    assert found.latitude is not None
    named = [(each.name, each.channel) for each in found.cameras]
    assert named == [("Cổng", "1-01"), ("Làn vào", "1-02"), ("Làn ra", "1-03")]


def test_without_a_sheet_the_gateway_says_its_name_and_place(city: City, reading: Connection) -> None:
    found = site(read_fleet(reading, Names(), EVERYWHERE, city.now_ms), "dt-001")
    assert (found.name, found.latitude) == ("Lý Thường Kiệt – Lê Quý Đôn", city.gateways["dt-001"].latitude)


def test_a_ward_sees_only_itself(city: City, reading: Connection) -> None:
    own = read_fleet(reading, city.names, Scope(frozenset({"ky-ba"})), city.now_ms)
    assert {each.ward for each in own.sites} == {"ky-ba"}
    assert len(own.sites) == 54
    assert own.cuts == ()


def test_a_fleet_of_one_site_reads_only_that_site(city: City, reading: Connection) -> None:
    found = read_fleet(reading, city.names, EVERYWHERE, city.now_ms, gateway="dt-001")
    assert [each.id for each in found.sites] == ["dt-001"]


def test_rain_over_a_ward_is_one_line(now: Fleet) -> None:
    (rain,) = find_situation(now).rain
    assert (rain.ward, rain.of) == ("ky-ba", 137)
    assert rain.cameras > 80
    assert find_situation(now).rains("ky-ba")
    assert not find_situation(now).rains("de-tham")


def test_a_power_cut_is_one_line_and_its_sites_are_no_trouble_of_their_own(now: Fleet, city: City) -> None:
    (cut,) = find_situation(now).cuts
    assert (cut.wards, cut.gateways, cut.of) == (("de-tham",), CUT, 21)
    assert cut.since_ms == city.now_ms - 23 * 60_000
    assert all(site(now, each).level is AttentionLevel.AWAY for each in CUT)


def test_sites_that_boot_after_it_are_named_together(now: Fleet) -> None:
    (back,) = find_situation(now).back
    assert (back.ward, back.gateways) == ("bo-xuyen", BACK)


def test_states_are_as_published_however_old_they_are(city: City, reading: Connection, now: Fleet) -> None:
    later = read_fleet(reading, city.names, EVERYWHERE, city.now_ms + 300_000)
    before, after = ([(each.id, each.state, each.since_ms) for each in fleet.sites] for fleet in (now, later))
    assert before == after


def test_a_normal_fleet_has_no_situation() -> None:
    assert find_situation(Fleet(0, (), (), ())) == Situation((), (), ())


@pytest.mark.parametrize(
    ("typed", "what", "name"),
    [
        ("de tham", SearchResultKind.WARD, "Đề Thám"),
        ("DE THAM", SearchResultKind.WARD, "Đề Thám"),
        ("đề thám", SearchResultKind.WARD, "Đề Thám"),
        ("ky ba", SearchResultKind.WARD, "Kỳ Bá"),
        ("kiet quy", SearchResultKind.SITE, "Lý Thường Kiệt – Lê Quý Đôn"),
        ("dt-001", SearchResultKind.SITE, "Lý Thường Kiệt – Lê Quý Đôn"),
        ("1-03", SearchResultKind.CAMERA, "Làn ra"),
        ("lan ra dt-001", SearchResultKind.CAMERA, "Làn ra"),
    ],
)
def test_search_needs_no_marks_and_no_order(
    now: Fleet, typed: str, what: SearchResultKind, name: str
) -> None:
    hit = next(each for each in search(now, typed) if each.what is what)
    assert hit.name == name


@pytest.mark.parametrize("typed", ["", "  ", "–", "xyzzy", "de xyzzy"])
def test_search_finds_nothing_where_there_is_nothing(now: Fleet, typed: str) -> None:
    assert search(now, typed) == ()
