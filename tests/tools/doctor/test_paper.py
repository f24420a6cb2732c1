"""The commissioning report as a biên bản: its form, its data, and that nothing else reaches the page."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from edge_agent.cli.main import main
from edge_agent.config import load
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Lang
from edge_agent.core.problems.problem import encode_json
from edge_agent.tools.doctor.check import CheckResult
from edge_agent.tools.doctor.checks.cameras import CameraMeasurement
from edge_agent.tools.doctor.document import (
    ReportOptions,
    document,
    with_options,
    with_report,
    without_pictures,
)
from edge_agent.tools.doctor.paper import make_follow_up, make_report
from edge_agent.tools.doctor.run import Examination
from edge_agent.tools.doctor.words import WORDS
from edge_agent.tools.doctor.words.paper import PAPER
from edge_agent.wire import Doctor, DoctorCamera, DoctorReport
from tests.testbed.agent import write_config
from tests.tools.doctor.conftest import LY_THUONG_KIET, call, environment_of

NOON = datetime(2026, 2, 5, 5, 4, tzinfo=UTC)  # 12:04 in Vietnam
ACCEPTANCE = {
    "authority": "Công an tỉnh Hưng Yên",
    "organisation": "Phòng Cảnh sát giao thông",
    "symbol": "CSGT",
    "owner": "Phòng Cảnh sát giao thông",
    "contractor": "Công ty Lắp đặt <Sông Hồng>",
    "ward": "UBND phường Đề Thám",
}
COMMAND = re.compile(
    r"\b(sudo|systemctl|journalctl|chronyc|dmesg|lsmod|resolvectl|ssh|rm|cat)\b|[^-]--[a-z]|`"
    r"|edge-agent (check|cameras|doctor|reload|relearn|status|run)\b"
)
"""What a shell would run."""


class Visible(HTMLParser):
    """The text of a page as a person sees it."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = False
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden = tag == "style"

    def handle_data(self, text: str) -> None:
        if not self._hidden:
            self.parts.append(text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.parts).split())


def an_examination(folder: Path, *results: CheckResult, ids: Sequence[str] = ("cam-1",)) -> Examination:
    cameras = [{"id": id_, "url": f"rtsp://10.0.0.{number}/sub"} for number, id_ in enumerate(ids, 11)]
    config = write_config(folder, cameras=cameras, gateway=LY_THUONG_KIET, acceptance=ACCEPTANCE)
    measured = DoctorCamera(
        id="cam-1", codec="h264", width=640, height=360, frame_rate=10.0, manufacturer="Dahua",
        model="IPC-HFW", serial="7K0<1>", firmware="2.8", mac="3c:ef:8c:00:00:01",
    )  # fmt: skip
    grey = np.full((36, 64, 3), 128, np.uint8)
    seen = {id_: CameraMeasurement(msgspec.structs.replace(measured, id=id_), grey) for id_ in ids}
    return Examination(load(config), results, seen, 10.0)


def a_document(
    folder: Path, *results: CheckResult, ids: Sequence[str] = ("cam-1",), **options: object
) -> Doctor:
    found = an_examination(folder, *(results or (CheckResult("outbox", "outbox-empty"),)), ids=ids)
    made = ReportOptions(by="Nguyễn Văn An", **options)  # type: ignore[arg-type]
    return with_report(document(found, "vi", NOON, folder), found, made)


def text_of(made: Doctor, lang: Lang = "vi", also: Lang | None = None) -> str:
    return Visible(make_report(made, lang, also)).text


