"""What cameras, clips, signatures and answered requests say in English, in Vietnamese: for
``vietnamese.py``."""

from __future__ import annotations

from collections.abc import Mapping

WHOLE: Mapping[str, str] = {
    # console/: what the centre itself says of a box
    "some of what the box says is out of bounds and is left out": (
        "một số giá trị thiết bị gửi nằm ngoài giới hạn nên bị bỏ qua"
    ),
    "what the box says cannot be shown": "không hiển thị được những gì thiết bị gửi",
    # capture/: why a camera gives no picture
    "the host refuses the connection": "camera từ chối kết nối",
    "what answers there does not speak TLS": "máy trả lời ở địa chỉ đó không dùng TLS",
    "the camera does not answer when the stream is to begin": (
        "camera không trả lời khi bắt đầu truyền hình ảnh"
    ),
    "the camera closes the connection when the stream is to begin": (
        "camera ngắt kết nối khi bắt đầu truyền hình ảnh"
    ),
    "the camera sends more than an answer may have": "camera trả lời dài quá mức cho phép",
    "a picture of the stream has more than 4 MB": "luồng có khung hình lớn hơn 4 MB",
    "the camera redirects to another address (3xx), which is not followed": (
        "camera chuyển hướng sang địa chỉ khác (3xx), phần mềm không kết nối theo"
    ),
    "the camera offers no way to log in that the agent knows": (
        "camera không có kiểu đăng nhập nào mà phần mềm hỗ trợ"
    ),
    "the camera offers Basic login only: switch Digest on in the camera, or set allow_basic: true": (
        "camera chỉ cho đăng nhập kiểu Basic: bật Digest trên camera, hoặc đặt allow_basic: true"
    ),
    "the camera does not know this path (404)": "camera không có đường dẫn này (404)",
    "the camera answers with a server error (5xx)": "camera báo lỗi máy chủ (5xx)",
    "the camera refuses the stream (4xx): too many viewers?": (
        "camera từ chối luồng (4xx): quá nhiều kết nối xem?"
    ),
    "there is no such file or device": "không có tệp hoặc nguồn hình này",
    "this is a folder, not a video": "đây là thư mục, không phải video",
    "the agent may not read it": "phần mềm không có quyền đọc",
    "there is no decoder for its codec": "không giải mã được kiểu nén này",
    "the host does not answer": "camera không trả lời",
    "there is no route to the host": "không có đường mạng tới camera",
    "there is no network": "không có mạng",
    "another program uses the device": "chương trình khác đang dùng nguồn hình này",
    "this is not a video device": "đây không phải nguồn hình",
    "the device is gone": "nguồn hình không còn",
    "its name cannot be resolved": "DNS không tìm được địa chỉ của tên này",
    "the host accepts the connection and says nothing": "camera nhận kết nối nhưng không trả lời",
    "the host closes the connection at once": "camera ngắt kết nối ngay",
    "what answers there is not a camera": "máy trả lời ở địa chỉ đó không phải camera",
    "the camera answers, but describes no video that can be read": (
        "camera trả lời nhưng không có luồng hình đọc được"
    ),
    "wrong user name or password": "sai tên đăng nhập hoặc mật khẩu",
    "the camera wants a user name and password": "camera yêu cầu tên đăng nhập và mật khẩu",
    "this is not a video that can be read": "video không đọc được",
    "the connection broke": "mất kết nối giữa chừng",
    "the camera ended the stream": "camera ngắt luồng",
    "the file has ended": "tệp đã hết",
    "there is no video in the stream": "luồng không có hình",
    # mqtt/: why a box is there, or not
    "connected": "đã kết nối",
    "connection lost": "mất kết nối",
    "agent stopped": "phần mềm đã được dừng",
    "reconnecting with the next certificate": "đang kết nối lại bằng chứng thư mới",
    # evidence/: whether an event is as it was signed
    "as it was signed": "đúng như khi ký",
    "its own signature holds; the fields around it, such as its time, only the next head signs": (
        "chữ ký số của nội dung đúng; thời gian và các phần đi kèm do chữ ký số kế tiếp xác nhận"
    ),
    "the box has told no key: no signature was checked": (
        "thiết bị chưa báo khóa công khai nên chưa kiểm tra được chữ ký số nào"
    ),
    "its signature does not hold: something in this head was changed": (
        "chữ ký số không khớp: nội dung được ký đã bị sửa"
    ),
    "two different events of this number are signed: somebody else has the key": (
        "hai sự kiện khác nhau cùng số đều được ký: người khác đang có khóa của thiết bị"
    ),
    "its bytes are not those that were signed": "nội dung không còn giống khi ký",
    "it does not fit the event before or after it: one of the two was changed": (
        "không khớp với sự kiện liền trước hoặc liền sau: một trong hai đã bị sửa"
    ),
    "newer than the last event that a head signs": "mới hơn sự kiện cuối cùng đã được ký",
    "it cannot be read as an event": "không đọc được như một sự kiện",
    # evidence/: why there is no clip
    "no keyframe came": "không có khung I nào",
    "there is no keyframe in it": "không có khung I nào",
    "the agent ended before the clip was complete": "phần mềm dừng trước khi video hoàn thành",
    "the agent was stopped before it was stored": "phần mềm bị dừng trước khi lưu",
    "the agent was stopped": "phần mềm bị dừng",
    # commands/: what became of the request for a clip
    "the clip is on its way": "video đang được gửi về",
    "no clip came of it; the evidence event says why": (
        "không lập được video; lý do có trong sự kiện chứng cứ"
    ),
    "the agent stops": "phần mềm của thiết bị đang dừng",
    "the agent was restarted before the clip was complete": (
        "phần mềm khởi động lại trước khi video hoàn thành"
    ),
    "it was obeyed before; what came of it is not known any more": (
        "đã thực hiện trước đó, không còn biết kết quả"
    ),
    "the box cannot write down that it has obeyed this: its disk is full or read-only": (
        "thiết bị không ghi lại được việc thực hiện lệnh: ổ đĩa đầy hoặc chỉ đọc"
    ),
}
PATTERNS: tuple[tuple[str, str], ...] = (
    (
        r"too many commands have come in the last days; send it again later.*",
        "những ngày qua có quá nhiều lệnh; hãy gửi lại sau",
    ),
    (r"no packet for ([\d.]+) s", "{0} giây không có dữ liệu"),
    (r"packets, but no whole picture for (\d+) s", "có dữ liệu nhưng {0} giây không ra hình"),
    (r"its pictures are (\d+x\d+), too small to analyse", "hình {0} quá nhỏ để phân tích"),
    (r"its pictures are (\d+x\d+), too large to analyse", "hình {0} quá lớn để phân tích"),
    (
        r"its pictures are (\d+x\d+), and (\d+) of them at a time are too much memory",
        "hình {0}, phải giữ {1} khung hình cùng lúc nên quá tốn bộ nhớ",
    ),
    (
        r"one of its pictures has at least (\d+) NAL units, which are too much memory",
        "có khung hình gồm từ {0} đơn vị NAL trở lên, quá tốn bộ nhớ",
    ),
    (
        r"its parameter sets are too much memory",
        "các bộ tham số của luồng quá tốn bộ nhớ",
    ),
    (
        r"its parameter sets change more often than a camera's",
        "bộ tham số của luồng thay đổi thường xuyên hơn mức của một camera",
    ),
    (r"the agent failed on this stream \((.+)\)", "phần mềm gặp lỗi khi đọc luồng này ({0})"),
    (r"agent failed: (.+)", "phần mềm gặp lỗi: {0}"),
    (r"the agent failed to make it \((.+)\)", "phần mềm gặp lỗi khi lập video ({0})"),
    (
        r"signed with the key (\S+), which was not given",
        "ký bằng khóa {0}, không phải khóa thiết bị đã báo",
    ),
    (r"signed with the key of (\S+)", "ký bằng khóa của {0}"),
    (
        r"what came after it was given up \((.+)\), and no head names it itself",
        "sự kiện liền sau đã bị bỏ ({0}) nên không có chữ ký số nào dẫn đến sự kiện này",
    ),
    (
        r"the links from the signed event (\d+) do not reach it: see what comes between",
        "chuỗi từ sự kiện đã ký {0} không dẫn đến sự kiện này: xem các sự kiện ở giữa",
    ),
    (
        r"clips of (\S+) streams are not made, only of (.+)",
        "không lập được video từ luồng {0}, chỉ được từ {1}",
    ),
    (r"its packets make no MP4 file .+", "không tạo được tệp MP4 từ luồng này"),
    (r"there is no clip of \S+ on this box", "thiết bị không có video của sự kiện này"),
    (
        r"the clip waits on the box: the uplink's budget is short, pictures go again on (\S+)",
        "video chờ ở thiết bị vì sắp hết dung lượng SIM, gửi tiếp từ ngày {0}",
    ),
    (
        r"it has (\d+) bytes, and (\d+) go through the broker; give a url",
        "video có {0} byte, quá lớn để gửi qua máy chủ nhận tin (tối đa {1}); hãy báo quản trị viên",
    ),
    (
        r"(\d+) commands are not done yet, .+; send it again later.*",
        "thiết bị còn {0} lệnh chưa thực hiện; hãy gửi lại sau",
    ),
)
