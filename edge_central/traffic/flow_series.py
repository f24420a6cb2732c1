"""Reads the traffic that cameras measured, and the days before it, from which the usual traffic is
computed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import tzinfo

import msgspec
from sqlalchemy import Connection

from edge_agent.core.model import GROUP_OF_LABEL, PERSON
from edge_central.store import tables
from edge_central.store.scope import Scope
from edge_central.traffic import series
from edge_central.traffic.calendar import days_of
from edge_central.traffic.congestion import FREE_FLOW_DAYS, CameraFlow, FreeFlow, free_flow
from edge_central.traffic.days import CameraDay, MeasuredTime, QuarterFlow, merge_spans
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.series import CountedPlace, TrafficFilter, stored_rows

_DAY = msgspec.json.Decoder(CameraDay)
_VEHICLES = frozenset(label for label, group in GROUP_OF_LABEL.items() if group != PERSON)


@dataclass(frozen=True, slots=True)
class UsualFlow:
    """The traffic of one camera, and its usual traffic; None: not yet known."""

    flow: CameraFlow
    usual: FreeFlow | None


def read_flow(
    connection: Connection, scope: Scope, asked: TrafficFilter, span: Span, timezone: tzinfo, now: Quarter
) -> dict[CountedPlace, UsualFlow]:
    """Return the traffic of the cameras in the span. The usual traffic is computed from the FREE_FLOW_DAYS
    before the end of the span, or before ``now`` if the span has not ended. Raises TooMuchTraffic."""
    end = min(span[1], now)
    base = end - 96 * FREE_FLOW_DAYS, end
    days = list(days_of((min(span[0], base[0]), span[1]), timezone))
    rows = stored_rows(connection, tables.traffic_camera, scope, asked, days, series.MAX_STORED_DAYS)
    flows: defaultdict[CountedPlace, dict[Quarter, QuarterFlow]] = defaultdict(dict)
    counted: defaultdict[CountedPlace, set[Quarter]] = defaultdict(set)
    spans: defaultdict[CountedPlace, list[Span]] = defaultdict(list)
    for row in rows:
        place, day = CountedPlace(row.ward, row.gateway, row.camera), _DAY.decode(row.document)
        flows[place] |= day.flow
        spans[place] += day.measured
        counted[place] |= {quarter for quarter, labels in day.dated.items() if labels.keys() & _VEHICLES}
    found = {}
    for place, measured in spans.items():
        time = MeasuredTime(tuple(merge_spans(measured)))
        flow = CameraFlow(flows[place], frozenset(counted[place]), time)
        found[place] = UsualFlow(flow, free_flow(flow, base))
    return found
