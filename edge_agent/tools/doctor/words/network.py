"""Sentences about the modem and its SIM card, and about the cameras' clocks."""

from __future__ import annotations

from edge_agent.tools.doctor.words.wording import Wording, green, red, skipped, yellow

NETWORK: dict[str, Wording] = {
    "modem-good": green(
        "connected through {operator}, {technology}, signal {percent} %",
        "đã kết nối qua {operator}, {technology}, sóng {percent}%",
    ),
    "modem-counts": green(
        "the modem counts {mb:,.0f} MB in this billing period, all programs together",
        "modem đếm được {mb:,.0f} MB trong kỳ cước này, tính cả các phần mềm khác",
    ),
    "modem-weak": yellow(
        "connected through {operator}, but the signal is weak: {percent} %",
        "đã kết nối qua {operator}, nhưng sóng yếu: {percent}%",
        "turn or move the antenna, out of a metal cabinet; else use a card of another provider",
        "xoay hoặc đổi chỗ ăng-ten, đưa ra ngoài tủ kim loại; nếu vẫn yếu thì dùng SIM của nhà mạng khác",
    ),
    "modem-not-connected": yellow(
        "registered with {operator}, signal {percent} %, but not connected",
        "đã đăng ký mạng {operator}, sóng {percent}%, nhưng chưa kết nối",
        "check the access point (apn) in the sheet; why: journalctl -u NetworkManager -u ModemManager -n 50",
        "kiểm tra điểm truy cập (apn) trong danh sách điểm; xem lý do: journalctl -u NetworkManager "
        "-u ModemManager -n 50",
    ),
    "modem-roaming": yellow(
        "roaming in the network of {operator}: data may be expensive",
        "đang chuyển vùng qua mạng {operator}: cước dữ liệu có thể cao",
        "use a card of a provider whose network covers this site",
        "dùng SIM của nhà mạng có sóng tại đây",
    ),
    "modem-missing": red(
        "no modem is found",
        "không tìm thấy modem",
        "plug it in again, try another USB port and a stronger power supply; lsusb lists it",
        "cắm lại, thử cổng USB khác và nguồn mạnh hơn; lệnh lsusb cho biết thiết bị có nhận được modem không",
    ),
    "modem-no-sim": red(
        "no SIM card is found",
        "không nhận được SIM",
        "switch the gateway off, insert the card again, contacts and notch as drawn on the slot",
        "tắt thiết bị, lắp lại SIM đúng chiều như hình vẽ ở khe",
    ),
    "modem-sim-error": red(
        "the SIM card does not work",
        "SIM bị lỗi",
        "clean its contacts, or use another card",
        "lau sạch mặt tiếp xúc, hoặc đổi SIM khác",
    ),
    "modem-pin": red(
        "the SIM card asks for its PIN; {attempts} attempts are left",
        "SIM yêu cầu mã PIN; còn {attempts} lần thử",
        "take the PIN off the card in a phone, or put it into the vault (base_modem_pin)",
        "tắt mã PIN của SIM bằng điện thoại, hoặc ghi mã PIN vào vault (base_modem_pin)",
    ),
    "modem-puk": red(
        "the SIM card is blocked and asks for its PUK",
        "SIM đã bị khóa, cần mã PUK",
        "unblock it in a phone with the PUK of the provider",
        "lắp SIM vào điện thoại, mở khóa bằng mã PUK do nhà mạng cấp",
    ),
    "modem-locked": red(
        "the modem is locked to another provider or device",
        "modem bị khóa, chỉ dùng được với nhà mạng khác hoặc thiết bị khác",
        "use a card of its provider, or another modem",
        "dùng SIM của đúng nhà mạng đó, hoặc đổi modem khác",
    ),
    "modem-failed": red(
        "ModemManager cannot use this modem",
        "ModemManager không dùng được modem này",
        "why: mmcli -m any and journalctl -u ModemManager -n 50",
        "xem lý do: mmcli -m any và journalctl -u ModemManager -n 50",
    ),
    "modem-denied": red(
        "the network refuses the SIM card",
        "nhà mạng từ chối SIM",
        "is the card activated and paid? Ask the provider",
        "kiểm tra SIM đã kích hoạt chưa, đã đóng cước chưa; hỏi nhà mạng",
    ),
    "modem-not-registered": red(
        "not registered in a network, signal {percent} %",
        "chưa đăng ký được vào mạng, sóng {percent}%",
        "wait a minute after a start; then check antenna and card",
        "chờ một phút sau khi khởi động; sau đó kiểm tra ăng-ten và SIM",
    ),
    "modem-unread": yellow(
        "its state cannot be read: {reason}",
        "không đọc được trạng thái modem: {reason}",
        "sudo systemctl restart ModemManager",
        "sudo systemctl restart ModemManager",
    ),
    "modem-unmanaged": skipped(
        "ModemManager does not run here; with a router the router knows its signal",
        "ModemManager không chạy; nếu dùng bộ định tuyến 4G thì xem sóng trên bộ định tuyến",
    ),
    "camera-clock-right": green(
        "its clock is right, within {offset_s:.0f} s",
        "đồng hồ camera đúng giờ (lệch {offset_s:.0f} giây)",
    ),
    "camera-clock-off": yellow(
        "its clock is {offset_s:,.0f} s off: the time in its pictures is wrong",
        "đồng hồ camera lệch {offset_s:,.0f} giây: giờ ghi trên hình bị sai",
        "sudo edge-agent cameras configure {camera} --ntp",
        "sudo edge-agent cameras configure {camera} --ntp",
    ),
}
