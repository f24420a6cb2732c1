"""The texts for people about the ONVIF Export Files of an export, in Vietnamese and English. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.onvif_export.video_track import Omission

if TYPE_CHECKING:
    from edge_central.cases.export_page import PageWording
    from edge_central.cases.onvif_clips import OnvifClip

LANGUAGES = ("vie", "eng")
"""Languages of the notes in a file: codes of ISO 639-2."""
CLOCK_NOTE: Mapping[str, str] = {
    "vie": "Giờ của thiết bị chưa được đồng bộ nên tệp này không ghi giờ bắt đầu. Giờ của thiết bị: {time}.",
    "eng": "The gateway's clock was not synchronised, so this file has no start time. By that clock: {time}.",
}
ALTERED_NOTE: Mapping[str, str] = {
    "vie": "Bản đã che, không phải bản gốc: khuôn mặt và biển số được che.",
    "eng": "Altered copy, not the original: faces and number plates are covered.",
}
REASONS: Mapping[Omission, tuple[str, str]] = {
    Omission.CODEC: (
        "kiểu nén {codec} không phải H.264 hay H.265, và trung tâm không nén lại hình ảnh",
        "it is {codec}, neither H.264 nor H.265, and pictures are not encoded again",
    ),
    Omission.CONTAINER: (
        "không phải tệp MP4 hay QuickTime",
        "it is neither an MP4 nor a QuickTime file",
    ),
    Omission.FRAGMENTS: (
        "tệp MP4 được chia thành nhiều đoạn (fragmented MP4)",
        "it is a fragmented MP4",
    ),
    Omission.SETTINGS: (
        "thông số nén thay đổi giữa chừng",
        "the settings of its codec change within the clip",
    ),
    Omission.NO_VIDEO: ("trong tệp không có hình", "there are no pictures in it"),
    Omission.DAMAGED: (
        "tệp bị hỏng hoặc bị cắt mất một phần",
        "the file is damaged or was cut off",
    ),
    Omission.LIMITS: (
        "có quá nhiều khung hình hoặc quá nhiều luồng nên không chép được",
        "it has too many pictures or tracks to be copied",
    ),
    Omission.SEALED: (
        "tệp được mã hóa, chỉ khóa của trung tâm mở được",
        "it is sealed, and only the centre's key opens it",
    ),
    Omission.MISSING: (
        "không đọc được tệp tại trung tâm này",
        "the file cannot be read at this centre",
    ),
}
ABOUT_VI = """\
TỆP XUẤT CHUẨN ONVIF
Thư mục này có các video của vụ việc dưới dạng tệp xuất chuẩn ONVIF (ONVIF Export File Format, bản 26.06),
dùng cho phần mềm quản lý camera đọc được chuẩn này; phần mềm xem video thông thường cũng mở được. Hình ảnh
được chép nguyên từng byte từ video trong thư mục files, không nén lại. Âm thanh không được chép. Mỗi tệp ghi
tên camera, người xuất, thời điểm xuất và giờ bắt đầu. Tệp không có giờ bắt đầu nếu không biết chắc giờ này,
tức là khi video là tệp từ bên ngoài, được đưa vào vụ việc trước khi trung tâm ghi lại giờ này, hoặc khi giờ
của thiết bị chưa được đồng bộ.
Bên trong tệp không có chữ ký số: chuẩn này cần chứng thư X.509 mà khóa của trung tâm không có.
SHA256SUMS và chữ ký số của bản xuất bảo vệ các tệp này như mọi tệp khác.
"""
ABOUT_EN = """\
ONVIF EXPORT FILES
This folder has the clips of the case as files of the ONVIF Export File Format (release 26.06), for video
management software that reads it; common players open them too. The pictures are copied from the clips in the
folder files, byte for byte, and not encoded again. Sound is left out. Each file says from which camera it is,
who exported it and when, and when it starts. It has no start time where that is not certain: a file from
outside, a clip that was added before the centre recorded this time, or a gateway whose clock was not
synchronised.
The files have no signature inside: the format needs an X.509 certificate, which the centre's key has not.
SHA256SUMS and its signature cover these files as all others of the export.
"""
ABOUT_ALTERED = """
Thư mục onvif có các video đã che dưới dạng tệp xuất chuẩn ONVIF. Tệp không ghi tên camera và người xuất.
The folder onvif has the altered clips as ONVIF Export Files. They name neither camera nor operator.
"""


def readme(clips: Iterable[OnvifClip], wording: PageWording) -> str:
    """Return a text that lists each clip with its ONVIF Export File, or with the reason why there is none."""
    return f"{ABOUT_VI}\n{ABOUT_EN}\n" + "".join(_lines(each, wording) for each in clips)


def _lines(clip: OnvifClip, wording: PageWording) -> str:
    if clip.recipe is None:
        vietnamese, english = reason((clip.why or Omission.MISSING).value, clip.codec)
        return f"{clip.of}\n    không có / none: {vietnamese} / {english}\n"
    if clip.start_ms is None:
        return f"{clip.of}\n    {clip.name}, không rõ giờ bắt đầu / start time not certain\n"
    time = wording.moment(rfc3339_of_ms(clip.start_ms))
    return f"{clip.of}\n    {clip.name}, bắt đầu / starts {time}\n"


def reason(left_out: str, codec: str) -> tuple[str, str]:
    """Return why a clip has no file, in Vietnamese and English. ``codec``: the name in the clip of its codec,
    which may be any text."""
    shown = "".join(letter for letter in codec if letter.isascii() and letter.isalnum()) or "?"
    vietnamese, english = REASONS[Omission(left_out)]
    return vietnamese.format(codec=shown), english.format(codec=shown)