def test_the_paper_has_the_parts_of_the_form(tmp_path: Path) -> None:
    text = text_of(a_document(tmp_path))
    parts = (
        "CÔNG AN TỈNH HƯNG YÊN", "PHÒNG CẢNH SÁT GIAO THÔNG", "Số : dt-001.05022026/BB-CSGT",
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc",
        "Đề Thám, ngày 05 tháng 02 năm 2026",
        "BIÊN BẢN", "Nghiệm thu điểm camera Lý Thường Kiệt – Lê Quý Đôn",
        "Hôm nay, hồi 12 giờ 04 phút, ngày 05/02/2026", "phường Đề Thám",
        "Bên A", "Bên B", "Công ty Lắp đặt <Sông Hồng>", "UBND phường Đề Thám", "Ông/bà : Nguyễn Văn An",
        "II. THIẾT BỊ", "Camera cam-1 Dahua IPC-HFW 7K0<1>", "địa chỉ 10.0.0.11", "MAC 3c:ef:8c:00:00:01",
        "firmware 2.8", "20.446300, 106.336600",
        "III. KẾT QUẢ KIỂM TRA TỪNG HẠNG MỤC", "1 Hàng chờ gửi Đạt không có sự kiện nào chờ gửi",
        "V. KẾT LUẬN", "Điểm dt-001 (Lý Thường Kiệt – Lê Quý Đôn): ĐẠT, không có lỗi.",
        "ĐẠI DIỆN BÊN A", "ĐẠI DIỆN BÊN B", "ĐẠI DIỆN UBND", "(Ký, ghi rõ họ tên)", "Nơi nhận:",
    )  # fmt: skip
    squeezed = text.replace(" :", ":")
    assert [part for part in parts if part.replace(" :", ":") not in squeezed] == []
    order = [squeezed.index(part.replace(" :", ":")) for part in parts if part in ("BIÊN BẢN", "Nơi nhận:")]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("name", "vietnamese", "english"),
    [
        ("Đề Thám", "(mã điểm dt-001), phường Đề Thám, chúng tôi", "(site id dt-001), ward Đề Thám, are"),
        ("Phường 1", "(mã điểm dt-001), phường 1, chúng tôi", "(site id dt-001), Phường 1, are"),
        ("Xã Vũ Phúc", "(mã điểm dt-001), xã Vũ Phúc, chúng tôi", "(site id dt-001), Xã Vũ Phúc, are"),
        ("de-tham", "(mã điểm dt-001), phường ....", "(site id dt-001), ward ...."),
    ],
)
def test_the_ward_is_named_once_and_never_by_its_id(
    tmp_path: Path, name: str, vietnamese: str, english: str
) -> None:
    made = msgspec.structs.replace(a_document(tmp_path), ward_name=name)
    paper = text_of(made, "vi")
    assert vietnamese in paper
    assert "DIỆN PHƯỜNG" not in paper.upper(), "the authority may be that of a commune"
    assert english in text_of(made, "en")


def test_a_place_without_a_name_is_written_by_hand(tmp_path: Path) -> None:
    config = write_config(tmp_path, gateway={"id": "dt-001", "ward": "de-tham"})
    found = Examination(load(config), (), {}, 1.0)
    text = text_of(with_report(document(found, "vi", NOON, tmp_path), found, ReportOptions()))
    assert ".... , ngày 05 tháng 02 năm 2026".replace(" ,", ",") in text
    assert "de-tham" not in text


@pytest.mark.parametrize(
    "wrong",
    [{"timezone": "../../etc/passwd"}, {"timezone": "No/Where"}, {"timezone": "a\0"},
     {"time": "2026-13-45T00:00:00.000Z"}, {"time": "9999-12-31T23:59:59.000Z"}],
)  # fmt: skip
def test_a_time_that_does_not_exist_is_said_so(tmp_path: Path, wrong: dict[str, str]) -> None:
    made = msgspec.structs.replace(a_document(tmp_path), **wrong)
    with pytest.raises(EdgeAgentError, match="a time or a time zone that does not exist"):
        make_report(made, "vi")


def test_months_from_march_on_have_no_zero(tmp_path: Path) -> None:
    made = msgspec.structs.replace(a_document(tmp_path), time="2026-03-31T17:30:00.000Z")
    assert "ngày 01 tháng 4 năm 2026" in text_of(made), "it is April in Vietnam already"


def test_stored_findings_give_the_same_bytes(tmp_path: Path) -> None:
    photo = cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()
    made = a_document(tmp_path, photo=photo, signatures={"owner": b"\x89PNG of a test"})
    stored = msgspec.json.decode(encode_json(made), type=Doctor)
    for lang, also in (("vi", None), ("en", None), ("vi", "en")):
        assert make_report(stored, lang, also) == make_report(made, lang, also)  # type: ignore[arg-type]
    assert make_report(made, "vi").count(b"<img ") == 3


def test_options_replace_what_is_stored_and_a_renamed_party_has_not_signed(tmp_path: Path) -> None:
    made = a_document(tmp_path, signatures={"owner": b"of the owner", "contractor": b"of An"})
    again = with_options(made, ReportOptions(number="12", by="Bình", owner="Công an", photo=b"sign")).report
    assert again is not None
    assert again.photo is not None
    assert (again.number, again.by) == ("12", "Bình")
    assert [(each.organisation, each.name, each.signature) for each in again.parties][:2] == [
        ("Công an", "", None),
        (again.parties[1].organisation, "Bình", None),
    ]
    assert with_options(made, ReportOptions()) == made


