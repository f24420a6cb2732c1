"""Boards: each shipped file is valid, and ``auto`` selects the right one."""

from __future__ import annotations

import json
import platform
import re
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from bench.board.profile_file import measured_values, with_values
from bench.board.record import read_record
from edge_agent.config import load
from edge_agent.config.board import BoardIdentity, read_board
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import ReadContext
from edge_agent.config.json_schema import profile_schema_text, schema_file
from edge_agent.config.profiles import names, profile_dir, read
from edge_agent.core.clock import SystemClock
from tests.config.places import MINIMAL, write

PI4 = "Raspberry Pi 4 Model B Rev 1.4"


BOARDS = ["generic-arm64", "generic-x86_64", "jetson-orin-nano", "raspberry-pi-4", "raspberry-pi-5"]


def test_every_shipped_profile_is_valid(tmp_path: Path) -> None:
    assert names() == BOARDS
    for name in names():
        reading = ReadContext(ConfigFiles(tmp_path, None), SystemClock())
        board = read(name, reading)
        assert reading.problems == []
        assert board is not None
        thermal = board.profile.thermal
        assert thermal.warn_c < thermal.critical_c
        assert thermal.ladder is not None
        assert list(thermal.ladder.thresholds_c) == sorted(set(thermal.ladder.thresholds_c))
        assert board.profile.platform is not None
        assert not set(board.profile.platform.storage.good) & set(board.profile.platform.storage.poor)


ORIGIN = re.compile(r"#.*\b(source|assumption|measured)\b", re.IGNORECASE)


def unsourced(text: str) -> list[str]:
    """Lines with a value whose comment, in the line or above, names neither a source nor an assumption.

    Items of a list are covered by the comment of their key; ``description`` needs no source.
    """
    lines, found, key_has_origin = text.splitlines(), [], False
    for number, line in enumerate(lines):
        content = line.split("#")[0].strip()
        if not content or content.startswith("description:"):
            continue
        above = number
        while above and lines[above - 1].strip().startswith("#"):
            above -= 1
        has_origin = bool(ORIGIN.search("\n".join([line, *lines[above:number]]).replace("\n", " # ")))
        item = content.startswith("- ") and ": " not in content
        if item and not key_has_origin and not has_origin:
            found.append(line)
        if not item:
            key_has_origin = has_origin
        if ": " in content and not has_origin and not content.startswith("- name:"):
            found.append(line)
    return found


@pytest.mark.parametrize("name", BOARDS)
def test_every_value_of_a_profile_names_its_source_or_is_marked_as_an_assumption(name: str) -> None:
    text = (profile_dir() / f"{name}.yaml").read_text(encoding="utf-8")
    assert unsourced(text) == []
    bare = "\n".join(line.split("#")[0] for line in text.splitlines())
    assert len(unsourced(bare)) > 35  # the function finds the values


@pytest.mark.parametrize("name", BOARDS)
def test_every_measured_value_is_that_of_its_record(name: str) -> None:
    text = (profile_dir() / f"{name}.yaml").read_text(encoding="utf-8")
    origins = set(re.findall(r"# measured: (.*)", text))
    path = profile_dir().resolve() / "measured" / f"{name}.json"
    assert not origins or path.exists()
    if path.exists():
        record = read_record(path)
        assert record.profile == name
        assert not record.emulated
        assert record.representative or not origins
    if origins:
        capacity = yaml.safe_load(text)["platform"]["capacity"]
        values = measured_values(record, (capacity["width"], capacity["height"]))
        (origin,) = origins
        assert with_values(text, values, origin) == text


def test_records_of_emulations_are_marked_as_such() -> None:
    records = {path.stem: read_record(path) for path in (profile_dir().resolve() / "measured").glob("*.json")}
    assert records
    for stem, record in records.items():
        assert stem == record.profile + ("-emulated" if record.emulated else "")
        assert not (record.emulated and record.representative), stem


def test_the_json_schema_is_current_and_takes_every_profile() -> None:
    """For readers without our table: editors, and people who plan sites with these files."""
    text = schema_file().read_text(encoding="utf-8")
    assert text == profile_schema_text(), "run: python -m edge_agent.config.json_schema --write"
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    for name in BOARDS:
        board = yaml.safe_load((profile_dir() / f"{name}.yaml").read_text(encoding="utf-8"))
        Draft202012Validator(schema).validate(board)
        for wrong in (
            {**board, "colour": "green"},
            {key: value for key, value in board.items() if key != "thermal"},
            {**board, "thermal": {**board["thermal"], "warn_c": 500}},
            {**board, "detector": {**board["detector"], "threads": None}},
        ):
            with pytest.raises(ValidationError):
                Draft202012Validator(schema).validate(wrong)


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        ({"lower_fps_c: 75": "lower_fps_c: 72"}, "must be at least hysteresis_c above fewer_inferences_c"),
        ({"keyframes_only_c: 80": "keyframes_only_c: 70"}, "must be at least hysteresis_c above lower_fps_c"),
        ({"hysteresis_c: 4": "hysteresis_c: 1"}, "hysteresis_c: must be a number from 2 to 20"),
        ({"inference_share: 0.5": "inference_share: 0"}, "inference_share: must be a number from 0.05 to 1"),
        ({"read_from: raspberry-pi-bootloader": "read_from: uboot"}, "read_from: must be"),
        ({'minimum: "2022-04-26"': "minimum: null"}, "update needs minimum beside it"),
        ({"good: [ssd": "good: [floppy"}, "must be nvme"),
        ({"timeout_s: 15": "timeout_s: 20"}, "must not be more than longest_s"),
        ({"warn_c: 75": "warm_c: 75"}, "did you mean 'warn_c'?"),
    ],
)
def test_a_mistake_in_a_profile_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], reported: str
) -> None:
    text = (profile_dir() / "raspberry-pi-4.yaml").read_text(encoding="utf-8")
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr("edge_agent.config.profiles.profile_dir", lambda: tmp_path)
    reading = ReadContext(ConfigFiles(tmp_path, None), SystemClock())
    assert read("mine", reading) is None
    problems = [str(problem) for problem in reading.problems]
    of_file = [problem for problem in problems if problem.startswith(f"{tmp_path}/mine.yaml:")]
    assert any(reported in problem for problem in of_file), problems


