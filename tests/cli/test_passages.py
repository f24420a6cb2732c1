"""``edge-agent passages``: what a technician or an officer types beside the gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.core.command_line.exit_codes import EX_USAGE
from edge_agent.core.delivery import SEALED_MAGIC
from edge_agent.passages.holds import PassageHolds
from edge_agent.passages.passage import FOLDER, GroundMotion, Light, TimeQuality
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store
from tests.testbed.agent import write_config
from tests.testbed.command_line import run_command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A gateway that has seen a person in red, a sealed vehicle and something in infrared."""
    path = write_config(tmp_path, cameras=[{"id": "cam-1", "url": "rtsp://camera/1"}])
    sealed = passage(
        2, 1005.0, group="vehicle", label="car", crop=SEALED_MAGIC + bytes(99), direction_deg=None
    )
    dark = passage(3, 1010.0, colours=(), light=Light.INFRARED, reports=(), crop=None)
    rows = store(tmp_path / "state", HandClock(mono=1030.0))
    rows.write([passage(1), sealed, dark], synced=True)
    rows.close()
    return path


def run(*argv: str) -> tuple[int, str, str]:
    done = run_command("passages", *argv)
    return done.returncode, done.stdout, done.stderr


def test_the_table_says_when_what_whither_and_in_which_colours(config: Path) -> None:
    code, out, _ = run(str(config))
    assert code == 0
    newest, car, first = out.splitlines()[1:]
    assert "2026-11-24 18:59:30" in first, "in the time zone of the site"
    for word in ("cam-1", "person", "right", "upper red", "lower black/grey", "reported by gate"):
        assert word in first
    assert " car " in car
    assert "(infrared)" in newest
    assert "red" not in newest.replace("infrared", "")


def test_the_table_is_printed_in_vietnamese(config: Path) -> None:
    code, out, _ = run(str(config), "--lang", "vi")
    assert code == 0
    head, newest, car, first = out.splitlines()
    assert head.split("  ")[0] == "thời gian"
    assert first.startswith("24/11/2026 18:59:30")
    for word in ("cam-1", "người", "sang phải", "thân trên đỏ", "thân dưới đen/xám", "quy tắc gate đã báo"):
        assert word in first
    assert " ô tô con " in car
    assert "(hồng ngoại)" in newest


def test_filters_narrow_the_list(config: Path) -> None:
    _, out, _ = run(str(config), "--group", "person", "--colour", "upper:red", "--json")
    (only,) = [json.loads(line) for line in out.splitlines()]
    assert only["track"] == "cam-1-k3-1"
    assert only["clock"] == TimeQuality.SYNCED.name.lower()
    assert only["colours"][0] == {"part": "upper", "colours": {"red": 0.8}, "confidence": 0.9}
    _, out, _ = run(str(config), "--from", "2026-11-24T18:59:43")
    assert len(out.splitlines()) == 1 + 2
    _, out, _ = run(str(config), "--limit", "1", "--json")
    assert len(out.splitlines()) == 1
    _, out, _ = run(str(config), "--limit", "1")
    assert out.splitlines()[2:] == ["there may be older ones: these are the newest 1 (--limit)"]
    _, out, _ = run(str(config), "--camera", "cam-9")
    assert out == "no such passage is stored here\nthe configuration has no camera cam-9; it has: cam-1\n"