def test_stored_findings_are_not_examined_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "findings.json"
    path.write_bytes(encode_json(a_document(tmp_path)))
    words = ["doctor", "--findings", str(path), "--report", str(tmp_path / "page.html")]
    assert main([*words, "--accept", "cam-1=late", "--json"]) == 2
    assert "leave out --accept, --json" in capsys.readouterr().err
    assert main([*words, "--number", "12"]) == 0
    assert "12/BB" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_no_command_is_on_a_page_that_people_sign(tmp_path: Path) -> None:
    for finding, words in WORDS.items():
        assert not COMMAND.search(f"{words.en} {words.vi}"), finding
    red = CheckResult("disk", "disk-no-room", {"folder": "/var/lib/edge-agent"})
    text = text_of(a_document(tmp_path, red), "vi", "en")
    assert "Không đạt (failed) /var/lib/edge-agent đã hết chỗ trống" in text
    assert not COMMAND.search(text)
    assert "(--" not in text


def test_the_second_language_stands_beside_the_first(tmp_path: Path) -> None:
    made = a_document(tmp_path)
    both = text_of(made, "vi", "en")
    assert "BIÊN BẢN (MINUTES)" in both
    assert "không có sự kiện nào chờ gửi (no events are waiting)" in both
    assert "MINUTES" not in text_of(made)
    assert "BIÊN BẢN" not in text_of(made, "en")
    assert "Camera cam-1 (" not in both, "what is equal in both languages is written once"


def test_an_accepted_defect_has_its_reason_and_its_conclusion(tmp_path: Path) -> None:
    defect = CheckResult("cam-1", "camera-no_video", {"detail": "-"}, accepted="chưa giao <camera>")
    text = text_of(a_document(tmp_path, defect))
    assert "Chấp nhận" in text
    assert "chưa giao <camera>" in text
    assert PAPER["vi"]["accepted_end"] in text


def test_a_clock_that_was_wrong_is_beside_the_time(tmp_path: Path) -> None:
    off = CheckResult("clock", "clock-off", {"time": NOON, "off_s": 9.0})
    assert PAPER["vi"]["clock"] in text_of(a_document(tmp_path, off))


@pytest.mark.parametrize("finding", ["clock-not-set", "clock-not-set-offline"])
def test_a_clock_that_is_not_set_leaves_number_and_date_open(tmp_path: Path, finding: str) -> None:
    unset = a_document(tmp_path, CheckResult("clock", finding, {"time": datetime(2021, 3, 1, tzinfo=UTC)}))
    text = text_of(unset, "vi", "en")
    heads, _, _ = text.partition("I. THÀNH PHẦN")
    assert "Số (No.) : dt-001/BB-CSGT" in heads
    assert "ngày .......... tháng .......... năm .........." in heads
    assert PAPER["vi"]["no_clock"] in heads
    assert re.search(r"\b20[0-9]{2}\b|2026", heads) is None
    assert text_of(unset).count("dt-001.05022026") == 0


@pytest.mark.parametrize(
    ("finding", "remark"), [("clock-offline", "clock"), ("clock-not-set-offline", "no_clock")]
)
def test_a_later_document_says_so_of_the_first_ones_time(tmp_path: Path, finding: str, remark: str) -> None:
    now, earlier = a_document(tmp_path), a_document(tmp_path, CheckResult("clock", finding, {"time": NOON}))
    text = Visible(make_follow_up(now, earlier)).text
    before, said, _ = text.partition(f"({PAPER['vi'][remark]})")
    assert said
    assert before.rstrip().endswith("Biên bản được giữ nguyên.")
    assert PAPER["vi"][remark] not in Visible(make_follow_up(now, now)).text


