"""Names from the fleet sheet, and comparison without diacritics."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_central.console.site_names import CameraNames, Names, fold_text, read_names

HEAD = "site;ward;name;latitude;longitude;board;camera;camera_name;recorder_channel;camera_url;note"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Đề Thám", "de tham"),
        ("ĐỀ THÁM", "de tham"),
        ("De\u0302\u0300 Tha\u0301m", "de tham"),  # as a Mac writes it
        ("Bồ Xuyên", "bo xuyen"),
        ("Lý Bôn – Lê Quý Đôn", "ly bon le quy don"),
        ("dt-001", "dt 001"),
        ("  ", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold_text(text) == folded


def sheet(folder: Path, *rows: str, encoding: str = "utf-8") -> Names:
    sites, wards = folder / "sites.csv", folder / "wards.csv"
    sites.write_text("\n".join([HEAD, *rows, ""]), encoding=encoding)
    wards.write_text("ward;name\nde-tham;Đề Thám\n", encoding="utf-8")
    return read_names(sites, wards)


def test_a_site_has_its_own_columns_on_any_of_its_rows(tmp_path: Path) -> None:
    own = "dt-001;Đề Thám;Lý Bôn;20,4463;106,3366;auto;cam-1;Cổng;1-01;;"
    names = sheet(tmp_path, "dt-001;;;;;;cam-2;Làn vào;1-02;;", own)
    site = names.site("dt-001")
    assert (site.ward, site.name, site.latitude, site.longitude) == ("de-tham", "Lý Bôn", 20.4463, 106.3366)
    assert site.cameras["cam-2"] == CameraNames("Làn vào", "1-02")
    assert names.ward("de-tham") == "Đề Thám"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_sheet_is_read_as_spreadsheets_save_it(tmp_path: Path, encoding: str) -> None:
    names = sheet(tmp_path, "dt-001;de-tham;Lý Bôn;;;auto;cam-1;;;;", encoding=encoding)
    assert names.site("dt-001").ward == "de-tham"
    assert names.camera("dt-001", "cam-1") == CameraNames("cam-1")


def test_only_an_unusable_cell_is_left_out(tmp_path: Path) -> None:
    names = sheet(tmp_path, "dt-001;de-tham;Lý Bôn;north;106.3;auto;cam-1;Cổng;1;;")
    assert (names.site("dt-001").latitude, names.site("dt-001").longitude) == (None, 106.3)


def test_a_site_without_a_name_is_called_by_its_id() -> None:
    names = read_names(None, None)
    assert names.ward("de-tham") == "de-tham"
    assert names.site_name("dt-001") == "dt-001"
    assert names.site_name("dt-001", "Lý Bôn") == "Lý Bôn"
    assert names.camera("dt-001", "cam-9") == CameraNames("cam-9")
