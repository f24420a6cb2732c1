"""Sentences for the technician, in English and Vietnamese; the labels of the page are in ``web/words.js``."""

from __future__ import annotations

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Bilingual, Sentences, both

COMMISSIONING: Sentences = {
    "bundle-missing": (
        "the list of all sites is not on this box ({file}): the workshop has to put it there",
        "thiết bị chưa có danh sách điểm ({file}): xưởng cần cài vào",
    ),
    "bundle-unsigned": (
        "the list of all sites is not signed by this fleet: nothing was done; bring the box to the workshop",
        "danh sách điểm không có chữ ký hợp lệ: chưa làm gì; hãy đưa thiết bị về xưởng",
    ),
    "bundle-invalid": (
        "the list of all sites cannot be read ({reason}): bring the box to the workshop",
        "không đọc được danh sách điểm ({reason}): hãy đưa thiết bị về xưởng",
    ),
    "site-check": (
        "{site} is not what a label says: type the id and its last character once more",
        "{site} không đúng với mã trên nhãn: hãy nhập lại mã điểm cùng ký tự cuối",
    ),
    "site-unknown": (
        "site {site} is not in this box's list: the list may be older than the site; call the centre",
        "điểm {site} không có trong danh sách của thiết bị: có thể danh sách đã cũ; hãy gọi trung tâm",
    ),
    "site-first": ("choose the site first", "hãy chọn điểm trước"),
    "claimed-already": (
        "this box is at site {site} already: undo that first",
        "thiết bị đã nhận điểm {site}: hãy hủy điểm đó trước",
    ),
    "confirmed-already": (
        "the centre has confirmed site {site}: only the centre can take it back",
        "trung tâm đã xác nhận điểm {site}: chỉ trung tâm mới thu hồi được",
    ),
    "name-missing": ("type your name", "hãy nhập họ tên"),
    "signature-missing": ("sign in the frame", "hãy ký vào khung"),
    "password-missing": (
        "type the password of the cameras, in one line",
        "hãy nhập mật khẩu camera, trên một dòng",
    ),
    "password-wrong": (
        "{cameras}: the camera refuses this password; nothing was changed. After two wrong ones wait an "
        "hour, cameras lock accounts",
        "{cameras}: camera không chấp nhận mật khẩu này; chưa thay đổi gì. Sai hai lần thì chờ một giờ, vì "
        "camera sẽ khóa tài khoản",
    ),
    "in-use": (
        "the page or another command is commissioning this box: end it first "
        "(sudo systemctl stop edge-agent-commission)",
        "trang hoặc một lệnh khác đang làm việc với thiết bị: hãy dừng trước "
        "(sudo systemctl stop edge-agent-commission)",
    ),
    "busy": ("wait: the last step is not finished", "hãy chờ: bước trước chưa xong"),
    "disk-full": (
        "the card does not store this: it is full or broken; nothing was changed. Delete files or take "
        "another card",
        "không ghi được vào thẻ nhớ vì đã đầy hoặc hỏng; chưa thay đổi gì. Hãy xóa bớt tệp hoặc thay thẻ",
    ),
    "root-silent": (
        "the box did not do this within {seconds} s: try again, then restart the box",
        "sau {seconds} giây thiết bị chưa thực hiện xong: hãy thử lại, rồi khởi động lại thiết bị",
    ),
    "root-refused": (
        "the box refuses it: {reason}",
        "thiết bị từ chối: {reason}",
    ),
    "configuration-wrong": (
        "the configuration of site {site} has mistakes, call the centre: {reason}",
        "cấu hình của điểm {site} có lỗi, hãy gọi trung tâm: {reason}",
    ),
    "examined-first": ("let the box be examined first", "hãy kiểm tra điểm trước"),
    "examination-failed": (
        "the examination ended without a result: {reason}; try again",
        "kiểm tra chưa có kết quả: {reason}; hãy thử lại",
    ),
    "picture-wrong": (
        "this is no photo that can be read: take another one",
        "không đọc được ảnh này: hãy chụp lại",
    ),
    "request-wrong": (
        "the page sent something else than expected: load it again",
        "trang gửi sai dữ liệu: hãy tải lại trang",
    ),
    "network-unavailable": (
        "this box cannot change its network from here: ask the workshop",
        "không đổi được mạng của thiết bị tại đây: hãy hỏi xưởng",
    ),
    "apn-wrong": (
        "{text} is no access point name; it is letters, digits, dots and hyphens, such as v-internet",
        "{text} không phải là điểm truy cập (APN): chỉ gồm chữ không dấu, số, dấu chấm, gạch nối, ví dụ "
        "v-internet",
    ),
    "pin-wrong": ("a PIN has 4 to 8 digits", "mã PIN gồm 4 đến 8 chữ số"),
    "address-wrong": (
        "{text} is no address of a machine with its network, such as 10.0.0.9/24",
        "{text} không phải là địa chỉ IP kèm độ dài mạng, ví dụ 10.0.0.9/24",
    ),
    "gateway-wrong": (
        "{text} is no address of the network {network}",
        "{text} không phải là địa chỉ trong mạng {network}",
    ),
    "network-refused": (
        "the network was not changed: {reason}",
        "chưa đổi được mạng: {reason}",
    ),
    "network-interface": (
        "the network was not changed: the box has several wired ports, or none ({names}), and this page "
        "cannot choose: ask the workshop",
        "chưa đổi được mạng: thiết bị có nhiều cổng Ethernet hoặc không có cổng nào ({names}), trang này "
        "không chọn thay được: hãy hỏi xưởng",
    ),
    "network-by-hand": (
        "the network was not changed: the system of this box does not permit it from here: ask the workshop",
        "chưa đổi được mạng: hệ điều hành của thiết bị không cho đổi từ trang này: hãy hỏi xưởng",
    ),
    "network-pin-last": (
        "no PIN was tried: the SIM card accepts only one more, and a wrong one blocks it. Put it into a "
        "phone and type the right PIN there",
        "chưa thử mã PIN: SIM chỉ còn một lần nhập, sai nữa là bị khóa. Hãy lắp SIM vào điện thoại và nhập "
        "đúng mã PIN",
    ),
    "network-pin-wrong": (
        "the SIM card does not accept this PIN; it is not tried again. Ask for the right one: after three "
        "wrong ones the card is blocked",
        "SIM không nhận mã PIN này; thiết bị sẽ không thử lại. Hãy hỏi mã đúng: nhập sai ba lần thì SIM bị "
        "khóa",
    ),
    "network-sim-offline": (
        "the SIM card is set up, but does not connect yet: check the antenna, the reception and the access "
        "point; the box tries again by itself",
        "đã đặt SIM nhưng chưa kết nối được: hãy kiểm tra ăng-ten, sóng và điểm truy cập (APN); thiết bị sẽ "
        "tự thử lại",
    ),
    "uplink-none": (
        "not sent to the centre yet: {reason}. The box tries again by itself",
        "chưa gửi được về trung tâm: {reason}. Thiết bị sẽ tự gửi lại",
    ),
    "uplink-clock": (
        "not sent to the centre yet: the box's clock is wrong, so it trusts no certificate. It is right as "
        "soon as a time server answers",
        "chưa gửi được về trung tâm: đồng hồ của thiết bị sai nên không tin chứng thư nào. Đồng hồ sẽ đúng "
        "khi máy chủ giờ trả lời",
    ),
    "no-enrolment": (
        "not sent to the centre: this box has no certificate to claim with; call the workshop",
        "chưa gửi được về trung tâm: thiết bị không có chứng thư để đăng ký; hãy gọi xưởng",
    ),
    "answer-invalid": (
        "the centre's answer is not signed by this fleet, so it is ignored",
        "câu trả lời của trung tâm không có chữ ký hợp lệ nên bị bỏ qua",
    ),
    "camera-found": ("found", "đã thấy"),
    "camera-other-port": (
        "answers, but not at the address of its stream: {address}",
        "camera có trả lời nhưng không cho xem luồng tại {address}",
    ),
    "camera-missing": (
        "not found at {address}: check power, cable and address",
        "không thấy tại {address}: kiểm tra nguồn, dây mạng và địa chỉ",
    ),
    "camera-not-activated": (
        "found, but it has no password yet: set it in the camera's own page",
        "đã thấy, nhưng chưa đặt mật khẩu: hãy đặt trên trang của camera",
    ),
    "camera-stranger": (
        "{address}: a camera that is not in the list of this site",
        "{address}: camera không có trong danh sách của điểm",
    ),
}


class CommissioningError(EdgeAgentError):
    """A step was not done. The text is for the technician, in both languages; nothing was changed unless it
    says so."""

    def __init__(self, code: str, **figures: object) -> None:
        self.code = code
        self.text: Bilingual = words(code, **figures)
        super().__init__(self.text)


def words(code: str, **figures: object) -> Bilingual:
    """The sentence in both languages; lists are joined with commas."""
    shown = {name: ", ".join(value) if isinstance(value, list) else value for name, value in figures.items()}
    return both(COMMISSIONING, code, **shown)