def test_every_profile_is_installed_with_the_package() -> None:
    """setup.cfg's package_data matches each file of firmware_profiles/ through the link in the package."""
    top = Path(__file__).parents[2]
    setup = ConfigParser()
    setup.read(top / "setup.cfg", encoding="utf-8")
    patterns = setup["options.package_data"]["edge_agent"].split()
    package = profile_dir().parent
    packed = {path.resolve() for pattern in patterns for path in package.glob(pattern)}
    assert set((top / "firmware_profiles").glob("*.yaml")) <= packed


ORIN = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"


@pytest.mark.parametrize(
    ("board", "profile"),
    [
        (BoardIdentity("", "x86_64"), "generic-x86_64"),
        (BoardIdentity("", "x86_64", "Dell Inc. OptiPlex 3080"), "generic-x86_64"),
        (BoardIdentity(PI4, "aarch64"), "raspberry-pi-4"),
        (BoardIdentity("Raspberry Pi 400 Rev 1.0", "aarch64"), "raspberry-pi-4"),
        (BoardIdentity("Raspberry Pi 5 Model B Rev 1.0", "aarch64"), "raspberry-pi-5"),
        (BoardIdentity("Raspberry Pi Compute Module 5 Rev 1.0", "aarch64"), "raspberry-pi-5"),
        (BoardIdentity(ORIN, "aarch64"), "jetson-orin-nano"),
        (BoardIdentity("NVIDIA Orin Nano Developer Kit", "aarch64"), "jetson-orin-nano"),  # Jetson Linux 35
        # booted by ACPI instead of a device tree
        (BoardIdentity("", "aarch64", "Unknown NVIDIA Orin Nano Developer Kit"), "jetson-orin-nano"),
        (BoardIdentity("", "aarch64"), "generic-arm64"),
    ],
)
def test_auto_recognises_the_board(tmp_path: Path, board: BoardIdentity, profile: str) -> None:
    settings = load(write(tmp_path, MINIMAL), board=board)
    assert settings.profile.name == profile
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("board", "profile"),
    [
        (BoardIdentity("NVIDIA Jetson AGX Orin Developer Kit", "aarch64"), "generic-arm64"),
        (BoardIdentity("Raspberry Pi 3 Model B Plus Rev 1.3", "aarch64"), "generic-arm64"),
        (BoardIdentity("", "riscv64"), "generic-x86_64"),
    ],
)
def test_an_unknown_board_runs_on_generic_values_and_says_so(
    tmp_path: Path, board: BoardIdentity, profile: str
) -> None:
    path = write(tmp_path, "profile: auto\n" + MINIMAL)
    settings = load(path, board=board)
    assert settings.profile.name == profile
    (warning,) = settings.warnings
    assert warning.startswith(f"{path}:1:10: warning: profile auto does not know the board ")
    assert warning.endswith(f"running with the values of {profile}")


@pytest.mark.parametrize("tree", ["proc/device-tree", "sys/firmware/devicetree/base"])
def test_the_board_is_read_from_the_device_tree(tmp_path: Path, tree: str) -> None:
    (tmp_path / tree).mkdir(parents=True)
    (tmp_path / tree / "model").write_bytes(PI4.encode() + b"\0")
    assert read_board(tmp_path).model == PI4


def test_a_board_without_a_device_tree_is_read_from_dmi(tmp_path: Path) -> None:
    assert read_board(tmp_path).name == "unknown"
    dmi = tmp_path / "sys/class/dmi/id"
    dmi.mkdir(parents=True)
    (dmi / "sys_vendor").write_text("Dell Inc.\n")
    (dmi / "product_name").write_text("OptiPlex 3080\n")
    assert read_board(tmp_path) == BoardIdentity("", platform.machine(), "Dell Inc. OptiPlex 3080")


GATEWAY = "gateway: {id: dt-001, ward: de-tham}\nmqtt: {brokers: ['mqtt://broker']}\ncameras:\n"


def cameras(count: int, analyse: str) -> str:
    row = "  - {{id: cam-{0}, url: 'rtsp://10.0.0.{0}/sub', analyse: {1}}}\n"
    return GATEWAY + "".join(row.format(number, analyse) for number in range(1, count + 1))


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (cameras(4, "{fps: 20}"), None),  # 80 of 80
        (cameras(5, "{fps: 5}"), "5 cameras, and raspberry-pi-4 is made for 4: edge-agent doctor measures"),
        (
            cameras(4, "{fps: 25}"),
            "analyse.fps is 100 pictures a second, all cameras together, and raspberry-pi-4 decodes 80 "
            "of 640x360: lower analyse.fps",
        ),
        (cameras(4, "{fps: 25, gear: idle}"), None),  # only keyframes are decoded
    ],
)  # fmt: skip
def test_more_than_the_board_is_made_for_is_a_warning(tmp_path: Path, text: str, warning: str | None) -> None:
    path = write(tmp_path, text)
    warnings = load(path, board=BoardIdentity(PI4, "aarch64")).warnings
    if warning is None:
        assert warnings == ()
    else:
        (reported,) = warnings
        assert reported.startswith(f"{path}:3:1: warning: {warning}")
