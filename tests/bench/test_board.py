"""``bench.board``: figures of a board become values of its profile, with their origin; nothing else does."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest
import yaml

from bench.board import __main__ as command
from bench.board import measure
from bench.board.heat import throttled_by_heat, watch
from bench.board.profile_file import assumptions, best_threads, measured_values, with_values
from bench.board.record import (
    BoardMachine,
    BoardRecord,
    DecodeCost,
    DiskCost,
    HeatTest,
    InferenceCost,
    is_quiet,
    read_record,
    write_record,
)
from edge_agent.config.profiles import names, profile_dir
from edge_agent.host.board.sensors import Throttling

PI = BoardMachine("Raspberry Pi 5 Model B Rev 1.0", "aarch64", 4, 8000, "Debian 13", "6.12", {}, 0.1)
RECORD = BoardRecord(
    profile="raspberry-pi-5",
    date="2026-12-01",
    measured=True,
    emulated=False,
    representative=True,
    board=PI,
    decode=[DecodeCost("h264", 640, 360, 1.0), DecodeCost("h265", 640, 360, 2.0)],
    inference=[InferenceCost(1, 40.0, 40.0), InferenceCost(2, 22.0, 42.0), InferenceCost(4, 18.0, 60.0)],
    jpeg=[],
    disk=DiskCost("sd", 9.0, 20.0),
    heat=HeatTest(10, 45.0, 84.0, True, 82.4),
)


def profile_text(name: str) -> str:
    return (profile_dir() / f"{name}.yaml").read_text(encoding="utf-8")


def test_figures_become_the_values_that_they_decide() -> None:
    values = {"platform.capacity.decode_fps": 250, "detector.threads": 2, "thermal.critical_c": 82}
    assert measured_values(RECORD, (640, 360)) == values


def test_a_board_that_was_not_throttled_says_nothing_about_where_that_begins() -> None:
    cool = msgspec.structs.replace(RECORD, heat=HeatTest(10, 45.0, 70.0, False, None))
    assert "thermal.critical_c" not in measured_values(cool, (640, 360))
    assert "platform.capacity.decode_fps" not in measured_values(cool, (1280, 720))


@pytest.mark.parametrize(
    ("walls", "threads"), [([40], 1), ([40, 30], 1), ([40, 22, 18], 2), ([40, 22, 12], 4), ([40, 39, 5], 1)]
)
def test_more_threads_must_be_worth_their_cores(walls: list[float], threads: int) -> None:
    costs = [InferenceCost(2**number, wall, 0) for number, wall in enumerate(walls)]
    assert best_threads(costs) == threads


@pytest.mark.parametrize("name", names())
def test_a_value_is_replaced_in_its_place_and_all_else_stays(name: str) -> None:
    before = profile_text(name)
    values = measured_values(RECORD, (640, 360))
    after = with_values(before, values, "2026-12-01 on a board")
    old, new = yaml.safe_load(before), yaml.safe_load(after)
    assert new["platform"]["capacity"].pop("decode_fps") == 250
    assert new["detector"].pop("threads") == 2
    assert new["thermal"].pop("critical_c") == 82
    for section, key in ((old["platform"]["capacity"], "decode_fps"), (old["detector"], "threads")):
        section.pop(key)
    old["thermal"].pop("critical_c")
    assert new == old
    assert after.count("# measured: 2026-12-01 on a board") == 3
    assert len(assumptions(after)) < len(assumptions(before))
    assert with_values(after, values, "2026-12-01 on a board") == after


def test_a_value_that_the_profile_does_not_have_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"platform\.colour"):
        with_values(profile_text("raspberry-pi-5"), {"platform.colour": 1}, "")


def test_the_temperature_is_read_every_second_and_throttling_is_remembered() -> None:
    now = [0.0]
    readings = {3: (81.0, True), 4: (84.0, True), 5: (60.0, False)}

    def read() -> tuple[float | None, bool | None]:
        return readings.get(round(now[0]), (50.0, False))

    def sleep(seconds: float) -> None:
        now[0] += seconds

    found = watch(read, 45.0, 0.1, lambda: now[0], sleep)
    assert found == HeatTest(0.1, 45.0, 84.0, True, 81.0)


@pytest.mark.parametrize(
    ("throttled", "undervoltage", "by_heat"),
    [(True, False, True), (True, None, True), (True, True, False), (False, False, False), (None, None, None)],
)
def test_throttling_by_a_weak_supply_says_nothing_about_heat(
    throttled: bool | None, undervoltage: bool | None, by_heat: bool | None
) -> None:
    assert throttled_by_heat(Throttling(throttled, undervoltage)) is by_heat


def test_a_board_without_sensors_has_no_temperature() -> None:
    now = iter(range(100))
    found = watch(lambda: (None, None), None, 0.1, lambda: next(now), lambda _: None)
    assert found == HeatTest(0.1, None, None, None, None)


@pytest.mark.parametrize(("load", "quiet"), [(0.1, True), (1.2, True), (1.3, False)])
def test_other_work_beside_it_spoils_the_figures(load: float, quiet: bool) -> None:
    assert is_quiet(msgspec.structs.replace(PI, load_before=load)) is quiet


@pytest.mark.parametrize("options", [["--emulated"], []])
def test_the_command_writes_what_it_measured_and_says_how(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "SIZES", (((160, 120), 100_000),))
    monkeypatch.setattr(measure, "CLIP_S", 0.2)
    monkeypatch.setattr(measure, "STREAMS", 1)
    monkeypatch.setattr(command, "is_quiet", lambda _: True)
    words = ["--profile", "generic-x86_64", "--seconds", "0.01", "--minutes", "0", "--disk", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["bench.board", *words, "--out", str(tmp_path / "out"), *options])
    assert command.main() == 0
    (path,) = (tmp_path / "out").iterdir()
    record = read_record(path)
    assert record.emulated is bool(options)
    assert record.representative is not bool(options)
    assert [each.codec for each in record.decode] == ["h264", "h265"]
    assert record.inference[0].wall_ms > 0
    assert record.disk.write_mb_s > 0
    assert "decode h264 160x120" in capsys.readouterr().out


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_record(write_record(tmp_path / "measured", RECORD)) == RECORD
    emulated = msgspec.structs.replace(RECORD, emulated=True)
    assert write_record(tmp_path / "measured", emulated).name == "raspberry-pi-5-emulated.json"
