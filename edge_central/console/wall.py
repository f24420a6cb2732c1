"""The cards of the wall screen: one for each ward, the worst first. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from edge_central.console.alarms.model import QueueCounts
from edge_central.console.fleet import AttentionLevel, Fleet, SiteOverview, SiteState, WardOverview

MOST_SITES = 3
"""Limit for the sites on a card: more would not fit with 21 wards on 1920x1080 pixels."""
MOST_COLUMNS = 8


class WardRank(IntEnum):
    """How urgent a ward is, the worst first."""

    DARK = 0  # an outage, or none of its sites can be reached
    RINGING = 1  # an alarm without an acknowledgement
    ACTION = 2
    ALARM = 3  # an open alarm that an officer has acknowledged
    CHECK = 4
    NORMAL = 5


@dataclass(frozen=True, slots=True)
class WardCard:
    ward: WardOverview
    rank: WardRank
    alarms: int  # number of rows of open alarms, as in the list of alarms
    sites: tuple[SiteOverview, ...]  # sites that need action, at most MOST_SITES
    more: int  # number of further sites that need action

    @property
    def is_dark(self) -> bool:
        return self.rank is WardRank.DARK


def ward_cards(
    fleet: Fleet, counts: Mapping[str, QueueCounts], action: Sequence[SiteOverview]
) -> tuple[WardCard, ...]:
    """Return the cards of all wards. ``counts``: numbers of open alarms by ward; ``action``: the sites that
    need action, the most recent fault first."""
    cards = []
    for ward in fleet.wards:
        own = tuple(site for site in action if site.ward == ward.id)
        alarms = counts.get(ward.id, QueueCounts())
        more = max(0, len(own) - MOST_SITES)
        cards.append(WardCard(ward, _rank(ward, alarms), alarms.open, own[:MOST_SITES], more))
    return tuple(sorted(cards, key=lambda card: (card.rank, card.ward.name, card.ward.id)))


def column_count(cards: int) -> int:
    """Return the number of columns with which the grid is about twice as wide as high, like the screen."""
    return min(MOST_COLUMNS, cards, math.ceil(math.sqrt(2 * cards)))


def _rank(ward: WardOverview, alarms: QueueCounts) -> WardRank:
    gone = ward.sites.get(SiteState.OFFLINE, 0) + ward.sites.get(SiteState.CUT, 0)
    if ward.cut_since_ms is not None or (gone and not ward.sites_there):
        return WardRank.DARK
    if alarms.ringing:
        return WardRank.RINGING
    if ward.levels.get(AttentionLevel.ACTION):
        return WardRank.ACTION
    if alarms.open:
        return WardRank.ALARM
    return WardRank.CHECK if ward.levels.get(AttentionLevel.CHECK) else WardRank.NORMAL
