"""Sentences about cameras: their state, and why one gives no picture."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

STATES: Sentences = {
    "camera-state": (
        "camera {camera} {state} since {since}: {why}",
        "camera {camera} {state} từ {since}: {why}",
    ),
    "camera-cause": ("{why} ({cause})", "{why}"),  # the Vietnamese reason says the cause already
    "camera-no-main": (
        "camera {camera} has no main stream ({cause}): clips come from the sub-stream",
        "camera {camera} không có luồng chính ({cause}): video lấy từ luồng phụ",
    ),
    "camera-tampered": (
        "camera {camera} is {views:and}: somebody has to look after it",
        "camera {camera} {views:and}: cần người đến kiểm tra",
    ),
    "camera-other-serial": (
        "camera {camera}: another device answers at its address since {since}, serial number {before} -> "
        "{after}",
        "camera {camera}: từ {since}, ở địa chỉ này là camera khác, số sê-ri {before} -> {after}",
    ),
    "camera-other-mac": (
        "camera {camera}: another device answers at its address since {since}, MAC {before} -> {after}",
        "camera {camera}: từ {since}, ở địa chỉ này là camera khác, MAC {before} -> {after}",
    ),
    "camera-firmware-old": (
        "camera {camera}: firmware {firmware} of {model} is older than {minimum}; doctor says why",
        "camera {camera}: firmware {firmware} của {model} cũ hơn {minimum}; lệnh doctor cho biết lý do",
    ),
    "camera-power-done": (
        "camera {camera}: unreachable, its switch port was switched off and on at {at} ({detail})",
        "camera {camera}: không trả lời, đã tắt và bật lại cổng PoE lúc {at} ({detail})",
    ),
    "camera-power-failed": (
        "camera {camera}: unreachable, and switching its port at {at} failed: {detail}",
        "camera {camera}: không trả lời, tắt và bật lại cổng PoE lúc {at} không thành công: {detail}",
    ),
    "camera-power-held": (
        "camera {camera}: unreachable, its port was not switched at {at}: {detail}",
        "camera {camera}: không trả lời; lúc {at} không tắt rồi bật lại cổng PoE vì {detail}",
    ),
    "camera-power-no-answer": (
        "camera {camera}: unreachable, and its switch gave no answer at {at}: {detail}",
        "camera {camera}: không trả lời, lúc {at} bộ chia mạng (switch) cũng không trả lời: {detail}",
    ),
    # The ``detail`` of the texts above.
    "camera-power-port": ("switch {switch}, port {port}", "bộ chia mạng {switch}, cổng {port}"),
    "camera-power-answers": (
        "something answers at its address",
        "tại địa chỉ của camera vẫn có máy trả lời",
    ),
    "camera-power-port-off": (
        "port {port} is switched off at the switch",
        "cổng {port} đang bị tắt trên bộ chia mạng (switch)",
    ),
    "camera-power-not-stored": (
        "the state directory cannot be written",
        "không ghi được vào thư mục trạng thái",
    ),
    # What each cause means, whatever led to it.
    "cause-unknown": ("cause unknown", "không rõ nguyên nhân"),
    "cause-unreachable": (
        "it does not answer, or answers with a server error",
        "không trả lời, hoặc báo lỗi máy chủ",
    ),
    "cause-refused": (
        "it refuses the connection or one more viewer",
        "từ chối kết nối, hoặc đã đủ số kết nối xem",
    ),
    "cause-unauthorized": (
        "user name, password or file rights do not let the agent in",
        "sai tên đăng nhập hoặc mật khẩu, hoặc không có quyền đọc tệp",
    ),
    "cause-not_found": (
        "no such stream, file or device",
        "không có luồng, tệp hoặc nguồn hình này",
    ),
    "cause-no_video": ("it answers, but with no video", "có trả lời nhưng không có hình"),
    "cause-unsupported": (
        "the agent does not support this kind of address, codec or picture size",
        "phần mềm không hỗ trợ loại địa chỉ, kiểu nén hoặc kích thước hình này",
    ),
    "cause-stalled": ("connected, but nothing comes", "đã kết nối nhưng không có dữ liệu"),
    "cause-ended": ("it closed the stream", "camera ngắt luồng"),
    "cause-decode_error": ("packets come, but no whole picture", "có dữ liệu nhưng không ra hình"),
}

NETWORK: Sentences = {
    "host-no-name": ("its name cannot be resolved", "DNS không tìm được địa chỉ của tên này"),
    "host-no-route": ("there is no route to the host", "không có đường mạng tới camera"),
    "host-no-network": ("there is no network", "không có mạng"),
    "host-silent": ("the host does not answer", "camera không trả lời"),
    "host-refuses": ("the host refuses the connection", "camera từ chối kết nối"),
    "host-no-tls": (
        "what answers there does not speak TLS",
        "máy trả lời ở địa chỉ đó không dùng TLS",
    ),
    "host-accepts-silent": (
        "the host accepts the connection and says nothing",
        "camera nhận kết nối nhưng không trả lời",
    ),
    "host-closes": ("the host closes the connection at once", "camera ngắt kết nối ngay"),
    "host-no-camera": ("what answers there is not a camera", "máy trả lời ở địa chỉ đó không phải camera"),
    "connection-broke": ("the connection broke", "mất kết nối giữa chừng"),
    "play-silent": (
        "the camera does not answer when the stream is to begin",
        "camera không trả lời khi bắt đầu truyền hình ảnh",
    ),
    "play-closed": (
        "the camera closes the connection when the stream is to begin",
        "camera ngắt kết nối khi bắt đầu truyền hình ảnh",
    ),
    "answer-too-long": (
        "the camera sends more than an answer may have",
        "camera trả lời dài quá mức cho phép",
    ),
    "picture-too-many-bytes": (
        "a picture of the stream has more than 4 MB",
        "luồng có khung hình lớn hơn 4 MB",
    ),
    "camera-redirects": (
        "the camera redirects to another address (3xx), which is not followed",
        "camera chuyển hướng sang địa chỉ khác (3xx), phần mềm không kết nối theo",
    ),
    "path-not-found": (
        "the camera does not know this path (404)",
        "camera không có đường dẫn này (404)",
    ),
    "camera-no-tcp": (
        "the camera sends this stream over UDP only (461), the agent reads RTP over TCP",
        "camera chỉ gửi luồng này qua UDP (461), còn phần mềm chỉ đọc RTP qua TCP",
    ),
    "camera-refuses-stream": (
        "the camera refuses the stream (4xx): too many viewers?",
        "camera từ chối gửi luồng (4xx): có thể do quá nhiều kết nối xem",
    ),
    "camera-server-error": (
        "the camera answers with a server error (5xx)",
        "camera báo lỗi máy chủ (5xx)",
    ),
    "camera-no-description": (
        "the camera answers, but describes no video that can be read",
        "camera trả lời nhưng không có luồng hình đọc được",
    ),
    "stream-no-video": ("there is no video in the stream", "luồng không có hình"),
    "stream-no-decoder": ("there is no decoder for its codec", "không giải mã được kiểu nén này"),
    "login-wrong": ("wrong user name or password", "sai tên đăng nhập hoặc mật khẩu"),
    "stream-not-permitted": (
        "the camera denies this stream (401 or 403): the user has no right to it, or is locked",
        "camera không cho xem luồng này (401 hoặc 403): tài khoản không có quyền xem hoặc đang bị khóa",
    ),
    "login-waits": (
        "wrong user name or password; tried again after {at}, or at once with another password",
        "sai tên đăng nhập hoặc mật khẩu; sau {at} mới thử lại mật khẩu này; mật khẩu mới sẽ được thử ngay",
    ),
    "login-of-user-waits": (
        "this user was refused four times within an hour; tried again after {at}, because cameras lock "
        "accounts after five",
        "tài khoản này bị từ chối đăng nhập bốn lần trong một giờ; sau {at} mới thử lại vì sai năm "
        "lần thì camera sẽ khóa tài khoản",
    ),
    "login-wanted": (
        "the camera wants a user name and password",
        "camera yêu cầu tên đăng nhập và mật khẩu",
    ),
    "login-unknown": (
        "the camera offers no way to log in that the agent knows",
        "camera không có kiểu đăng nhập nào mà phần mềm hỗ trợ",
    ),
    "login-basic-only": (
        "the camera offers Basic login only: switch Digest on in the camera, or set allow_basic: true",
        "camera chỉ cho đăng nhập kiểu Basic: bật Digest trên camera, hoặc đặt allow_basic: true",
    ),
}

STREAMS: Sentences = {
    "file-not-found": ("there is no such file or device", "không có tệp hoặc nguồn hình này"),
    "file-is-folder": ("this is a folder, not a video", "đây là thư mục, không phải video"),
    "file-unreadable": ("the agent may not read it", "phần mềm không có quyền đọc tệp này"),
    "file-no-video": ("this is not a video that can be read", "không đọc được video"),
    "file-ended": ("the file has ended", "đã đọc hết tệp"),
    "device-busy": ("another program uses the device", "chương trình khác đang dùng nguồn hình này"),
    "device-no-video": ("this is not a video device", "đây không phải nguồn hình"),
    "device-gone": ("the device is gone", "nguồn hình không còn"),
    "url-no-host": ("the URL names no host", "địa chỉ không có tên máy"),
    "url-unknown": (
        "{scheme}: is not a kind of URL the agent can read",
        "phần mềm không đọc được loại địa chỉ {scheme}:",
    ),
    "url-no-file": ("{path} is not a file", "{path} không phải tệp"),
    "stream-ended": ("the camera ended the stream", "camera ngắt luồng"),
    "stream-no-packet": ("no packet for {seconds:g} s", "đã {seconds:g} giây không có dữ liệu"),
    "stream-no-picture": (
        "packets, but no picture for {seconds} s",
        "có dữ liệu nhưng đã {seconds} giây không có hình",
    ),
    "stream-no-whole-picture": (
        "packets, but no whole picture for {seconds} s",
        "có dữ liệu nhưng đã {seconds} giây không có hình đầy đủ",
    ),
    "frames-damaged": (
        "frames are damaged and not analysed",
        "khung hình bị hỏng nên không được phân tích",
    ),
    "decoding-too-slow": (
        "decoding cannot keep up, pictures are left out",
        "giải mã không kịp nên bỏ bớt khung hình",
    ),
    "picture-too-small": (
        "its pictures are {size}, too small to analyse",
        "hình {size} quá nhỏ, không phân tích được",
    ),
    "picture-too-large": (
        "its pictures are {size}, too large to analyse",
        "hình {size} quá lớn, không phân tích được",
    ),
    "picture-too-many": (
        "its pictures are {size}, and {pictures} of them at a time are too much memory",
        "hình {size}, phải giữ {pictures} khung hình cùng lúc nên quá tốn bộ nhớ",
    ),
    "picture-too-many-units": (
        "one of its pictures has at least {units} NAL units, which are too much memory",
        "có khung hình gồm từ {units} đơn vị NAL trở lên, quá tốn bộ nhớ",
    ),
    "parameter-sets-too-large": (
        "its parameter sets are too much memory",
        "các bộ tham số của luồng quá tốn bộ nhớ",
    ),
    "parameter-sets-change": (
        "its parameter sets change more often than a camera's",
        "bộ tham số của luồng thay đổi nhiều lần hơn mức bình thường của camera",
    ),
    "stream-agent-failed": (
        "the agent failed on this stream ({error})",
        "phần mềm gặp lỗi khi đọc luồng này ({error})",
    ),
    "frames-not-analysed": (
        "frames cannot be analysed: {error}",
        "không phân tích được khung hình: {error}",
    ),
}

AWAKE: Sentences = {
    "awake-motion": (
        "something moves all the time at {corners}; if it is a clock, mask it",
        "luôn có chuyển động ở vùng {corners}; nếu là đồng hồ trên hình thì thêm vùng này vào "
        "phần hình bị che (masks)",
    ),
    "awake-few-keyframes": (
        "too few keyframes were received to measure their interval",
        "chưa nhận đủ khung I để đo khoảng cách giữa các khung I",
    ),
    "awake-keyframes-rare": (
        "keyframes are {seconds:.1f} s apart, more than {limit:g} s",
        "các khung I cách nhau {seconds:.1f} giây, quá {limit:g} giây",
    ),
    "awake-ring-short": (
        "the packet ring does not reach back to the keyframe before",
        "bộ đệm quá ngắn, không còn khung I liền trước",
    ),
    "awake-keyframes-alone": (
        "its keyframes give no picture on their own",
        "chỉ giải mã khung I thì không ra hình",
    ),
}

ONVIF: Sentences = {
    "web-silent": (
        "{host}: no answer within {seconds:g} s",
        "{host}: không trả lời trong {seconds:g} giây",
    ),
    "web-bad-address": (
        "{host}: the camera reports an invalid address of its own",
        "{host}: địa chỉ mà camera tự báo không hợp lệ",
    ),
    "web-no-http": (
        "{host}: what answers does not speak HTTP",
        "{host}: máy trả lời ở địa chỉ đó không dùng HTTP",
    ),
    "web-no-connection": ("{host}: no connection", "{host}: không kết nối được"),
    "web-login-refused": (
        "{host}: the camera refuses user {user} (HTTP {status}): wrong password, not enough rights, or "
        "locked for a while; it is not tried again",
        "{host}: camera từ chối tài khoản {user} (HTTP {status}): sai mật khẩu, không đủ quyền, hoặc đang bị "
        "khóa tạm; phần mềm không thử lại",
    ),
    "web-answer-too-long": (
        "{host}: it answers with more than {bytes} bytes",
        "{host}: camera trả lời dài hơn {bytes} byte",
    ),
    "logins-failed": (
        "{host}: {logins} logins of user {user} with this password failed within the last hour; it is tried "
        "again in {minutes} min, because cameras lock accounts; another password is tried at once",
        "{host}: mật khẩu này của tài khoản {user} đã sai {logins} lần trong một giờ qua; {minutes} phút nữa "
        "mới thử lại để tránh bị camera khóa tài khoản; mật khẩu mới sẽ được thử ngay",
    ),
    "logins-of-user-failed": (
        "{host}: {logins} logins of user {user} failed within the last hour; the next one is tried in "
        "{minutes} min, because cameras lock accounts after five",
        "{host}: tài khoản {user} đã đăng nhập sai {logins} lần trong một giờ qua; {minutes} phút nữa mới "
        "thử tiếp vì sai năm lần thì camera sẽ khóa tài khoản",
    ),
    "onvif-no-time": (
        "{host}: its answer to GetSystemDateAndTime has no time in it",
        "{host}: camera trả lời GetSystemDateAndTime nhưng không có giờ",
    ),
    "onvif-no-information": (
        "{host}: its answer to GetDeviceInformation cannot be read",
        "{host}: không đọc được trả lời của camera cho GetDeviceInformation",
    ),
    "onvif-no-profile": (
        "{host}: it reports no media profile",
        "{host}: camera không báo luồng nào",
    ),
    "onvif-no-media": (
        "{host}: it reports no media service",
        "{host}: camera không có dịch vụ hình ảnh ONVIF",
    ),
    "onvif-login-wanted": (
        "{host}: the camera answers this request only after a login",
        "{host}: camera chỉ trả lời yêu cầu này sau khi đăng nhập",
    ),
    "onvif-login-refused": (
        "{host}: ONVIF refuses user {user}: wrong password, or a camera whose ONVIF users are apart from its "
        "own; it is not tried again",
        "{host}: ONVIF từ chối tài khoản {user}: sai mật khẩu, hoặc camera có tài khoản ONVIF riêng; phần "
        "mềm không thử lại",
    ),
    "onvif-needs-login": (
        "{host}: this request needs a login",
        "{host}: phải đăng nhập mới gửi được yêu cầu này",
    ),
}

CAMERAS: Sentences = {**STATES, **NETWORK, **STREAMS, **AWAKE, **ONVIF}
