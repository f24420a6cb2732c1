"""The cards of the wall screen: the worst ward first, with what is wrong there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from edge_central.console.alarms.model import QueueCounts, QueueRank
from edge_central.console.alarms.queue import counts_by_ward
from edge_central.console.fleet import AttentionLevel, Fleet, SiteState, read_fleet
from edge_central.console.wall import MOST_SITES, WardRank, column_count, ward_cards
from edge_central.store.scope import EVERYWHERE
from edge_central.web.pages.fleet import sites_of_level
from tests.edge_central.console.city import OFFLINE, City


@pytest.fixture
def now(city: City, reading: Connection) -> Fleet:
    return read_fleet(reading, city.names, EVERYWHERE, city.now_ms)


def test_a_dark_ward_is_first_and_then_those_whose_alarms_ring(
    city: City, reading: Connection, now: Fleet
) -> None:
    counts = counts_by_ward(reading, EVERYWHERE, city.now_ms)
    cards = ward_cards(now, counts, sites_of_level(now, AttentionLevel.ACTION))
    assert [(card.ward.id, card.rank) for card in cards[:4]] == [
        ("de-tham", WardRank.DARK),
        ("le-hong-phong", WardRank.RINGING),
        ("phu-khanh", WardRank.RINGING),
        ("quang-trung", WardRank.RINGING),
    ]
    assert {card.ward.id: card.alarms for card in cards if card.alarms} == {
        ward: each.open for ward, each in counts.items() if each.open
    }
    by_ward = {card.ward.id: card for card in cards}
    assert [site.id for site in by_ward["tran-lam"].sites] == [OFFLINE]
    assert len(by_ward["quang-trung"].sites) == 2


def test_a_ward_without_an_outage_is_dark_when_none_of_its_sites_can_be_reached(now: Fleet) -> None:
    quiet = replace(now.wards[1], levels={}, cut_since_ms=None)
    wards = (
        replace(quiet, id="all-gone", sites={SiteState.OFFLINE: 2, SiteState.NEVER: 1}),
        replace(quiet, id="one-gone", sites={SiteState.OFFLINE: 1, SiteState.ONLINE: 1}),
        replace(quiet, id="never-built", sites={SiteState.NEVER: 3}),
    )
    cards = ward_cards(replace(now, wards=wards), {}, ())
    assert {card.ward.id: card.rank for card in cards} == {
        "all-gone": WardRank.DARK,
        "one-gone": WardRank.NORMAL,
        "never-built": WardRank.NORMAL,
    }


def test_acknowledged_alarms_rank_below_sites_that_need_action_and_more_sites_are_counted(
    now: Fleet,
) -> None:
    ward = next(ward for ward in now.wards if ward.id == "tran-lam")
    quiet = [replace(ward, id=id, levels={}) for id in ("acknowledged", "ringing")]
    waiting = replace(ward, levels={AttentionLevel.ACTION: 5})
    counts = {
        "acknowledged": QueueCounts({QueueRank.ACKNOWLEDGED: 7}),
        "ringing": QueueCounts({QueueRank.RINGING: 1}),
    }
    sites = [site for site in now.sites if site.ward == "tran-lam"][: MOST_SITES + 2]
    cards = ward_cards(replace(now, wards=(*quiet, waiting)), counts, sites)
    assert [(card.ward.id, card.alarms, len(card.sites), card.more) for card in cards] == [
        ("ringing", 1, 0, 0),
        ("tran-lam", 0, MOST_SITES, 2),
        ("acknowledged", 7, 0, 0),
    ]


@pytest.mark.parametrize(("cards", "columns"), [(1, 1), (2, 2), (10, 5), (21, 7), (60, 8)])
def test_the_grid_is_about_twice_as_wide_as_high(cards: int, columns: int) -> None:
    assert column_count(cards) == columns
