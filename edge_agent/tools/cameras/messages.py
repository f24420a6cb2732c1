"""Messages about cameras, for search and setup: English, Vietnamese."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from edge_agent.core.errors import CameraSetupError
from edge_agent.core.languages import UNITS, Bilingual, Lang, Sentences, say
from edge_agent.core.problems import text_in

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
    # --- what the camera reported ---
    "announces": ("announces itself by WS-Discovery", "tự thông báo bằng WS-Discovery"),
    "answers-sadp": ("answers Hikvision's search (SADP)", "trả lời lệnh tìm của Hikvision (SADP)"),
    "answers-isapi": ("answers as Hikvision (ISAPI)", "trả lời như camera Hikvision (ISAPI)"),
    "answers-onvif": ("answers ONVIF", "trả lời ONVIF"),
    "not-activated": ("says that it is not activated", "camera báo chưa kích hoạt"),
    "reported-by": ("model and streams by {name}", "mẫu camera và các luồng, đọc được qua {name}"),
    # --- what the search guessed from the answers ---
    "vendor-by-rtsp": ("vendor by its RTSP answer", "hãng của camera, theo trả lời RTSP"),
    "vendor-by-login": (
        "vendor by how it asks for a login",
        "hãng của camera, theo cách camera yêu cầu đăng nhập",
    ),
    "onvif-off": ("ONVIF is off, or on another port", "ONVIF đang tắt, hoặc ở cổng khác"),
    "or-not-initialised": (
        "or not initialised: Dahua does not tell that without a login",
        "hoặc camera chưa khởi tạo (phải đăng nhập thì camera Dahua mới cho biết điều này)",
    ),
    "rtsp-answers": (
        "a camera or recorder, because RTSP answers",
        "là camera hoặc đầu ghi, vì có trả lời RTSP",
    ),
    # --- what is wrong, and advice ---
    "error": ("{error}", "{error}"),
    "template-streams": (
        "{error}; the streams are those of the template",
        "{error}; danh sách luồng lấy theo địa chỉ mặc định của hãng",
    ),
    "error-main": ("its main stream: {error}", "luồng chính: {error}"),
    "error-sub": ("its sub-stream: {error}", "luồng phụ: {error}"),
    "no-sub-stream": (
        "it has no sub-stream: switch it on in the camera, the main stream costs much CPU",
        "không có luồng phụ: hãy bật luồng phụ trên camera, vì luồng chính làm bộ xử lý quá tải",
    ),
    "set-password": (
        "it has no password yet: give it one on its web page or with the vendor's tool, then search again",
        "camera chưa có mật khẩu: đặt mật khẩu trên trang web của camera hoặc bằng công cụ của hãng, "
        "rồi tìm lại",
    ),
    "switch-onvif-on": (
        "ONVIF does not answer: switch it on in the camera's network settings, or use the template's URLs",
        "ONVIF không trả lời: bật ONVIF trong phần mạng của camera, hoặc dùng địa chỉ luồng mặc định "
        "của hãng",
    ),
    "clock-ahead": ("its clock is {span} ahead", "đồng hồ camera chạy nhanh {span}"),
    "clock-behind": ("its clock is {span} behind", "đồng hồ camera chạy chậm {span}"),
    # --- while it searches ---
    "asking-multicast": ("asking by multicast on {addresses}", "đang tìm bằng multicast qua {addresses}"),
    "asking-nowhere": (
        "asking by multicast on no interface",
        "không có giao diện mạng nào để tìm bằng multicast",
    ),
    "asking-subnet": (
        "asking {hosts} addresses of {network}, some {seconds:.0f} s",
        "đang thử {hosts} địa chỉ của mạng {network}, mất khoảng {seconds:.0f} giây",
    ),
    "sadp-left-out": (
        "Hikvision's search is left out: port {port}: {reason}",
        "bỏ qua lệnh tìm của Hikvision (SADP), không dùng được cổng {port}: {reason}",
    ),
    "logins-forgotten": (
        "{folder} cannot be written: failed logins are not remembered for the next run; wait half an hour "
        "after two of them, cameras lock accounts",
        "không ghi được vào {folder} nên lần chạy sau không biết các lần đăng nhập sai trước đó; nếu đã sai "
        "hai lần thì chờ nửa giờ rồi mới thử lại, vì sai nhiều lần thì camera khóa tài khoản",
    ),
    "password-of": ("Password of {user}: ", "Mật khẩu của {user}: "),
    # --- a stream ---
    "not-asked": (
        "(the vendor's usual address, not asked)",
        "(địa chỉ mặc định của hãng, camera chưa xác nhận)",
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
    "ntp-none": ("not used (none)", "không dùng (chưa đặt máy chủ)"),
    "ahead": ("{span} ahead", "nhanh {span}"),
    "behind": ("{span} behind", "chậm {span}"),
    "zone": ("wrong time zone", "sai múi giờ"),
    "right": ("right", "đúng giờ"),
    "outcome-done": ("done", "đã xong"),
    "outcome-NOT TAKEN by the camera": ("NOT TAKEN by the camera", "camera KHÔNG CHẤP NHẬN"),
    "outcome-NOT DONE": ("NOT DONE", "CHƯA LÀM ĐƯỢC"),
    "outcome-NOT YET: NTP needs a minute, look again": (
        "NOT YET: NTP needs a minute, look again",
        "CHƯA XONG: NTP cần khoảng một phút, sau đó hãy xem lại",
    ),
    # --- what a person must do by hand ---
    "line-by-hand": ("by hand: {fact}", "cần xử lý thêm: {fact}"),
    "smart-hikvision": (
        "smart codec cannot be changed through {name}: switch H.264+ / H.265+ (Smart Codec) off at "
        "Configuration > Video/Audio > Video",
        "không chỉnh được Smart Codec qua {name}: vào Configuration > Video/Audio > Video, tắt "
        "H.264+ / H.265+ (Smart Codec)",
    ),
    "smart-dahua": (
        "smart codec cannot be changed through {name}: switch Smart Codec off at Setting > Camera > Video",
        "không chỉnh được Smart Codec qua {name}: vào Setting > Camera > Video, tắt Smart Codec",
    ),
    "smart-other": (
        "smart codec cannot be changed through {name}: in its video settings, switch off smart codec, "
        "H.264+, H.265+, Zipstream or the like",
        "không chỉnh được Smart Codec qua {name}: vào phần cấu hình video của camera, tắt Smart Codec, "
        "H.264+, H.265+, Zipstream hoặc tính năng tương tự",
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
        "không tìm thấy camera bằng multicast: tường lửa của thiết bị này chặn các trả lời, và camera đã "
        "tắt ONVIF cũng không trả lời; thêm --subnet 10.0.0.0/24 để thử từng địa chỉ",
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
        "the file has no login: without --camera-username the cameras must allow viewing without one",
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
        "lưu ý: thiết bị này không nhận được trả lời của máy chủ giờ {server}",
    ),
    "ntp-here": (
        "note: this gateway serves the time at {address}: with --ntp the camera uses it",
        "lưu ý: thiết bị này cấp giờ tại {address}: dùng --ntp để camera lấy giờ từ thiết bị này",
    ),
    "nothing-without-yes": (
        "nothing was changed: --yes does it",
        "chưa thay đổi gì: thêm --yes để thực hiện",
    ),
    "agree": (
        "Change these on {camera}? Its pictures break off for some seconds. [y/N] ",
        "Thay đổi như trên cho {camera}? Hình sẽ gián đoạn vài giây. Nhập y để đồng ý: ",
    ),
    "nothing-changed": ("nothing was changed", "chưa thay đổi gì"),
    # --- errors that end a command, or the questions to one camera ---
    "no-camera": (
        "no camera {camera!r} in {file}; known: {known}",
        "không có camera {camera!r} trong {file}; các camera hiện có: {known}",
    ),
    "none": ("none", "không có"),
    "login-needed": (
        "{id}: it needs a network address and a login: {url}",
        "{id} ({url}): cần có địa chỉ mạng và tài khoản đăng nhập",
    ),
    "ntp-wrong": ("--ntp {text!r} is not an IPv4 address", "--ntp {text!r} không phải là địa chỉ IPv4"),
    "no-time-here": (
        "this gateway is not a time server for {host}: fill in serve_time in the sheet, then run python3 -m "
        "fleet build and prepare.yml, or name another server: --ntp 10.0.0.1",
        "thiết bị này không cấp giờ cho {host}: điền cột serve_time trong danh sách điểm, rồi chạy python3 "
        "-m fleet build và prepare.yml, hoặc dùng máy chủ giờ khác: --ntp 10.0.0.1",
    ),
    "password-alone": (
        "--camera-password-file needs --camera-username",
        "--camera-password-file phải đi cùng --camera-username",
    ),
    "password-no-terminal": (
        "without a terminal the password comes from --camera-password-file",
        "khi không chạy trong cửa sổ dòng lệnh, mật khẩu phải lấy từ tệp: --camera-password-file",
    ),
    "password-empty": ("the password is empty", "mật khẩu trống"),
    "password-lines": ("{path}: a password file is one line", "{path}: tệp mật khẩu chỉ được có một dòng"),
    "not-utf8": ("{path} is not UTF-8 text", "{path} không phải là văn bản UTF-8"),
    "cannot-read": ("{path} cannot be read: {reason}", "không đọc được {path}: {reason}"),
    "cannot-write": ("{path} cannot be written: {reason}", "không ghi được {path}: {reason}"),
    "choose-no-terminal": (
        "without a terminal the cameras to write are named by --choose",
        "khi không chạy trong cửa sổ dòng lệnh, phải dùng --choose để chọn camera cần ghi",
    ),
    "nothing-answers": (
        "{host}: neither its own interface nor ONVIF answers at {base}; is another --port right, or is ONVIF "
        "off? ({reason})",
        "{host}: giao diện của hãng và ONVIF đều không trả lời ở {base}; có thể camera dùng cổng khác "
        "(--port) hoặc ONVIF đang tắt ({reason})",
    ),
    "not-in-list": (
        "{word!r} is neither a number of the list nor an address in it",
        "{word!r} không phải là số thứ tự hoặc địa chỉ trong danh sách",
    ),
    "exists": ("{files} exists already; --force replaces it", "đã có {files}; thêm --force để ghi đè"),
    "not-yaml": (
        "{path}: a drop-in ends in .yaml",
        "{path}: tên tệp bổ sung phải kết thúc bằng .yaml",
    ),
    "none-left": (
        "no camera to write: none is left of those that were chosen",
        "không có camera nào để ghi vào cấu hình: trong các camera đã chọn không còn camera nào đủ điều kiện",
    ),
    "no-subnet": (
        "{text!r} is not a subnet such as 10.0.0.0/24",
        "{text!r} không phải là mạng con; hãy viết như 10.0.0.0/24",
    ),
    "subnet-large": (
        "{network} is larger than a site's network: at most a /{prefix}",
        "{network} lớn hơn mạng của một điểm: tối đa /{prefix}",
    ),
    "subnet-public": (
        "{network} is not a private network: only a site's own is searched",
        "{network} không phải là mạng nội bộ: chỉ tìm trong mạng của điểm",
    ),
    "time-unread": ("{host}: its time cannot be read", "{host}: không đọc được giờ của camera"),
    "path-unread": (
        "{host}: {path} cannot be read (HTTP {status})",
        "{host}: không đọc được {path} (HTTP {status})",
    ),
    "path-refused": (
        "{host}: {path} is refused (HTTP {status}) {reason}",
        "{host}: camera từ chối {path} (HTTP {status}) {reason}",
    ),
    "not-taken": ("{host}: the camera does not accept {what}", "{host}: camera không chấp nhận {what}"),
    "request-fails": (
        "{host}: {what} fails (HTTP {status})",
        "{host}: yêu cầu {what} bị lỗi (HTTP {status})",
    ),
    "none-of-its-streams": (
        "{host}: none of its streams is {url}; discover shows their URLs",
        "{host}: camera không có luồng {url}; lệnh discover cho biết URL của các luồng",
    ),
    "stream-missing": ("{host}: it has no stream {url}", "{host}: camera không có luồng {url}"),
    "not-hikvision-url": (
        "{host}: {url} is not how Hikvision names a stream (…/Channels/102)",
        "{host}: {url} không đúng cách Hikvision đặt tên luồng (…/Channels/102)",
    ),
    "not-dahua-url": (
        "{host}: {url} is not how Dahua names a stream (…realmonitor?channel=1&…)",
        "{host}: {url} không đúng cách Dahua đặt tên luồng (…realmonitor?channel=1&…)",
    ),
    "interrupted": (
        "interrupted; what comes after it was not tried",
        "lệnh bị ngắt giữa chừng; các bước sau chưa được thực hiện",
    ),
    "unread-after": (
        "what it is set to now could not be read: {reason}",
        "không đọc lại được cấu hình của camera: {reason}",
    ),
    "no-encoder-part": (
        "its encoder configuration has no {name}",
        "cấu hình nén của camera không có {name}",
    ),
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
    return text_in(figure, lang) if isinstance(figure, str) else figure


def setup_text(key: str, **figures: str | float) -> Bilingual:
    """Return a sentence of ``CAMERAS`` in both languages, as the text of an error."""
    said = fact(key, **figures)
    return Bilingual(said.text("en").rstrip(), said.text("vi").rstrip())


def setup_error(key: str, **figures: str | float) -> CameraSetupError:
    return CameraSetupError(setup_text(key, **figures))


def reason_of(error: Exception) -> str:
    """Return the text of an error, to be put into a sentence; it keeps the error's code or translation."""
    text = error.args[0] if error.args else None
    return text if isinstance(text, str) else str(error)


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
