"""Sentences about a camera. The nine causes are those of the wire."""

from __future__ import annotations

from edge_agent.tools.doctor.words.wording import Wording, green, red, skipped, yellow

_SENT_EN = "all cameras together send the equivalent of {asked:.0f} pictures of {size} a second"
_SENT_VI = "tất cả camera gửi tổng cộng tương đương {asked:.0f} khung hình {size} mỗi giây"
_MORE_EN = (
    "but {profile} can decode {limit}; {camera} sends most of them ({width}x{height}, {rate:.3g} a second)"
)
_MORE_VI = (
    "nhưng {profile} chỉ giải mã được {limit}; camera gửi nhiều nhất là {camera} ({width}x{height}, "
    "{rate:.3g} khung hình/giây)"
)

CAMERAS: dict[str, Wording] = {
    "camera-good": green(
        "{codec} {width}x{height}, {rate:.3g} pictures a second, a keyframe every {keyframe_s:.3g} s",
        "{codec} {width}x{height}, {rate:.3g} khung hình/giây, {keyframe_s:.3g} giây có một khung I",
    ),
    "camera-answers": green(
        "{codec} {width}x{height}, {rate:.3g} pictures a second",
        "{codec} {width}x{height}, {rate:.3g} khung hình/giây",
    ),
    "camera-by-agent": green(
        "as the running agent reports: {codec} {width}x{height}, {rate:.3g} pictures a second; not tested by "
        "doctor",
        "theo phần mềm đang chạy: {codec} {width}x{height}, {rate:.3g} khung hình/giây; lệnh doctor "
        "chưa tự kiểm tra camera này",
    ),
    "camera-held": green(
        "the running agent uses it, and it accepts no second viewer: {codec} {width}x{height}, "
        "{rate:.3g} pictures a second",
        "theo phần mềm đang chạy: {codec} {width}x{height}, {rate:.3g} khung hình/giây; camera không "
        "cho thêm kết nối xem",
    ),
    "camera-not-asked": red(
        "not asked: this user cannot read its password",
        "chưa kiểm tra: tài khoản đang dùng không đọc được tệp mật khẩu",
        "run it with sudo",
        "chạy lại với sudo",
    ),
    # --- the nine causes ---
    "camera-unreachable": red(
        "not reached: {detail}",
        "không kết nối được camera",
        "check power, cable, switch and the address in the configuration",
        "kiểm tra nguồn, cáp, bộ chia mạng (switch) và địa chỉ IP trong cấu hình",
    ),
    "camera-refused": red(
        "refused: {detail}",
        "camera từ chối kết nối",
        "switch RTSP on in the camera, check the port, close other viewers",
        "bật RTSP trên camera, kiểm tra cổng trong cấu hình, tắt bớt kết nối xem",
    ),
    "camera-refused-http": red(
        "refused: {detail}",
        "camera từ chối kết nối",
        "check address and port in the url; is the camera's web server switched on?",
        "kiểm tra địa chỉ và cổng trong mục url; máy chủ web (HTTP) của camera đã bật chưa?",
    ),
    "camera-no-name": red(
        "not reached: {detail}",
        "không tìm được địa chỉ IP ứng với tên trong mục url",
        "check the name in the url for mistakes, or write the camera's IP address",
        "kiểm tra lỗi gõ của tên trong mục url, hoặc ghi địa chỉ IP của camera",
    ),
    "camera-no-file": red(
        "it cannot be used: {detail}",
        "không dùng được: {detail}",
        "write the camera's address in the url, or the name of a video file",
        "ghi địa chỉ của camera, hoặc tên của một tệp video, vào mục url",
    ),
    "camera-unauthorized": red(
        "{detail}",
        "{detail}",
        "correct the user name and the password file, then run: sudo systemctl restart edge-agent; the "
        "corrected password is tried at once. Because cameras lock after wrong passwords, all programs of "
        "the gateway together try a wrong one at most twice an hour. If you changed the password in the "
        "camera instead, run: sudo rm {logins}",
        "sửa tên đăng nhập và tệp mật khẩu, rồi chạy: sudo systemctl restart edge-agent; mật khẩu mới sẽ "
        "được thử ngay. Một mật khẩu sai chỉ được thử hai lần mỗi giờ, tính chung mọi chương trình trên "
        "thiết bị, vì sai nhiều lần thì camera khóa tài khoản. Nếu đổi mật khẩu trên camera chứ không sửa "
        "tệp thì chạy: sudo rm {logins}",
    ),
    "camera-not-permitted": red(
        "{detail}",
        "{detail}",
        "let this user see this stream, on the page of the camera or recorder; if the user is locked, wait "
        "half an hour or restart the camera",
        "trên trang cấu hình của camera hoặc đầu ghi, cho phép tài khoản này xem luồng này; nếu tài khoản bị "
        "khóa thì chờ nửa giờ hoặc khởi động lại camera",
    ),
    "camera-no-tcp": red(
        "{detail}",
        "{detail}",
        "switch RTP over TCP (RTSP interleaved) on in the camera, or use another stream of it",
        "bật RTP qua TCP (RTSP interleaved) trên camera, hoặc dùng luồng khác của camera",
    ),
    "camera-basic-only": red(
        "it offers Basic login only, which sends user and password readable; the agent did not log in",
        "camera chỉ cho đăng nhập kiểu Basic, tức là gửi mật khẩu không mã hóa; phần mềm không đăng nhập "
        "kiểu này",
        "switch Digest on in the camera (or HTTP/RTSP authentication: digest), use rtsps or https, or write "
        "allow_basic: true for a camera in a network without other users",
        "bật Digest trong phần xác thực (authentication) của camera; hoặc dùng rtsps, https; hoặc đặt "
        "allow_basic: true nếu mạng của camera không có máy nào khác",
    ),
    "camera-not_found": red(
        "no such stream: {detail}",
        "camera không có luồng này",
        "check the path in the url",
        "kiểm tra đường dẫn trong mục url",
    ),
    "camera-no_video": red(
        "no video: {detail}",
        "camera trả lời nhưng không có hình",
        "check address and path in the url; is it the camera that answers?",
        "kiểm tra địa chỉ và đường dẫn trong mục url; máy trả lời có đúng là camera không?",
    ),
    "camera-unsupported": red(
        "it cannot be used: {detail}",
        "không dùng được luồng này: {detail}",
        "set the camera's sub-stream to H.264",
        "đặt kiểu nén luồng phụ của camera là H.264",
    ),
    "camera-stalled": red(
        "it connects, but sends no data",
        "kết nối được nhưng không có dữ liệu",
        "start the camera again; if it stays so, look at cable and network",
        "khởi động lại camera; nếu vẫn vậy thì kiểm tra cáp và mạng",
    ),
    "camera-ended": red(
        "it ends the stream: {detail}",
        "camera tự ngắt luồng",
        "is it just starting? Close other viewers; run it again in a minute",
        "có phải camera vừa khởi động không? Tắt bớt kết nối xem; chờ một phút rồi chạy lại",
    ),
    "camera-decode_error": red(
        "data comes, but no whole picture: {detail}",
        "có dữ liệu nhưng không ra hình",
        "switch smart codec (H.264+, H.265+) off, look for packet loss",
        "tắt Smart Codec (H.264+, H.265+), kiểm tra mạng có bị mất gói tin không",
    ),
    "firmware-camera-old": yellow(
        "firmware {firmware} of {model} is older than {minimum}: {why}",
        "firmware {firmware} của {model} cũ hơn {minimum}: {why}",
        "install the vendor's newer firmware for this model; details: {source}",
        "cài firmware mới hơn của hãng cho mẫu camera này; chi tiết: {source}",
    ),
    # --- the camera's port at the switch ---
    "switch-port-good": green(
        "the switch {switch} answers, and port {port} delivers power",
        "bộ chia mạng (switch) {switch} có trả lời, cổng {port} đang cấp nguồn",
    ),
    "switch-port-off": yellow(
        "port {port} of switch {switch} is switched off: is it the camera's port?",
        "cổng {port} của bộ chia mạng (switch) {switch} đang tắt: có đúng là cổng của camera không?",
        "correct poe.port, or switch the port on: the agent leaves a port off that a person switched off",
        "sửa poe.port, hoặc bật cổng trên bộ chia mạng (switch): phần mềm không tự bật lại cổng do người "
        "quản trị tắt",
    ),
    "switch-silent": yellow(
        "the port of the camera cannot be switched: {detail}",
        "không điều khiển được cổng PoE của camera: {detail}",
        "check address, user and password file of poe, and SNMP of the switch; install the package snmp",
        "kiểm tra địa chỉ, tài khoản và tệp mật khẩu trong phần poe, kiểm tra SNMP của bộ chia mạng "
        "(switch); cài gói snmp",
    ),
    # --- the stream ---
    "size-main": yellow(
        "{width}x{height} looks like the main stream",
        "{width}x{height} có vẻ là luồng chính",
        "use the sub-stream: {advised_width} wide is enough, and costs a fraction",
        "dùng luồng phụ: hình rộng {advised_width} điểm ảnh là đủ, xử lý nhẹ hơn nhiều",
    ),
    "size-small": yellow(
        "{width}x{height} is small: distant objects are not recognised",
        "{width}x{height} hơi nhỏ: không nhận dạng được người, phương tiện ở xa",
        "set the sub-stream to {advised_size} or more",
        "đặt kích thước hình của luồng phụ từ {advised_size} trở lên",
    ),
    "codec-hevc": yellow(
        "H.265: costs more to decode, and its clips do not play everywhere",
        "H.265: giải mã nặng hơn, và không phải máy nào cũng mở được video",
        "set the sub-stream to {advised_codec}: edge-agent cameras configure",
        "đặt kiểu nén luồng phụ là {advised_codec}: edge-agent cameras configure",
    ),
    "codec-mjpeg": yellow(
        "MJPEG: takes many times the network of H.264",
        "MJPEG: tốn băng thông gấp nhiều lần H.264",
        "set the sub-stream to {advised_codec}: edge-agent cameras configure",
        "đặt kiểu nén luồng phụ là {advised_codec}: edge-agent cameras configure",
    ),
    "rate-low": yellow(
        "{rate:.3g} pictures a second, and {wanted:.3g} are to be analysed",
        "{rate:.3g} khung hình/giây, trong khi cần phân tích {wanted:.3g} khung hình/giây",
        "set the sub-stream to {advised_rate} pictures a second",
        "đặt luồng phụ là {advised_rate} khung hình/giây",
    ),
    "keyframes-rare": yellow(
        "a keyframe only every {keyframe_s:.3g} s: short visits are missed",
        "{keyframe_s:.3g} giây mới có một khung I: dễ bỏ sót người, phương tiện đi qua nhanh",
        "set the keyframe interval (I frame, GOP) to 2 s at most and switch smart codec off: "
        "edge-agent cameras configure",
        "đặt khoảng cách khung I (I frame, GOP) tối đa 2 giây và tắt Smart Codec: "
        "edge-agent cameras configure",
    ),
    "keyframes-none": yellow(
        "no second keyframe within {watched_s:.0f} s: short visits are missed",
        "sau {watched_s:.0f} giây chưa có khung I thứ hai: dễ bỏ sót người, phương tiện đi qua nhanh",
        "set the keyframe interval (I frame, GOP) to 2 s at most and switch smart codec off: "
        "edge-agent cameras configure",
        "đặt khoảng cách khung I (I frame, GOP) tối đa 2 giây và tắt Smart Codec: "
        "edge-agent cameras configure",
    ),
    # --- all cameras together ---
    "decode-good": green(
        f"{_SENT_EN}; {{profile}} can decode {{limit}}",
        f"{_SENT_VI}; {{profile}} giải mã được {{limit}}",
    ),
    "decode-large": yellow(
        f"{_SENT_EN}, {_MORE_EN}",
        f"{_SENT_VI}, {_MORE_VI}",
        "use the sub-stream of {camera}",
        "chuyển {camera} sang luồng phụ",
    ),
    "decode-many": yellow(
        f"{_SENT_EN}, {_MORE_EN}",
        f"{_SENT_VI}, {_MORE_VI}",
        "set the sub-streams to fewer pictures a second, or move cameras to another gateway",
        "giảm số khung hình/giây của luồng phụ, hoặc chuyển bớt camera sang thiết bị khác",
    ),
    # --- the picture ---
    "picture-good": green(
        "bright and sharp (brightness {mean:.0f}, sharpness {sharpness:.1f})",
        "hình sáng và nét (độ sáng {mean:.0f}; độ nét {sharpness:.1f})",
    ),
    "picture-black": red(
        "black (brightness {mean:.0f})",
        "hình đen (độ sáng {mean:.0f})",
        "is the lens cap off? By night: switch the infrared lamp on",
        "đã tháo nắp ống kính chưa? Ban đêm: bật đèn hồng ngoại",
    ),
    "picture-dark": yellow(
        "very dark (brightness {mean:.0f}): nothing will be seen",
        "hình rất tối (độ sáng {mean:.0f}): sẽ không phát hiện được gì",
        "by night: infrared lamp on, or a street lamp; by day: something covers the lens",
        "ban đêm: bật đèn hồng ngoại hoặc đèn đường; ban ngày: kiểm tra ống kính có bị che không",
    ),
    "picture-empty": red(
        "one colour, nothing is visible",
        "hình chỉ có một màu, không quan sát được gì",
        "something covers the lens, or its protective film is still on",
        "kiểm tra ống kính có bị che không, đã bóc màng bảo vệ chưa",
    ),
    "picture-blurred": yellow(
        "blurred (sharpness {sharpness:.1f}, from {needed:.1f} on it is sharp)",
        "hình mờ (độ nét {sharpness:.1f}; từ {needed:.1f} trở lên là nét)",
        "wipe the lens and the dome, take the film off, set the focus",
        "lau ống kính và vỏ vòm, bóc màng bảo vệ, chỉnh nét",
    ),
    "picture-plain": skipped(
        "the picture has too little detail to measure its sharpness (brightness {mean:.0f}); look at it",
        "hình có quá ít chi tiết nên không đo được độ nét (độ sáng {mean:.0f}); hãy xem hình bằng mắt",
    ),
    "picture-small": skipped("too small to be judged", "hình quá nhỏ nên không đánh giá được"),
    "view-tampered": yellow(
        "the agent says: {states}",
        "phần mềm báo: {states}",
        "look at the camera; turned on purpose: edge-agent relearn CAMERA",
        "kiểm tra camera; nếu cố ý xoay thì chạy: edge-agent relearn CAMERA",
    ),
    # --- stills: large pictures of the main stream where the configuration names one ---
    "still-good": green(
        "large pictures come from the main stream: {codec} {width}x{height}",
        "ảnh lớn lấy từ luồng chính: {codec} {width}x{height}",
    ),
    "still-sub": green(
        "pictures come from the sub-stream: {width}x{height}",
        "ảnh lấy từ luồng phụ: {width}x{height}",
    ),
    "still-unreadable": red(
        "its main stream, for large pictures and clips, cannot be read: {reason}",
        "không đọc được luồng chính để lấy ảnh lớn và video: {reason}",
        "check clip.main_url, and how many viewers the camera allows; without a main stream remove "
        "clip.main_url: pictures then come from the sub-stream",
        "kiểm tra clip.main_url và số kết nối xem tối đa của camera; nếu không dùng luồng chính thì bỏ "
        "clip.main_url: ảnh sẽ lấy từ luồng phụ",
    ),
    "still-unauthorized": red(
        "its main stream, for large pictures and clips, refuses the login",
        "camera không chấp nhận tên đăng nhập hoặc mật khẩu khi mở luồng chính (dùng cho ảnh lớn và video)",
        "may this user of the camera see the main stream? Correct the rights of the user, or the login of "
        "clip.main_url. If you corrected it in the camera, run: sudo rm {logins}",
        "tài khoản này của camera có được xem luồng chính không? Sửa quyền của tài khoản trên camera, hoặc "
        "sửa tên đăng nhập, mật khẩu của clip.main_url. Nếu sửa trên camera thì chạy: sudo rm {logins}",
    ),
    "still-not-asked": red(
        "its main stream was not tested: this user cannot read the password",
        "chưa kiểm tra luồng chính: tài khoản đang dùng không đọc được tệp mật khẩu",
        "run it with sudo",
        "chạy lại với sudo",
    ),
    "still-busy": yellow(
        "its main stream accepts no further viewer now; the running agent reports no trouble with it",
        "camera hiện không cho thêm kết nối xem luồng chính; phần mềm đang chạy không báo lỗi về luồng này",
        "close other viewers of the main stream, then run it again",
        "tắt bớt kết nối xem luồng chính, rồi chạy lại",
    ),
    "agent-unauthorized": red(
        "doctor can log in, but the running agent cannot: it has read the password at its start",
        "doctor đăng nhập được, nhưng phần mềm đang chạy thì không: phần mềm chỉ đọc mật khẩu khi khởi động",
        "run: sudo systemctl restart edge-agent",
        "chạy: sudo systemctl restart edge-agent",
    ),
    "main-trouble": yellow(
        "its main stream, for clips, is not available: {reason}; clips are made from the sub-stream",
        "không có luồng chính để lưu video: {reason}; video tạm lấy từ luồng phụ",
        "check clip.main_url, and how many viewers the camera allows",
        "kiểm tra clip.main_url và số kết nối xem tối đa của camera",
    ),
}
