"""Messages about cameras, for search and setup: English, Vietnamese. Errors that end a command are
in English only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from edge_agent.core.languages import UNITS, Lang, Sentences, say
from edge_agent.core.problems import CATALOGUE, problem_of

CAMERAS: Sentences = {
    # --- state of a camera, and what it is ---
    "state-ready": ("ready", "sẵn sàng"),
    "state-login refused": ("login refused", "từ chối đăng nhập"),
    "state-not activated": ("not activated", "chưa kích hoạt"),
    "state-ONVIF off": ("ONVIF off", "ONVIF đang tắt"),
    "state-perhaps a camera": ("perhaps a camera", "có thể là camera"),
    "vendor-unknown vendor": ("unknown vendor", "chưa rõ hãng"),
    "stream-main": ("main", "chính"),
    "stream-sub": ("sub", "phụ"),
    "line-identity": (
        "serial number {serial}, firmware {firmware}, MAC {mac}",
        "số sê-ri {serial}, firmware {firmware}, MAC {mac}",
    ),
    "line-known": ("known: {fact}", "biết chắc: {fact}"),
    "line-guessed": ("guessed: {fact}", "phỏng đoán: {fact}"),
    # --- known ---
    "announces": ("announces itself by WS-Discovery", "tự thông báo bằng WS-Discovery"),
    "answers-sadp": ("answers Hikvision's search (SADP)", "trả lời lệnh tìm của Hikvision (SADP)"),
    "answers-isapi": ("answers as Hikvision (ISAPI)", "trả lời như camera Hikvision (ISAPI)"),
    "answers-onvif": ("answers ONVIF", "trả lời ONVIF"),
    "not-activated": ("says that it is not activated", "camera báo chưa kích hoạt"),
    "reported-by": ("model and streams by {name}", "kiểu máy và luồng đọc qua {name}"),
    # --- guessed ---
    "vendor-by-rtsp": ("vendor by its RTSP answer", "đoán hãng theo trả lời RTSP"),
    "vendor-by-login": ("vendor by how it asks for a login", "đoán hãng theo cách camera yêu cầu đăng nhập"),
    "onvif-off": ("ONVIF is off, or on another port", "ONVIF đang tắt, hoặc ở cổng khác"),
    "or-not-initialised": (
        "or not initialised: Dahua does not tell that without a login",
        "hoặc chưa khởi tạo: camera Dahua không cho biết nếu chưa đăng nhập",
    ),
    "rtsp-answers": (
        "a camera or recorder, because RTSP answers",
        "là camera hoặc đầu ghi hình, vì có trả lời RTSP",
    ),
    # --- what is wrong, and advice ---
    "error": ("{error}", "{error}"),
    "template-streams": (
        "{error}; the streams are those of the template",
        "{error}; địa chỉ luồng lấy theo mẫu của hãng",
    ),
    "error-main": ("its main stream: {error}", "luồng chính: {error}"),
    "error-sub": ("its sub stream: {error}", "luồng phụ: {error}"),
    "no-sub-stream": (
        "it has no sub-stream: switch it on in the camera, the main stream costs much CPU",
        "không có luồng phụ: bật luồng phụ trên camera, luồng chính làm bộ xử lý quá tải",
    ),
    "set-password": (
        "it has no password yet: give it one on its web page or with the vendor's tool, then search again",
        "camera chưa có mật khẩu: đặt mật khẩu trên trang web của camera hoặc bằng công cụ của hãng, "
        "rồi tìm lại",
    ),
    "switch-onvif-on": (
        "ONVIF does not answer: switch it on in the camera's network settings, or use the template's URLs",
        "ONVIF không trả lời: bật ONVIF trong phần mạng của camera, hoặc dùng địa chỉ luồng theo mẫu",
    ),
    "clock-ahead": ("its clock is {span} ahead", "đồng hồ camera chạy nhanh {span}"),
    "clock-behind": ("its clock is {span} behind", "đồng hồ camera chạy chậm {span}"),
    # --- a stream ---
    "not-asked": (
        "(the vendor's usual address, not asked)",
        "(địa chỉ theo mẫu của hãng, chưa hỏi camera)",
    ),
    "fps": ("{fps:g} fps", "{fps:g} khung hình/giây"),
    "keyframe": ("keyframe every {seconds:g} s", "{seconds:g} giây một khung I"),
    "keyframe-rare": ("keyframe every {seconds:g} s, too rare", "{seconds:g} giây một khung I, quá thưa"),
    "smart-on": ("smart codec on", "đang bật Smart Codec"),
    # --- what is set, and to what ---
    "what-codec": ("codec", "kiểu nén"),
    "what-keyframe interval": ("keyframe interval", "khoảng cách khung I"),
    "what-smart codec": ("smart codec", "Smart Codec"),
    "what-NTP server": ("NTP server", "máy chủ giờ"),
    "what-clock": ("clock", "đồng hồ"),
    "value": ("{value}", "{value}"),
    "unknown": ("unknown", "không rõ"),
    "on": ("on", "bật"),
    "off": ("off", "tắt"),
    "pictures": ("{count} pictures", "{count} khung hình"),
    "pictures-s": ("{count} pictures ({seconds:g} s)", "{count} khung hình ({seconds:g} giây)"),
    "ntp-unused": ("not used ({server})", "không dùng ({server})"),
    "ntp-none": ("not used (none)", "không dùng (không có)"),
    "ahead": ("{span} ahead", "nhanh {span}"),
    "behind": ("{span} behind", "chậm {span}"),
    "zone": ("wrong time zone", "sai múi giờ"),
    "right": ("right", "đúng giờ"),
    "outcome-done": ("done", "đã xong"),
    "outcome-NOT TAKEN by the camera": ("NOT TAKEN by the camera", "camera KHÔNG NHẬN"),
    "outcome-NOT DONE": ("NOT DONE", "KHÔNG LÀM ĐƯỢC"),
    "outcome-NOT YET: NTP needs a minute, look again": (
        "NOT YET: NTP needs a minute, look again",
        "CHƯA XONG: NTP cần một phút, hãy xem lại",
    ),
    # --- what a person must do by hand ---
    "line-by-hand": ("by hand: {fact}", "phải làm bằng tay: {fact}"),
    "smart-hikvision": (
        "smart codec is not in {name}: look at Configuration > Video/Audio > Video: H.264+ / H.265+ "
        "(Smart Codec) off",
        "không chỉnh được Smart Codec qua {name}: vào Configuration > Video/Audio > Video, tắt "
        "H.264+ / H.265+ (Smart Codec)",
    ),
    "smart-dahua": (
        "smart codec is not in {name}: look at Setting > Camera > Video: Smart Codec off",
        "không chỉnh được Smart Codec qua {name}: vào Setting > Camera > Video, tắt Smart Codec",
    ),
    "smart-other": (
        "smart codec is not in {name}: look at its video settings: smart codec, H.264+, H.265+, Zipstream or "
        "the like off",
        "không chỉnh được Smart Codec qua {name}: vào phần cấu hình video của camera, tắt Smart Codec, "
        "H.264+, "
        "H.265+, Zipstream hoặc tính năng tương tự",
    ),
    "ntp-not-reached": (
        "its clock is wrong although it follows NTP ({server}): is that reachable?",
        "đồng hồ camera sai giờ dù đang lấy giờ qua NTP ({server}): kiểm tra camera có kết nối được máy "
        "chủ đó không",
    ),
    "own-clock": (
        "its clock is wrong, but this gateway's own is not synchronised yet: try again later",
        "đồng hồ camera sai giờ, nhưng đồng hồ của thiết bị này cũng chưa đồng bộ: hãy thử lại sau",
    ),
    "will-drift": (
        "without --ntp SERVER its clock will drift away again",
        "nếu không dùng --ntp MÁY-CHỦ, đồng hồ camera sẽ lại sai giờ",
    ),
    # --- the commands ---
    "none-found": (
        "no camera found: is this gateway on the cameras' network, and are they powered?",
        "không tìm thấy camera: thiết bị này có ở trong mạng của camera không, camera có điện không?",
    ),
    "none-by-multicast": (
        "no camera found by multicast: a firewall on this gateway drops the answers to it, and a camera "
        "whose ONVIF is off does not answer; --subnet 10.0.0.0/24 asks each address",
        "không tìm thấy camera bằng multicast: tường lửa của thiết bị này chặn trả lời, và camera tắt ONVIF "
        "thì không trả lời; --subnet 10.0.0.0/24 để hỏi từng địa chỉ",
    ),
    "which": (
        "Which ones are written (1,2 or all)? ",
        "Ghi những camera nào vào tệp cấu hình (1,2 hoặc all)? ",
    ),
    "configured-already": (
        "{host}: configured already as {id}; left as it is",
        "{host}: đã có trong cấu hình với mã {id}; giữ nguyên",
    ),
    "refuses-login": (
        "{host}: not written, because it refuses this login",
        "{host}: không ghi, vì camera từ chối tài khoản này",
    ),
    "no-stream": (
        "{host}: not written, because no stream of it is known ({state})",
        "{host}: không ghi, vì chưa biết luồng nào của camera ({state})",
    ),
    "written": ("written: {path}", "đã ghi: {path}"),
    "no-login": (
        "no login is in it: without --camera-username the cameras must let everybody watch",
        "tệp không có tài khoản: nếu không dùng --camera-username thì camera phải cho xem không cần "
        "đăng nhập",
    ),
    "reload": (
        "edge-agent reload applies it; a service needs a restart to read new passwords",
        "chạy edge-agent reload để áp dụng; nếu có mật khẩu mới thì phải khởi động lại dịch vụ",
    ),
    "by-panel": ("{id}  {host}  {vendor}, by {name}", "{id}  {host}  {vendor}, qua {name}"),
    "nothing-to-change": ("nothing to change", "không có gì phải thay đổi"),
    "read-back": ("read back from the camera:", "đọc lại từ camera:"),
    "ntp-silent": (
        "note: no NTP server answers this gateway at {server}",
        "lưu ý: không có máy chủ giờ nào trả lời thiết bị này ở {server}",
    ),
    "ntp-here": (
        "note: this gateway serves the time at {address}: with --ntp the camera uses it",
        "lưu ý: thiết bị này là máy chủ giờ ở {address}: dùng --ntp để camera lấy giờ từ đây",
    ),
    "nothing-without-yes": (
        "nothing was changed: --yes does it",
        "chưa thay đổi gì: thêm --yes để thực hiện",
    ),
    "agree": (
        "Change these on {camera}? Its pictures break off for some seconds. [y/N] ",
        "Thay đổi như trên cho {camera}? Hình sẽ mất vài giây. Nhập y để đồng ý: ",
    ),
    "nothing-changed": ("nothing was changed", "chưa thay đổi gì"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence of ``CAMERAS`` with its values; a duration is written in the chosen language."""

    key: str
    figures: tuple[tuple[str, str | float | timedelta], ...] = ()

    def text(self, lang: Lang = "en") -> str:
        return say(CAMERAS, self.key, lang, **{name: _written(each, lang) for name, each in self.figures})


def fact(key: str, **figures: str | float | timedelta) -> Fact:
    return Fact(key, tuple(figures.items()))


def _written(figure: str | float | timedelta, lang: Lang) -> str | float:
    if isinstance(figure, timedelta):
        return duration(figure.total_seconds(), lang)
    problem = problem_of(figure) if isinstance(figure, str) else None
    said = None if problem is None or lang == "en" else CATALOGUE.say(problem, lang)
    return said or figure


def duration(seconds: float, lang: Lang) -> str:
    """Write a duration in its two largest units: ``3 d 4 h``, ``7 min 0 s``."""
    second, minute, hour, day = UNITS[lang]
    whole = round(seconds)
    for name, size, below, below_size in (
        (day, 86400, hour, 3600),
        (hour, 3600, minute, 60),
        (minute, 60, second, 1),
    ):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // below_size} {below}"
    return f"{seconds:.0f} {second}"