def test_findings_from_outside_bring_no_markup(tmp_path: Path) -> None:
    script = '"><script>alert(1)</script>'
    made = json.loads(encode_json(a_document(tmp_path)))
    made["cameras"][0] |= {"id": "cam-1", "model": script, "address": script}
    made["report"] |= {"number": script, "symbol": script, "place": script, "organisation": script}
    made["lines"][0] |= {"said": script, "words": {"en": script, "vi": script}, "accepted": script}
    page = make_report(msgspec.convert(made, Doctor), "vi", "en")
    assert b"<script" not in page
    made["cameras"][0]["picture"] = 'x"><img src="https://example.org/'
    with pytest.raises(EdgeAgentError, match="not base64"):
        make_report(msgspec.convert(made, Doctor), "vi")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        (b"{", "has no findings"),
        (b'{"schema": "doctor/2"}', "has no findings"),
        ("without a report", "were made without --report"),
    ],
    ids=["missing", "no JSON", "another schema", "without a report"],
)
def test_findings_that_are_none_are_said_so(
    tmp_path: Path, content: bytes | str | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, page = tmp_path / "findings.json", tmp_path / "page.html"
    if isinstance(content, str):
        content = encode_json(msgspec.structs.replace(a_document(tmp_path), report=None))
    if content is not None:
        path.write_bytes(content)
    assert main(["doctor", "--findings", str(path), "--report", str(page)]) == 1
    assert told in capsys.readouterr().err
    assert not page.exists()


def test_a_later_examination_names_what_has_changed(tmp_path: Path) -> None:
    good = CheckResult("outbox", "outbox-empty")
    waits = CheckResult("broker", "broker-offline", {"host": "mq.example"})
    earlier = a_document(tmp_path, good, waits)
    now = a_document(tmp_path, good, CheckResult("broker", "broker-good", {"address": "mq.example"}))
    text = Visible(make_follow_up(now, earlier)).text
    _, _, changes = text.partition("Các hạng mục có kết quả thay đổi")
    changes, _, results = changes.partition("Kết quả kiểm tra từng hạng mục")
    assert "biên bản số dt-001.05022026/BB-CSGT (ghi kết quả" in text
    unnumbered = msgspec.structs.replace(earlier, report=DoctorReport(number="", place="", parties=[]))
    assert "biên bản số ....." in Visible(make_follow_up(now, unnumbered)).text
    assert ("máy chủ nhận tin" in changes.lower(), "hàng chờ gửi" in changes.lower()) == (True, False)
    assert "Hàng chờ gửi Đạt" in results
    assert "Ký, ghi rõ họ tên" not in text
    assert "Không có." in Visible(make_follow_up(earlier, earlier)).text
    assert "thay đổi" not in Visible(make_follow_up(now, None)).text


@pytest.mark.parametrize(("gateway", "warns"), [("dt-001", False), ("dt-002", True)])
def test_findings_of_another_gateway_give_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], gateway: str, warns: bool
) -> None:
    path, page = tmp_path / "findings.json", tmp_path / "page.html"
    path.write_bytes(encode_json(a_document(tmp_path)))
    site = {"id": gateway, "ward": "de-tham"}
    config = write_config(tmp_path, gateway=site)
    assert main(["doctor", str(config), "--findings", str(path), "--report", str(page)]) == 0
    warning = f"the findings are of dt-001, but {config} is of dt-002"
    assert (warning in capsys.readouterr().err) is warns
    assert page.exists()


def test_the_printed_document_has_no_pictures_and_the_stored_one_has(tmp_path: Path) -> None:
    made = a_document(tmp_path, photo=b"jpeg", signatures={"ward": b"png"})
    printed = without_pictures(made)
    assert printed.report is not None
    assert (printed.cameras[0].picture, printed.report.photo) == (None, None)
    assert [party.signature for party in printed.report.parties] == [None, None, None]
    assert len(encode_json(printed)) < len(encode_json(made))


@pytest.mark.parametrize("label", ["", "box-10000000abcdef01"])
def test_the_serial_number_of_the_box_is_on_the_paper(tmp_path: Path, label: str) -> None:
    root, page = tmp_path / "sysroot", tmp_path / "page.html"
    tree, labelled = root / "sys/firmware/devicetree/base", root / "etc/edge-agent/serial"
    tree.mkdir(parents=True)
    labelled.parent.mkdir(parents=True)
    (tree / "model").write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    (tree / "serial-number").write_bytes(b"10000000abcdef01\0")
    labelled.write_text(f"{label}\n")
    config = write_config(tmp_path, detector="none", profile="raspberry-pi-4")
    call(config, "--report", str(page), "--lang", "vi", environment=environment_of(sysroot=root))
    device = f"1 Thiết bị dt-001 Raspberry Pi 4 Model B Rev 1.4 {label or '10000000abcdef01'} "
    assert device in Visible(page.read_bytes()).text


def test_a_drawn_signature_is_on_the_paper(tmp_path: Path) -> None:
    drawn, page = tmp_path / "drawn.png", tmp_path / "page.html"
    cv2.imwrite(str(drawn), np.zeros((300, 1600, 4), np.uint8))
    config = write_config(tmp_path, detector="none")
    call(config, "--report", str(page), "--signature", f"contractor={drawn}", "--lang", "vi")
    (found,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page.read_text())
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(found), np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (150, 800, 4), "small, and transparent where nothing is drawn"
