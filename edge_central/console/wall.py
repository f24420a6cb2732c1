"""The cards of the wall screen: one for each ward, the worst first. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from edge_central.console.alarm_queue import AlarmQueue
from edge_central.console.fleet import AttentionLevel, Fleet, SiteOverview, SiteState, WardOverview

MOST_SITES = 3
"""Sites on a card: more would not fit with 21 wards on 1920x1080 pixels."""
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
    alarms: int  # open ones
    sites: tuple[SiteOverview, ...]  # that need action, at most MOST_SITES
    more: int  # further sites that need action

    @property
    def is_dark(self) -> bool:
        return self.rank is WardRank.DARK


def ward_cards(fleet: Fleet, queue: AlarmQueue, action: Sequence[SiteOverview]) -> tuple[WardCard, ...]:
    """The cards of all wards; ``action``: the sites that need action, the most recent fault first."""
    ward_of = {site.id: site.ward for site in fleet.sites}
    alarms = Counter(item.ward for item in queue.alarms.items)
    for each in queue.alarms.more:
        alarms[ward_of.get(each.gateway, each.ward)] += each.count
    ringing = {item.ward for item in queue.alarms.items if item.rings}
    cards = []
    for ward in fleet.wards:
        own = tuple(site for site in action if site.ward == ward.id)
        rank = _rank(ward, alarms[ward.id], is_ringing=ward.id in ringing)
        cards.append(WardCard(ward, rank, alarms[ward.id], own[:MOST_SITES], max(0, len(own) - MOST_SITES)))
    return tuple(sorted(cards, key=lambda card: (card.rank, card.ward.name, card.ward.id)))


def column_count(cards: int) -> int:
    """Columns of the grid, so that it is about twice as wide as high, as the screen is."""
    return min(MOST_COLUMNS, cards, math.ceil(math.sqrt(2 * cards)))


def _rank(ward: WardOverview, alarms: int, *, is_ringing: bool) -> WardRank:
    gone = ward.sites.get(SiteState.OFFLINE, 0) + ward.sites.get(SiteState.CUT, 0)
    if ward.cut_since_ms is not None or (gone and not ward.sites_there):
        return WardRank.DARK
    if is_ringing:
        return WardRank.RINGING
    if ward.levels.get(AttentionLevel.ACTION):
        return WardRank.ACTION
    if alarms:
        return WardRank.ALARM
    return WardRank.CHECK if ward.levels.get(AttentionLevel.CHECK) else WardRank.NORMAL
