"""Journeys: which passages at neighbouring cameras may show the same object."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, Table, Text, UniqueConstraint

from edge_central.store.tables.base import Milliseconds, RowId, metadata

travel_time = Table(
    "travel_time",  # how long objects of a group take from one camera to another, learnt from passages
    metadata,
    Column("from_gateway", Text, primary_key=True),
    Column("from_camera", Text, primary_key=True),
    Column("to_gateway", Text, primary_key=True),
    Column("to_camera", Text, primary_key=True),
    Column("object_group", Text, primary_key=True),  # person, two-wheeler, vehicle
    Column("median_s", Float, nullable=False),  # from the end of the first passage to the start of the second
    Column("low_s", Float, nullable=False),  # quantile 0.1
    Column("high_s", Float, nullable=False),  # quantile 0.9
    Column("share", Float, nullable=False),  # of the passages at the first camera, seen at the second
    Column("passages", Integer, nullable=False),  # number of passages at the first camera that were used
    Column("certainty", Float, nullable=False),  # how many standard deviations it is above chance
    Column("learnt_ms", Milliseconds, nullable=False),
)

journey = Table(
    "journey",  # an officer follows one passage from camera to camera; nothing in it is proved
    metadata,
    Column("id", Text, primary_key=True),
    Column("case_number", Text, nullable=False),  # that of the search that it began with, like the purpose
    Column("purpose", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("made_ms", Milliseconds, nullable=False),
    Column("changed_ms", Milliseconds, nullable=False),  # when its newest step or search was added
    Column("wards", Text, nullable=False),  # of its steps and of the asked gateways, separated by spaces
    Index("journey_by_change", "changed_ms"),
    Index("journey_by_case", "case_number"),
)

journey_step = Table(
    "journey_step",  # a passage that an officer has confirmed or rejected, as the gateway sent it
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("journey", Text, nullable=False),
    Column("parent", BigInteger),  # the step whose neighbours were searched; null: the journey begins here
    Column("way", Text),  # forward, backward; null: the journey begins here
    Column("status", Text, nullable=False),  # confirmed, rejected
    Column("search", Text, nullable=False),  # the search that found it; may be deleted by now
    Column("gateway", Text, nullable=False),
    Column("ward", Text, nullable=False),
    Column("camera", Text, nullable=False),
    Column("passage", BigInteger, nullable=False),  # its id at the gateway
    Column("start_ms", Milliseconds, nullable=False),
    Column("document", LargeBinary, nullable=False),  # as in search_match
    Column("decided_by", Text, nullable=False),
    Column("decided_ms", Milliseconds, nullable=False),
    UniqueConstraint("journey", "gateway", "passage"),
    sqlite_autoincrement=True,
)

journey_search = Table(
    "journey_search",  # a search of the neighbours of a step
    metadata,
    Column("search", Text, primary_key=True),
    Column("journey", Text, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("way", Text, nullable=False),  # forward, backward
    Column("reach_m", Float, nullable=False),  # sites within this distance were asked
    Column("asked_ms", Milliseconds, nullable=False),
    Index("journey_search_by_journey", "journey", "step"),
)
