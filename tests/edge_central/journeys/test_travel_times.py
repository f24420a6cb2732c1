"""Travel times in the database: written, replaced, and read from both ends."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from edge_central.journeys.travel_times import (
    TravelTime,
    all_travel_times,
    read_travel_times,
    store_travel_times,
)

A_TO_B = TravelTime("dt-001", "gate", "dt-002", "bridge", "two-wheeler", 42.5, 31.0, 66.0, 0.4, 812, 11.5, 1)
A_TO_C = replace(A_TO_B, to_gateway="dt-003", to_camera="market", share=0.5)
B_TO_A = replace(A_TO_B, from_gateway="dt-002", from_camera="bridge", to_gateway="dt-001", to_camera="gate")
ON_FOOT = replace(A_TO_B, group="person", median_s=300.0)


def test_pairs_that_leave_a_camera_are_read_largest_share_first(connection: Connection) -> None:
    store_travel_times(connection, [A_TO_B, A_TO_C, B_TO_A, ON_FOOT])
    assert read_travel_times(connection, "dt-001", "gate", "two-wheeler") == [A_TO_C, A_TO_B]


def test_pairs_that_arrive_at_a_camera_are_read(connection: Connection) -> None:
    store_travel_times(connection, [A_TO_B, A_TO_C, B_TO_A, ON_FOOT])
    assert read_travel_times(connection, "dt-001", "gate", "two-wheeler", arriving=True) == [B_TO_A]
    assert read_travel_times(connection, "dt-002", "bridge", arriving=True) == [ON_FOOT, A_TO_B]


def test_a_newer_row_replaces_only_that_of_the_same_pair_and_group(connection: Connection) -> None:
    store_travel_times(connection, [A_TO_B, ON_FOOT])
    newer = replace(A_TO_B, median_s=50.0, learnt_ms=2)
    store_travel_times(connection, [newer])
    store_travel_times(connection, [])
    assert sorted(all_travel_times(connection), key=lambda each: each.group) == [ON_FOOT, newer]
