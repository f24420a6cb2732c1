"""Sentences for the technician, in English and Vietnamese; the labels of the page are in ``web/words.js``."""

from __future__ import annotations

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Bilingual, Sentences, both

COMMISSIONING: Sentences = {
    "bundle-missing": (
        "the list of all sites is not on this box ({file}): the workshop has to put it there",
        "thiết bị chưa có danh sách điểm ({file}): xưởng cần chép danh sách vào thiết bị",
    ),
    "bundle-unsigned": (
        "the list of all sites is not signed by this fleet: nothing was done; bring the box to the workshop",
        "danh sách điểm không có chữ ký số hợp lệ: chưa thay đổi gì; hãy đưa thiết bị về xưởng",
    ),
    "bundle-invalid": (
        "the list of all sites cannot be read ({reason}): bring the box to the workshop",
        "không đọc được danh sách điểm ({reason}): hãy đưa thiết bị về xưởng",
    ),
    "folder-missing": (
        "{folder} is missing: this box was not prepared in the workshop. Install the image or the package "
        "of edge-agent, then: sudo systemctl start edge-agent-commission",
        "thiếu {folder}: thiết bị chưa được xưởng chuẩn bị. Hãy ghi tệp cài sẵn vào thẻ nhớ hoặc cài gói "
        "edge-agent, rồi chạy: sudo systemctl start edge-agent-commission",
    ),
    "release-key-missing": (
        "the public release key is not on this box ({file}), so the list of all sites cannot be verified: "
        "bring the box to the workshop",
        "thiết bị chưa có phần công khai của khóa phát hành ({file}) nên không kiểm tra được danh sách điểm: "
        "hãy đưa thiết bị về xưởng",
    ),
    "release-key-invalid": (
        "the public release key cannot be used ({file}: {reason}): bring the box to the workshop",
        "không dùng được phần công khai của khóa phát hành ({file}: {reason}): hãy đưa thiết bị về xưởng",
    ),
    "site-check": (
        "{site} is not what a label says: type the id and its last character once more",
        "{site} không đúng với mã trên nhãn: hãy nhập lại mã điểm, kể cả ký tự cuối",
    ),
    "site-unknown": (
        "site {site} is not in this box's list: the list may be older than the site; call the centre",
        "điểm {site} không có trong danh sách của thiết bị: có thể danh sách đã cũ; hãy gọi trung tâm",
    ),
    "site-first": ("choose the site first", "hãy chọn điểm trước"),
    "claimed-already": (
        "this box is at site {site} already: undo that first",
        "thiết bị đã nhận điểm {site}: hãy hủy việc nhận điểm đó trước",
    ),
    "confirmed-already": (
        "the centre has confirmed site {site}: only the centre can take it back",
        "trung tâm đã xác nhận điểm {site}: chỉ trung tâm mới hủy được",
    ),
    "name-missing": ("type your name", "hãy nhập họ tên"),
    "signature-missing": ("sign in the frame", "hãy ký vào khung"),
    "password-missing": (
        "type the password of the cameras, in one line",
        "hãy nhập mật khẩu camera, trên một dòng",
    ),
    "password-wrong": (
        "{cameras}: the camera refuses this password; nothing was changed. Another password is tried at "
        "once, until the camera has refused four logins in an hour",
        "{cameras}: camera không chấp nhận mật khẩu này; chưa thay đổi gì. Có thể nhập mật khẩu khác để "
        "thử ngay; khi camera đã từ chối đăng nhập bốn lần trong một giờ thì phải chờ",
    ),
    "password-file": (
        "{file} is not a text in UTF-8: save it as one, with the password in one line",
        "tệp {file} không phải là văn bản UTF-8: hãy lưu lại bằng UTF-8, mật khẩu ghi trên một dòng",
    ),
    "serial-missing": (
        "{file} is missing: edge_commission.py prepare, run by root, writes it",
        "thiếu {file}: chạy edge_commission.py prepare bằng quyền root để tạo tệp này",
    ),
    "serial-invalid": (
        "{file} has no serial: box- and 8 to 32 of a-z and 0-9",
        "{file} không có số sê-ri hợp lệ; số sê-ri gồm box- và 8 đến 32 ký tự a-z, 0-9",
    ),
    "label-missing": (
        "name the site as its label does, such as dt-001-r; or --status, --undo",
        "hãy ghi mã điểm như trên nhãn, ví dụ dt-001-r; hoặc dùng --status, --undo",
    ),
    "person-missing": (
        "name the person who commissions the site: --by 'Nguyễn Văn An'",
        "hãy ghi họ tên kỹ thuật viên: --by 'Nguyễn Văn An'",
    ),
    "password-untried": (
        "{cameras}: the camera has refused four logins within an hour, so this password was not tried; "
        "nothing was changed. Wait up to an hour, because cameras lock accounts after five",
        "{cameras}: camera đã từ chối đăng nhập bốn lần trong một giờ nên mật khẩu này chưa được thử; chưa "
        "thay đổi gì. Hãy chờ, tối đa một giờ, vì sai năm lần thì camera sẽ khóa tài khoản",
    ),
    "in-use": (
        "the page or another command is commissioning this box: end it first "
        "(sudo systemctl stop edge-agent-commission)",
        "trang lắp đặt hoặc một lệnh khác đang thao tác trên thiết bị: hãy dừng trang hoặc lệnh đó trước "
        "(sudo systemctl stop edge-agent-commission)",
    ),
    "busy": ("wait: the last step is not finished", "hãy chờ: bước trước chưa xong"),
    "disk-full": (
        "the card is full or broken, so this step was not stored. Call the workshop: another card is needed",
        "không ghi được vào thẻ nhớ (thẻ đã đầy hoặc bị hỏng) nên bước này chưa được lưu. Hãy gọi "
        "xưởng: cần thay thẻ",
    ),
    "root-silent": (
        "the box did not do this within {seconds} s: try again, then restart the box",
        "sau {seconds} giây thiết bị chưa thực hiện xong: hãy thử lại; nếu vẫn vậy thì khởi động lại thiết "
        "bị",
    ),
    "root-refused": (
        "the box refuses it: {reason}",
        "thiết bị không thực hiện; hãy đọc lý do này cho xưởng: {reason}",
    ),
    "by-playbook": (
        "this box was configured from a control machine, so the page cannot give it another site: call the "
        "workshop",
        "thiết bị đã được cấu hình từ máy tính của xưởng nên không thể nhận điểm khác qua trang này: hãy gọi "
        "xưởng",
    ),
    "bundle-large": (
        "the list of all sites is too large for this box: bring the box to the workshop",
        "danh sách điểm quá lớn đối với thiết bị: hãy đưa thiết bị về xưởng",
    ),
    "bundle-older": (
        "the list of all sites on this box is older than one that it had before: bring the box to the "
        "workshop, which puts the newest list there",
        "danh sách điểm trong thiết bị cũ hơn danh sách đã dùng trước đó: hãy đưa thiết bị về xưởng để chép "
        "danh sách mới nhất",
    ),
    "answer-other-site": (
        "the centre's answer is for site {site}, and the box has another one: undo the site and claim it "
        "again",
        "câu trả lời của trung tâm dành cho điểm {site}, còn thiết bị đã nhận điểm khác: hãy hủy việc "
        "nhận điểm rồi nhận lại",
    ),
    "folder-foreign": (
        "the folder {folder} on the card does not belong to the agent, so nothing was set apart: call the "
        "workshop",
        "phần mềm của thiết bị không phải là chủ sở hữu thư mục {folder} trong thẻ nhớ nên chưa lưu riêng "
        "được dữ liệu của điểm cũ: hãy gọi xưởng",
    ),
    "root-failed": (
        "the box could not do this step: restart it and try again; if it stays so, call the workshop, which "
        "finds the error in the journal",
        "thiết bị gặp lỗi ở bước này: hãy khởi động lại thiết bị rồi thử lại; nếu vẫn vậy thì gọi xưởng, "
        "lỗi đã được ghi trong nhật ký của thiết bị",
    ),
    "configuration-wrong": (
        "the configuration of site {site} has mistakes, call the centre: {reason}",
        "cấu hình của điểm {site} có lỗi, hãy gọi trung tâm: {reason}",
    ),
    "clock-first": (
        "the clock of the box is not set, and the report would have no date: wait until a time server has "
        "set it, let the box be examined again, then sign",
        "đồng hồ của thiết bị chưa được đặt giờ nên biên bản sẽ để trống ngày, giờ: chờ máy chủ giờ trả "
        "lời, chạm Kiểm tra lại, sau đó mới ký",
    ),
    "examined-first": ("let the box be examined first", "hãy kiểm tra thiết bị trước"),
    "examination-failed": (
        "the examination ended without a result: {reason}; try again",
        "lần kiểm tra này không có kết quả: {reason}; hãy thử lại",
    ),
    "picture-wrong": (
        "this photo cannot be read: take another one",
        "không đọc được ảnh này: hãy chụp lại",
    ),
    "request-wrong": (
        "the page sent something else than expected: load it again",
        "trang gửi sai dữ liệu: hãy tải lại trang",
    ),
    "network-unavailable": (
        "this box cannot change its network from here: ask the workshop",
        "không đổi được cấu hình mạng của thiết bị tại đây: hãy hỏi xưởng",
    ),
    "apn-wrong": (
        "“{text}” is not an access point name, which has letters, digits, dots and hyphens only, such as "
        "v-internet",
        "“{text}” không phải là tên điểm truy cập (APN): tên này chỉ gồm chữ không dấu, số, dấu chấm, dấu "
        "gạch nối, ví dụ v-internet",
    ),
    "pin-wrong": ("a PIN has 4 to 8 digits", "mã PIN gồm 4 đến 8 chữ số"),
    "pin-alone": (
        "nothing was changed: type the access point (APN) of the SIM card too",
        "chưa thay đổi gì: hãy nhập cả APN của nhà mạng cùng với mã PIN",
    ),
    "address-wrong": (
        "“{text}” is not the address of a machine with its network, such as 10.0.0.9/24",
        "“{text}” không phải là địa chỉ IP kèm độ dài tiền tố mạng, ví dụ 10.0.0.9/24",
    ),
    "gateway-wrong": (
        "“{text}” is not the address of another machine in the network {network}",
        "địa chỉ bộ định tuyến “{text}” không hợp lệ: phải là địa chỉ của một máy khác trong mạng {network}",
    ),
    "gateway-alone": (
        "nothing was changed: type the static address too; with DHCP leave the router empty",
        "chưa thay đổi gì: hãy nhập cả địa chỉ IP tĩnh; nếu dùng DHCP thì để trống địa chỉ bộ định tuyến",
    ),
    "network-empty": (
        "nothing was changed: type an access point (APN) or a static address",
        "chưa thay đổi gì: hãy nhập APN hoặc địa chỉ IP tĩnh",
    ),
    "network-refused": (
        "the network was not changed: {reason}",
        "chưa đổi được cấu hình mạng: {reason}",
    ),
    "network-interface": (
        "the network was not changed: the box has several wired ports, or none ({names}), and this page "
        "cannot choose: ask the workshop",
        "chưa đổi được cấu hình mạng: thiết bị có nhiều cổng Ethernet hoặc không có cổng nào ({names}), "
        "trang này không tự chọn được cổng: hãy hỏi xưởng",
    ),
    "network-by-hand": (
        "the network was not changed: the system of this box does not permit it from here: ask the workshop",
        "chưa đổi được cấu hình mạng: hệ điều hành của thiết bị không cho đổi từ trang này: hãy hỏi xưởng",
    ),
    "network-pin-last": (
        "no PIN was tried: the SIM card accepts only one more, and a wrong one blocks it. Put it into a "
        "phone and type the right PIN there",
        "chưa thử mã PIN: SIM chỉ còn một lần nhập, nhập sai nữa thì SIM bị khóa. Hãy lắp SIM vào điện thoại "
        "và nhập đúng mã PIN",
    ),
    "network-pin-wrong": (
        "the SIM card does not accept this PIN; it is not tried again. Ask for the right one: after three "
        "wrong ones the card is blocked",
        "SIM không chấp nhận mã PIN này; thiết bị sẽ không thử lại. Hãy hỏi mã đúng: nhập sai ba lần thì SIM "
        "bị khóa",
    ),
    "network-sim-offline": (
        "the SIM card is set up, but does not connect yet: check the antenna, the reception and the access "
        "point; the box tries again by itself",
        "đã cấu hình SIM nhưng chưa kết nối được: hãy kiểm tra ăng-ten, sóng và điểm truy cập (APN); thiết "
        "bị sẽ tự thử lại",
    ),
    "uplink-none": (
        "not sent to the centre yet: {reason}. The box tries again by itself",
        "chưa gửi được về trung tâm: {reason}. Thiết bị sẽ tự gửi lại",
    ),
    "answer-none": (
        "the centre has the claim; its answer cannot be fetched yet: {reason}. The box tries again by itself",
        "trung tâm đã nhận yêu cầu; thiết bị chưa kết nối lại được để lấy câu trả lời: {reason}. Thiết bị sẽ "
        "tự kết nối lại",
    ),
    "broker-silent": (
        "the broker does not answer as expected",
        "máy chủ nhận tin không trả lời hoặc trả lời sai",
    ),
    "uplink-clock": (
        "not sent to the centre yet: the box's clock is wrong, so it trusts no certificate. It is right as "
        "soon as a time server answers",
        "chưa gửi được về trung tâm: đồng hồ của thiết bị sai nên chưa kiểm tra được chứng thư. Đồng hồ sẽ "
        "đúng khi máy chủ giờ trả lời",
    ),
    "no-enrolment": (
        "not sent to the centre: this box has no certificate to claim with; call the workshop",
        "chưa gửi được về trung tâm: thiết bị không có chứng thư để gửi yêu cầu nhận điểm; hãy gọi xưởng",
    ),
    "answer-invalid": (
        "the centre's answer is not signed by this fleet, so it is ignored",
        "câu trả lời của trung tâm không có chữ ký số hợp lệ nên bị bỏ qua",
    ),
    "camera-found": ("found", "đã tìm thấy"),
    "camera-other-port": (
        "answers, but not at the address of its stream: {address}",
        "camera có trả lời nhưng không cho xem luồng tại {address}",
    ),
    "camera-missing": (
        "not found at {address}: check power, cable and address",
        "không tìm thấy tại {address}: kiểm tra nguồn, dây mạng và địa chỉ",
    ),
    "camera-not-activated": (
        "found, but it has no password yet: set it in the camera's own page",
        "đã tìm thấy, nhưng chưa đặt mật khẩu: hãy đặt trên trang của camera",
    ),
    "camera-stranger": (
        "{address}: a camera that is not in the list of this site",
        "{address}: camera không có trong danh sách của điểm",
    ),
}


class CommissioningError(EdgeAgentError):
    """A step was not done. The text is for the technician, in both languages. Nothing was changed unless the
    text says so."""

    def __init__(self, code: str, **figures: object) -> None:
        self.code = code
        self.text: Bilingual = words(code, **figures)
        super().__init__(self.text)


def words(code: str, **figures: object) -> Bilingual:
    """Return the sentence in both languages; lists are joined with commas."""
    shown = {name: ", ".join(value) if isinstance(value, list) else value for name, value in figures.items()}
    return both(COMMISSIONING, code, **shown)
