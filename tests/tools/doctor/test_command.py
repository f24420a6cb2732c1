"""The command: exit codes, languages, acceptance, reports, and privileges."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.cli.main import main
from edge_agent.config import load
from edge_agent.tools.doctor.command import has_colours, lines
from edge_agent.tools.doctor.report import KEPT
from edge_agent.tools.doctor.run import DoctorEnvironment, examine
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.rtsp import RtspServer
from tests.tools.doctor.conftest import LY_THUONG_KIET, PASSWORD, call, camera, examined

DEAD = "rtsp://127.0.0.1:1/stream"


@pytest.fixture
def ready(tmp_path: Path, cameras: RtspServer, password: str) -> Path:
    """A site with one good camera and one that was not delivered; tests accept the finding on its broker."""
    private = {"privacy_masks": [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]}
    good, dead = camera("cam-1", cameras.url("/good"), password), {"id": "cam-2", "url": DEAD}
    both = (good | private, dead)
    return write_config(tmp_path, cameras=both, detector="none", gateway=LY_THUONG_KIET)


DEFECTS = {"cam-2": "chưa giao camera", "broker": "SIM chưa kích hoạt", "agent": "chưa khởi động"}
ACCEPTED = tuple(f"--accept={check}={reason}" for check, reason in DEFECTS.items())


class Images(HTMLParser):
    """Collects the addresses in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]

    @property
    def pictures(self) -> list[NDArray[np.uint8]]:
        found = []
        for source in self.sources:
            content = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"), validate=True)
            picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            found.append(np.asarray(picture, np.uint8))
        return found


def test_a_site_is_accepted_with_its_defects_and_the_report_says_so(ready: Path, tmp_path: Path) -> None:
    sign, page_path, sheet_path = tmp_path / "sign.png", tmp_path / "out.html", tmp_path / "sheet.jpg"
    (tmp_path / "state").mkdir()
    cv2.imwrite(str(sign), np.full((3000, 4000, 3), (20, 180, 20), np.uint8))
    code, text = call(
        ready, *ACCEPTED, "--lang", "vi", "--report", str(page_path), "--photo", str(sign),
        "--by", "Nguyễn Văn <An>", "--sheet", str(sheet_path),
    )  # fmt: skip
    assert code == 0
    sentence = "ĐẠT, CÒN TỒN TẠI 3 lỗi được chấp nhận: phần mềm; cam-2; máy chủ nhận tin."
    assert sentence in text.splitlines()[-1]
    assert text.startswith("dt-001 (Lý Thường Kiệt – Lê Quý Đôn), phường Đề Thám\n")
    page = page_path.read_text(encoding="utf-8")
    for reported in (
        sentence, "Nghiệm thu điểm camera Lý Thường Kiệt – Lê Quý Đôn", "20.446300, 106.336600",
        "Nguyễn Văn &lt;An&gt;", "chưa giao camera", "SIM chưa kích hoạt", "phường Đề Thám",
    ):  # fmt: skip
        assert reported in page, reported
    # Data URLs only: no picture and no font comes from elsewhere.
    images = Images(page)
    assert len(images.sources) == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in images.sources)
    assert not re.search(r"url\((?!.?data:)|@import|https?://", page)
    seen, photo = images.pictures
    assert photo.shape == (960, 1280, 3)
    height, width = seen.shape[:2]
    assert (height, width) == (360, 640)
    assert seen[:, : width // 2 - 8].max() < 16, "the privacy mask is black"
    assert seen[:, width // 2 + 8 :].mean() > 40
    sheet = cv2.imread(str(sheet_path))
    assert sheet is not None
    assert sheet.shape[1] == 1280
    kept = sorted((tmp_path / "state" / "reports").iterdir())
    assert [path.suffix for path in kept] == [".html", ".json"]
    assert kept[0].read_bytes() == page_path.read_bytes()
    again = tmp_path / "again.html"
    assert call(ready, "--lang", "vi", "--findings", str(kept[1]), "--report", str(again)) == (0, "")
    assert again.read_bytes() == page_path.read_bytes(), "the page is made from the document alone"
    assert json.loads(kept[1].read_bytes())["verdict"] == "accepted"


def test_without_an_acceptance_the_same_defects_fail(tmp_path: Path) -> None:
    config = write_config(tmp_path, cameras=[{"id": "cam-2", "url": DEAD}], detector="none")
    reported = examined(config)
    assert (reported.code, reported.doctor.verdict) == (1, "failed")
    assert reported.red == ["agent", "cam-2", "broker"]


def test_a_photo_that_is_none_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, detector="none")
    (tmp_path / "sign.heic").write_bytes(b"no picture")
    page = tmp_path / "out.html"
    photo = str(tmp_path / "sign.heic")
    assert main(["doctor", str(config), "--report", str(page), "--photo", photo]) == 1
    assert "sign.heic is not a picture that can be read" in capsys.readouterr().err
    assert not page.exists()


def test_only_the_newest_reports_are_kept(tmp_path: Path) -> None:
    config = write_config(tmp_path, detector="none")
    folder = tmp_path / "state" / "reports"
    folder.mkdir(parents=True)
    for day in range(10, 10 + KEPT):
        page = folder / f"dt-001-202601{day}T000000Z.html"
        page.write_text("old")
        page.with_suffix(".json").write_text("{}")
        os.utime(page, (day, day))
    call(config, "--report", str(tmp_path / "out.html"))
    names = {path.name for path in folder.iterdir()}
    assert len(names) == 2 * KEPT
    assert not {"dt-001-20260110T000000Z.html", "dt-001-20260110T000000Z.json"} & names


def test_a_check_that_there_is_not_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path, cameras=[{"id": "cam-1", "url": DEAD}])
    code, text = call(config, "--accept", "cam-9=away")
    assert (code, text) == (2, "")
    assert "cam-9: no such check; there are config, board," in capsys.readouterr().err