def test_pictures_are_written_on_record_only(config: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    code, _, err = run(str(config), "--pictures", str(target))
    assert code == EX_USAGE
    assert "--by and --purpose" in err
    assert not target.exists()
    code, _, _ = run(str(config), "--pictures", str(target), "--by", "An", "--purpose", "file 7/2026")
    assert code == 0
    assert sorted(path.name for path in target.iterdir()) == ["cam-1-k3-1.jpg", "cam-1-k3-2.jpg.sealed"]
    (entry,) = (tmp_path / "state" / FOLDER / "access.jsonl").read_text().splitlines()
    record = json.loads(entry)
    assert record["by"].startswith("An (user ")
    assert (record["purpose"], record["what"]) == ("file 7/2026", "pictures")
    _, out, _ = run(str(config), "--json")
    assert record["passages"] == [json.loads(line)["id"] for line in out.splitlines()]


def test_what_is_kept_for_a_case_is_listed(config: Path, tmp_path: Path) -> None:
    assert run(str(config), "--held")[1] == "no passage is kept beyond its time\n"
    _, out, _ = run(str(config), "--json", "--group", "vehicle")
    (car,) = [json.loads(line) for line in out.splitlines()]
    until_ms = 1_800_000_000_000
    PassageHolds(tmp_path / "state").place([car["id"]], until_ms, "7/2026", 1_795_000_000_000)
    _, out, _ = run(str(config), "--held")
    (line,) = out.splitlines()
    for expected in (str(car["id"]), "until 2027-01-15 15:00", "cam-1", "vehicle", "case 7/2026"):
        assert expected in line
    _, out, _ = run(str(config), "--held", "--lang", "vi")
    assert "giữ đến 15/01/2027 15:00  " in out
    assert out.endswith(" ô tô  vụ việc 7/2026\n")
    _, out, _ = run(str(config), "--held", "--json")
    (kept,) = [json.loads(line) for line in out.splitlines()]
    assert kept["hold"]["case"] == "7/2026"
    assert kept | {"hold": None} == car | {"hold": None}


@pytest.mark.parametrize(("colour", "message"), [("violet", "the colours are"), ("hat:red", "the parts are")])
def test_a_colour_that_does_not_exist_is_named(config: Path, colour: str, message: str) -> None:
    code, _, err = run(str(config), "--colour", colour)
    assert (code, message in err) == (EX_USAGE, True)


@pytest.mark.parametrize("limit", ["-1", "99999999999999999999"])
def test_an_absurd_limit_is_refused(config: Path, limit: str) -> None:
    code, _, err = run(str(config), "--limit", limit)
    assert (code, f"--limit {limit}: at least 1" in err) == (EX_USAGE, True)


def test_a_height_in_percent_is_refused(config: Path) -> None:
    code, _, err = run(str(config), "--min-height", "20")
    assert (code, "from 0 to 1" in err) == (EX_USAGE, True)


def test_a_speed_class_without_a_ground_plane_says_why_nothing_is_found(config: Path) -> None:
    _, out, _ = run(str(config), "--speed", "fast", "--from", "2026-11-24")
    assert out.splitlines()[1:] == [
        "no camera has a ground plane, which --speed and --heading need (docs/guide/ground.md)"
    ]


def test_a_time_that_ends_before_it_begins_is_wrong_usage(config: Path) -> None:
    times = ("--from", "2026-11-25", "--to", "2026-11-24")
    code, _, err = run(str(config), *times)
    assert (code, "--to is before --from" in err) == (EX_USAGE, True)
    assert run(str(config), *times, "--lang", "vi")[2] == "edge-agent passages: --to sớm hơn --from\n"


def test_a_damaged_file_is_named(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state" / FOLDER / "passages.db").write_bytes(b"no database" * 1000)
    code, _, err = run(str(config))
    assert (code, "passages.db" in err) == (1, True)


def test_a_gateway_without_passages_says_so(tmp_path: Path) -> None:
    path = write_config(tmp_path, cameras=[{"id": "cam-1", "url": "rtsp://camera/1"}])
    assert run(str(path)) == (
        0,
        "no such passage is stored here\n"
        "the agent stores an object when it has left the picture, at most a minute later\n",
        "",
    )


@pytest.fixture
def fast(tmp_path: Path) -> Path:
    """A gateway whose camera has a ground plane."""
    path = write_config(tmp_path, cameras=[{"id": "cam-1", "url": "rtsp://camera/1"}])
    rows = store(tmp_path / "state", HandClock(mono=1030.0))
    quick = passage(1, ground=GroundMotion(11.0, 0.7, 47.0))
    slow = passage(2, ground=GroundMotion(1.3, 0.15, None))
    rows.write([quick, slow, passage(3)], synced=True)
    rows.close()
    return path


def test_speeds_are_shown_with_their_error(fast: Path) -> None:
    _, out, _ = run(str(fast))
    head, *lines = out.splitlines()
    assert "km/h" in head
    assert sorted(line.split("0.7 ")[1].split()[0] for line in lines) == ["-", "40±3", "5±1"]
    assert any("40±3 NE" in line for line in lines)
    assert "40±3 ĐB" in run(str(fast), "--lang", "vi")[1]
    _, out, _ = run(str(fast), "--speed", "moderate", "--heading", "E", "--json")
    (only,) = [json.loads(line) for line in out.splitlines()]
    assert only["track"] == "cam-1-k3-1"
    assert (only["speed_m_s"], only["speed_error_m_s"], only["heading_deg"]) == (11.0, 0.7, 47.0)
    assert only["speed_class"] == ["moderate"]
    _, out, _ = run(str(fast), "--heading", "S")
    assert out.splitlines()[0] == "no such passage is stored here"
