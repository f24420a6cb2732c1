"""Sentences about evidence: its storage, the journal, the signing key, and the verdict on a stored event."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

STORAGE: Sentences = {
    "two-reasons": ("{first}; {second}", "{first}; {second}"),
    "evidence-disk-full": ("the disk is full", "ổ đĩa đầy"),
    "evidence-disk-read-only": ("the disk is read-only", "ổ đĩa đang ở chế độ chỉ đọc"),
    "evidence-disk-failed": ("the disk failed ({error})", "ổ đĩa bị lỗi ({error})"),
    "evidence-used-up": (
        "storage.max_bytes ({bytes}) is used up, and the stored files belong to more severe events or are "
        "held",
        "đã dùng hết storage.max_bytes ({bytes}), các tệp đang lưu đều thuộc sự kiện nghiêm trọng hơn hoặc "
        "đang được giữ lại",
    ),
    "evidence-disk-short": (
        "the disk is short of space: {free_mb} MB free, and {keep_free_mb} MB must stay free "
        "(storage.keep_free)",
        "ổ đĩa không đủ chỗ: còn trống {free_mb} MB, phải chừa {keep_free_mb} MB (storage.keep_free)",
    ),
    "evidence-disk-short-held": (
        "the disk is short of space: {free_mb} MB free, and {keep_free_mb} MB must stay free "
        "(storage.keep_free); stored files of more severe events and held files are not deleted",
        "ổ đĩa không đủ chỗ: còn trống {free_mb} MB, phải chừa {keep_free_mb} MB (storage.keep_free); không "
        "xóa tệp của sự kiện nghiêm trọng hơn và tệp đang được giữ lại",
    ),
    "journal-failed": ("journal: {why}", "nhật ký chứng cứ: {why}"),
    "journal-missed": (
        "journal: {why}; {events} events are not in it",
        "nhật ký chứng cứ: {why}; thiếu {events} sự kiện",
    ),
    "journal-unwritable": (
        "cannot be written ({error}); events go on without it",
        "không ghi được ({error}); sự kiện vẫn được gửi",
    ),
    "journal-disk-silent": (
        "the disk accepted no writes for a while",
        "ổ đĩa có lúc không ghi được",
    ),
    "journal-disk-short": (
        "less than {megabytes} MB of the disk are free",
        "ổ đĩa còn trống dưới {megabytes} MB",
    ),
}

KEYS: Sentences = {
    "evidence-unsigned": (
        "events are not signed, the library cryptography is missing ({error})",
        "sự kiện không được ký số vì thiếu thư viện cryptography ({error})",
    ),
    "evidence-key-new": (
        "{why}; events are signed with a new key from now on, which the birth message contains",
        "{why}; từ nay ký số bằng khóa mới, thiết bị đã báo khóa này cho trung tâm",
    ),
    "evidence-key-in-memory": (
        "{why}; events are signed with a temporary key, which is lost when the agent stops; the birth "
        "message contains it",
        "{why}; đang ký số bằng khóa tạm, khóa này mất khi phần mềm dừng; thiết bị đã báo khóa cho trung tâm",
    ),
    "evidence-key-gone": ("{file} is gone", "tệp {file} không còn"),
    "evidence-key-unusable": ("{file}: {error}", "khóa {file} không dùng được: {error}"),
    "evidence-key-unreadable": ("{file} cannot be read ({error})", "không đọc được {file} ({error})"),
    "evidence-key-unwritable": ("{file} cannot be written ({error})", "không ghi được {file} ({error})"),
}

VERDICTS: Sentences = {
    "as-signed": ("as it was signed", "đúng như khi ký"),
    "signed-itself": (
        "its own signature is valid; the fields around it, such as its time, are signed by the next head "
        "only",
        "chữ ký số của chính sự kiện này hợp lệ; thời gian và các phần đi kèm chỉ được chữ ký số kế tiếp "
        "bảo đảm",
    ),
    "no-gateway-key": (
        "no public key was given (--gateway-key): no signature was checked",
        "không có khóa công khai (--gateway-key) nên chưa kiểm tra được chữ ký số nào",
    ),
    "head-changed": (
        "its signature is not valid: something in this head was changed",
        "chữ ký số không khớp: nội dung được ký số đã bị sửa",
    ),
    "signed-twice": (
        "two different events of this number are signed: the key is in use elsewhere too",
        "hai sự kiện khác nhau có cùng số thứ tự đều được ký số: khóa của thiết bị còn được dùng ở nơi khác",
    ),
    "bytes-changed": (
        "its bytes are not those that were signed",
        "nội dung không còn đúng như khi ký",
    ),
    "links-broken": (
        "it does not fit the event before or after it: one of the two was changed",
        "không khớp với sự kiện liền trước hoặc liền sau: một trong hai đã bị sửa",
    ),
    "not-signed-yet": (
        "newer than the last event that a head signs",
        "mới hơn sự kiện cuối cùng đã được ký số",
    ),
    "other-key": (
        "signed with the key {key}, which was not given",
        "ký bằng khóa {key}, không phải khóa thiết bị đã báo",
    ),
    "signed-with": ("signed with the key of {name}", "ký bằng khóa của {name}"),
    "other-key-of": (
        "signed with the key {key}, which was not given as one of {gateway}",
        "ký bằng khóa {key}, không phải khóa của {gateway}",
    ),
    "next-given-up": (
        "the event after it was given up ({event}), and no signed head names this event itself",
        "sự kiện liền sau đã bị bỏ ({event}) nên không có chữ ký số nào dẫn đến sự kiện này",
    ),
    "not-reached": (
        "the links from the signed event {event} do not reach it: see what comes between",
        "chuỗi từ sự kiện đã ký {event} không dẫn đến sự kiện này: xem các sự kiện ở giữa",
    ),
}

EVIDENCE: Sentences = {**STORAGE, **KEYS, **VERDICTS}
