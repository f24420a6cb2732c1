"""The days of retention in docs/guide/storage.md, computed from the file sizes that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_agent.config.model.storage import Passages
from edge_agent.evidence.chain.chain import JOURNAL_SHARE
from edge_agent.evidence.jpeg import AIM_BYTES
from edge_agent.host.health.degraded import DISK_FULL_PERCENT
from edge_agent.passages.store import SHARE
from tests.evidence.box import box_in
from tests.evidence.clip_scene import ClipScene, clip_file
from tests.testbed.clips import make_clip

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "storage.md").read_text(encoding="utf-8")
SYSTEM_GB, FILE_SYSTEM = 8.0, 0.07  # of a card: the system, and ext4's own share of the rest
REPORTED_FULL = DISK_FULL_PERCENT / 100  # a disk that is fuller is reported
CLIPS_A_DAY = (20, 100, 500)


def size_mb(row: str) -> float:
    found = re.search(rf"^\| {re.escape(row)}[^|]*\| ([\d.]+) MB \|", PAGE, re.MULTILINE)
    assert found, row
    return float(found[1])


SUB, MAIN = size_mb("clip, sub-stream"), size_mb("clip, main stream")
PICTURE, JOURNAL = size_mb("picture"), size_mb("journal, 1000 events")


def days(max_gb: float, clips_a_day: int, clip_mb: float) -> int:
    """Return the days of retention, with one picture per clip."""
    return int(max_gb * 1000 / (clips_a_day * (clip_mb + PICTURE)))


def max_gb(card_gb: int) -> int:
    """Return ``storage.max_bytes`` in GB, without the share of the journal."""
    usable_gb = card_gb * (1 - FILE_SYSTEM) * REPORTED_FULL - SYSTEM_GB
    return int(usable_gb / (1 + 1 / JOURNAL_SHARE))


@pytest.mark.parametrize("card_gb", [16, 32, 64, 128])
def test_the_table_of_days_is_computed_from_the_sizes(card_gb: int) -> None:
    size = max_gb(card_gb)
    columns = [days(size, count, clip) for clip in (SUB, MAIN) for count in CLIPS_A_DAY]
    row = f"| {card_gb} GB | {size}GB | {' | '.join(map(str, columns))} |"
    assert row in PAGE, row


OBJECTS = {2000: "2000", 8500: "8500: one busy camera", 21800: "21800: a usual site of the city",
           34000: "34000: four busy cameras"}  # fmt: skip


def test_the_days_of_passages_are_computed_from_their_sizes() -> None:
    sizes = re.search(r"a row takes ([\d.]+) kB and a picture ([\d.]+) kB", PAGE)
    assert sizes
    most = Passages().max_age_days, Passages().crop_days
    for objects, name in OBJECTS.items():
        cells = []
        for max_mb in (200, 600, 1300):
            kb = [float(size) * objects for size in sizes.groups()]
            found = (min(limit, max_mb * 1000 * SHARE / each) for limit, each in zip(most, kb, strict=True))
            cells.append(", ".join(str(int(each)) for each in found))
        row = f"| {name} | {' | '.join(cells)} |"
        assert row in PAGE, row


def test_a_clip_weighs_what_its_stream_does_and_hardly_more(tmp_path: Path) -> None:
    rate = ("-b:v", "512k", "-maxrate", "512k", "-bufsize", "512k", "-preset", "veryfast")
    noise = ("-vf", "noise=alls=20:allf=t")
    stream = make_clip(tmp_path / "sub.mp4", size=(640, 360), seconds=24, keyframe_s=2, extra=(*rate, *noise))
    (cut,) = ClipScene(stream).event(9.3, 14.3)
    made, path = clip_file(cut, tmp_path / "clip.mp4")
    size = path.stat().st_size
    assert size < 1.01 * sum(item.packet.size for item in cut.packets) + 10_000
    assert 15 < made.duration_s < 17.5
    assert size / made.duration_s * 16 / 1e6 == pytest.approx(SUB, rel=0.2)


def test_the_sizes_of_the_page_are_those_of_the_rates_it_names() -> None:
    assert 0.85 < SUB / (512e3 / 8 * 16 / 1e6) <= 1
    assert 0.85 < MAIN / (4e6 / 8 * 16 / 1e6) <= 1
    assert PICTURE * 1e6 == AIM_BYTES


def test_the_journal_takes_what_the_page_says(tmp_path: Path) -> None:
    with box_in(tmp_path) as box:
        for n in range(40):
            box.alarm(f"yard-night-t1-{n}")
            box.seconds(1.5)
        lines = box.journal()
    assert len(lines) >= 40
    assert sum(len(line) + 1 for line in lines) / len(lines) * 1000 / 1e6 == pytest.approx(JOURNAL, rel=0.2)
