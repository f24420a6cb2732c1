"""Firmware that is older than the list asks for, whatever form the vendor gives its versions."""

from __future__ import annotations

from datetime import date

import pytest

from edge_agent.config.model.camera_parts import CameraFirmware
from edge_agent.host.health.camera_firmware import (
    build_of,
    firmware_lines,
    old_firmware,
    shipped_list,
    version_of,
)
from edge_agent.wire import CameraIdentity


def camera(firmware: str | None, maker: str = "HIKVISION", model: str = "DS-2CD2143G2-I") -> CameraIdentity:
    return CameraIdentity(manufacturer=maker, model=model, firmware=firmware)


def wanted(minimum: str | None = None, build: str | None = None, models: str = "DS-2CD2*") -> CameraFirmware:
    return CameraFirmware(
        vendor="Hikvision", models=models, minimum=minimum, minimum_build=build, why="a hole", source="a page"
    )


def is_old(firmware: str | None, entry: CameraFirmware) -> bool:
    return [each.wanted for each in old_firmware({"gate": camera(firmware)}, [entry])] == [entry]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("V5.7.3 build 220112", "V5.7.10 build 210101"),
        ("V5.5.800 build 210628", "V5.7.3"),
        ("V5.7", "V5.7.1"),
        ("V5.7.3 build 220112", "V5.7.3 build 230101"),
        ("2.800.0000000.16.R", "2.800.0000000.17.R"),
        ("2.622.0000000.1.R build 2021-05-12", "2.800.0000000.16.R"),
        ("2.800.0000000.16.R build 2021-05-12", "2.800.0000000.16.R build 2021-06-01"),
    ],
)
def test_versions_are_compared_by_their_numbers_and_then_by_their_build(older: str, newer: str) -> None:
    assert is_old(older, wanted(newer))
    assert not is_old(newer, wanted(older))
    assert not is_old(older, wanted(older))


@pytest.mark.parametrize(
    ("firmware", "version", "build"),
    [
        ("V5.7.3 build 220112", (5, 7, 3), date(2022, 1, 12)),
        ("2.800.0000000.16.R build 2021-05-12", (2, 800, 0, 16), date(2021, 5, 12)),
        ("V5.4.0 Build:20160530", (5, 4), date(2016, 5, 30)),
        ("build 221399", (), None),
        ("unknown", (), None),
        ("", (), None),
    ],
)
def test_versions_and_builds_are_read(firmware: str, version: tuple[int, ...], build: date | None) -> None:
    assert version_of(firmware) == version
    assert build_of(firmware) == build


def test_builds_are_compared_by_date_and_what_cannot_be_read_is_not_judged() -> None:
    entry = wanted(build="2021-06-23")
    assert is_old("V5.7.3 build 210622", entry)
    assert not is_old("V5.4.0 build 210623", entry)
    assert not any(is_old(each, entry) for each in ("V5.7.3", "new", None))


def test_an_entry_concerns_one_vendor_and_the_models_of_its_pattern() -> None:
    entry = wanted("V9")
    others = {
        "a": camera("V5.0.0", model="DS-7608NI"),
        "b": camera("V5.0.0", maker="Acme"),
        "c": CameraIdentity(firmware="V5.0.0"),
        "d": camera("V5.0.0", model="ds-2cd2043"),
    }
    assert [each.camera for each in old_firmware(others, [entry])] == ["d"]


def test_the_list_of_the_package_is_used_and_an_entry_of_the_configuration_replaces_one() -> None:
    gate = {"gate": camera("V5.5.0 build 190305")}
    (line,) = firmware_lines(gate, [])
    assert "firmware V5.5.0 build 190305 of DS-2CD2143G2-I is older than build 2021-06-23" in line
    assert list(old_firmware(gate, [wanted(build="2019-01-01", models="DS-2*")])) == []


def test_each_entry_of_the_package_has_a_source_and_the_vendors_page() -> None:
    assert shipped_list()
    for entry in shipped_list():
        assert entry.source.startswith("https://")
        assert entry.why_vi
