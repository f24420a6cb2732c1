"""Counts of traffic. A row is a day of a line, of the turns that end with a line, or of a camera."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from edge_central.store.tables.base import metadata

traffic_line = Table(
    "traffic_line",
    metadata,
    Column("ward", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # YYYY-MM-DD at the site
    Column("gateway", Text, primary_key=True),
    Column("camera", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("line", Text, primary_key=True),
    Column("total", BigInteger, nullable=False),  # crossings of the day, both directions
    Column("document", LargeBinary, nullable=False),  # JSON of LineDay in edge_central/traffic/days.py
    Index("traffic_line_by_day", "day"),
)

traffic_turn = Table(
    "traffic_turn",
    metadata,
    Column("ward", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # YYYY-MM-DD at the site
    Column("gateway", Text, primary_key=True),
    Column("camera", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("line", Text, primary_key=True),  # the line that was crossed last
    Column("total", BigInteger, nullable=False),  # turns of the day that end with this line
    Column("document", LargeBinary, nullable=False),  # JSON of TurnDay in edge_central/traffic/turns.py
    Index("traffic_turn_by_day", "day"),
)

traffic_camera = Table(
    "traffic_camera",
    metadata,
    Column("ward", Text, primary_key=True),
    Column("day", Text, primary_key=True),  # YYYY-MM-DD in the time zone of the console
    Column("gateway", Text, primary_key=True),
    Column("camera", Text, primary_key=True),
    Column("total", BigInteger, nullable=False),  # new objects of the day
    Column("measured", Integer, nullable=False),  # quarters of an hour of the day with a picture throughout
    Column("document", LargeBinary, nullable=False),  # JSON of CameraDay
    Index("traffic_camera_by_day", "day"),
)