def test_mistakes_of_the_configuration_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "edge-agent.yaml"
    config.write_text("gateway: {id: dt-001}\n")
    assert main(["doctor", str(config)]) == 78
    assert "gateway has no 'ward'" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "environ", "coloured"),
    [(Terminal(), {}, True), (Terminal(), {"NO_COLOR": "1"}, False), (io.StringIO(), {}, False)],
    ids=["terminal", "no wish for colours", "file"],
)
def test_colours_are_for_terminals(
    tmp_path: Path, out: io.StringIO, environ: dict[str, str], coloured: bool
) -> None:
    settings = load(write_config(tmp_path, detector="none"))
    found = examine(settings, None, DoctorEnvironment())
    text = "".join(lines(found, "en", colour=has_colours(out, environ)))
    assert ("\x1b[31mFAULT" in text, "\x1b" in text) == (coloured, coloured)


def test_a_user_who_cannot_read_passwords_hears_what_the_agent_says(
    tmp_path: Path, cameras: RtspServer, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Mosquitto(tmp_path) as broker:
        good = camera("cam-1", cameras.url("/good"), password)
        config = write_config(tmp_path, cameras=[good], broker_port=broker.port, detector="none")
        with AgentProcess(config) as agent:
            agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "a picture")
            # Root can read every file, so root's rights are dropped for the test.
            Path(password).unlink()
            monkeypatch.setattr(os, "geteuid", lambda: os.getuid() or 1000)
            beside = examined(config)
        alone = examined(config)
    assert (alone.finding("config"), alone.finding("cam-1")) == ("secrets-unread", "camera-not-asked")
    assert (beside.finding("agent"), beside.finding("cam-1")) == ("agent-running", "camera-by-agent")
    assert alone.finding("broker/rights") == "rights-open"


def test_a_password_that_root_cannot_read_is_a_mistake_in_the_configuration(
    tmp_path: Path, password: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path, cameras=[camera("cam-1", DEAD, password)])
    Path(password).unlink()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main(["doctor", str(config)]) == 78
    assert "cannot read" in capsys.readouterr().err


def test_the_password_shows_nowhere(
    tmp_path: Path, cameras: RtspServer, password: str, capfd: pytest.CaptureFixture[str]
) -> None:
    url = cameras.url("/gone").replace("rtsp://", f"rtsp://viewer:{PASSWORD}@")
    config = write_config(tmp_path, cameras=[{"id": "cam-1", "url": url}], detector="none")
    page = tmp_path / "out.html"
    _, text = call(config, "--report", str(page))
    _, document = call(config, "--json")
    captured = capfd.readouterr()
    assert PASSWORD not in text + document + page.read_text() + captured.out + captured.err
    assert "cam-1" in text
