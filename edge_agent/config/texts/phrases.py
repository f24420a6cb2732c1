"""Names of types, units and reasons that other modules give in English, with their Vietnamese."""

from __future__ import annotations

from edge_agent.core.languages import Bilingual

PHRASES = {
    "widths of the picture": "lần chiều rộng của hình",
    "dates": "ngày",
    "line": "vạch ảo",
    "zone": "vùng",
    "levels such as tb/v1, without + # or spaces": "gồm các cấp như tb/v1, không có +, # và dấu cách",
    "the name of a profile": "tên hồ sơ bo mạch",
    "an id": "mã",
    "text": "một dòng chữ",
    "a user name": "tên đăng nhập",
    "a topic": "chủ đề",
    "a path": "đường dẫn",
    "a path below /": "đường dẫn bắt đầu bằng /",
    "a name": "tên",
    "a sentence": "một câu",
    "a version": "phiên bản",
    "an address": "địa chỉ",
    "a machine name": "tên kiến trúc máy (như lệnh uname -m in ra)",
    "a directory": "thư mục",
    "a certificate file": "tệp chứng thư",
    "a CA certificate file": "tệp chứng thư của CA",
    "a key file": "tệp khóa",
    "the id of a zone": "mã của một vùng",
    "the id of a line": "mã của một vạch ảo",
    "1 to 63 of a-z, 0-9 and -": "1 đến 63 ký tự a-z, 0-9 và -",
    "days": "ngày",
    "hours": "giờ",
    "seconds": "giây",
    "milliseconds": "mili giây",
    "degrees": "độ",
    "metres": "mét",
    "lengths": "độ dài",
    "degrees Celsius": "°C",
    "pixels": "điểm ảnh",
    "objects": "người, phương tiện",
    "pictures a second": "khung hình/giây",
    "inferences a second": "lần nhận dạng/giây",
    "of the picture's width or height": "(tính theo chiều rộng hoặc chiều cao hình)",
    "broker addresses": "địa chỉ máy chủ nhận tin",
    "addresses": "địa chỉ",
    "entries": "mục",
    "files and folders": "tệp và thư mục",
    "types of commands": "loại lệnh",
    "minutes": "phút",
    "a date": "ngày",
    "a library name": "tên thư viện",
    "a pattern": "mẫu",
    "a host, or host:port": "tên máy, hoặc tên-máy:cổng",
    "auto, or a file name in firmware_profiles/ without .yaml": (
        "auto, hoặc tên một tệp trong firmware_profiles/ không kèm .yaml"
    ),
    "such as 2021-06-23": "viết theo kiểu năm-tháng-ngày",
    "with a number": "có chữ số",
    "without spaces": "không có dấu cách",
    "host:port": "tên-máy:cổng",
    "rule": "quy tắc",
    "a mapping such as sites: 20": "nhóm mục, ví dụ sites: 20",
    "class labels": "nhãn",
    "cameras": "camera",
    "the configuration": "ngoài cùng của tệp",
    "day is out of range for month": "tháng đó không có ngày này",
    "month must be in 1..12": "tháng phải từ 1 đến 12",
    "no such file": "không có tệp này",
    "permission denied": "không có quyền đọc",
    "points": "mốc",
    "rules": "quy tắc",
    "zones": "vùng",
    "lines": "vạch ảo",
    "polygons": "đa giác",
}


def phrase(english: str) -> str:
    """Return a phrase with its Vietnamese, if it has one."""
    ours = PHRASES.get(english)
    return english if ours is None else Bilingual(english, ours)
