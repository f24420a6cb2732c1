"""The sentences of ``edge-agent passages`` and ``edge-agent rehearse``: English, Vietnamese."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.core.languages import Lang, Sentences

PASSAGES: Sentences = {
    "none": ("no such passage is stored here", "thiết bị không lưu lượt đi qua nào như vậy"),
    "no-hold": ("no passage is kept beyond its time", "không có lượt đi qua nào được giữ lại"),
    "pictures": ("{folder}: {count} pictures", "{folder}: {count} ảnh"),
    # --- the table ---
    "time": ("time", "thời gian"),
    "for": ("for", "trong hình"),
    "what": ("what", "loại"),
    "to": ("to", "hướng"),
    "speed": ("speed", "tốc độ"),
    "remarks": ("colours, reports", "màu, quy tắc đã báo"),
    "seconds": ("{seconds:.0f}s", "{seconds:.0f} giây"),
    "unknown": ("unknown", "vật chưa rõ"),
    "direction-up": ("up", "lên"),
    "direction-right": ("right", "sang phải"),
    "direction-down": ("down", "xuống"),
    "direction-left": ("left", "sang trái"),
    "light-dusk": ("dusk", "thiếu sáng"),
    "light-infrared": ("infrared", "hồng ngoại"),
    "report": ("reported by {rule}", "quy tắc {rule} đã báo"),
    "not-synced": ("clock not synchronised", "đồng hồ chưa đồng bộ"),
    "until": ("until {time}", "giữ đến {time}"),
    "case": ("case {case}", "vụ việc {case}"),
    "not-stored": ("not stored any more", "không còn được lưu"),
    # --- why rows may be missing ---
    "limit": (
        "there may be older ones: these are the newest {limit} (--limit)",
        "có thể còn lượt cũ hơn: đây là {limit} lượt mới nhất (--limit)",
    ),
    "no-camera": (
        "the configuration has no camera {camera}; it has: {known}",
        "cấu hình không có camera {camera}; các camera hiện có: {known}",
    ),
    "no-ground": (
        "no camera has a ground plane, which --speed and --heading need (docs/guide/ground.md)",
        "chưa đo mặt đường ở camera nào nên không lọc được bằng --speed và --heading (docs/guide/ground.md)",
    ),
    "stored-later": (
        "the agent stores an object when it has left the picture, at most a minute later",
        "phần mềm chỉ lưu lượt đi qua khi người, phương tiện đã ra khỏi hình, chậm nhất sau một phút",
    ),
    # --- what is not possible ---
    "pictures-need": (
        "--pictures needs --by and --purpose: who opens pictures of people is recorded",
        "--pictures phải kèm --by và --purpose: ai mở ảnh có người đều được ghi lại",
    ),
    "limit-range": ("--limit {given}: at least 1, at most {most}", "--limit {given}: từ 1 đến {most}"),
    "colours-are": (
        "--colour {given}: the colours are {known}",
        "--colour {given}: chỉ có các màu {known}",
    ),
    "parts-are": ("--colour {given}: the parts are {known}", "--colour {given}: chỉ có các phần {known}"),
    "to-before-from": ("--to is before --from", "--to sớm hơn --from"),
    "line-needs": (
        "--line needs one --camera: it is drawn on the picture of a camera",
        "--line phải kèm đúng một --camera: vạch được vẽ trên hình của một camera",
    ),
}

REHEARSE: Sentences = {
    "head": (
        "{camera}, rule {rule} ({kind}), {first} to {last}",
        "{camera}, quy tắc {rule} ({kind}), từ {first} đến {last}",
    ),
    "none": (
        "no passage of this camera is stored in these days: nothing can be rehearsed",
        "trong những ngày này không có lượt đi qua nào của camera được lưu: không chạy thử được",
    ),
    "passages": (
        "{passages} objects since {first}, {used} of them could matter",
        "{passages} lượt đi qua kể từ {first}, trong đó {used} lượt liên quan đến quy tắc",
    ),
    "undated": (
        "{count} objects are left out: the clock was not synchronised",
        "{count} lượt không được tính: lúc đó đồng hồ chưa đồng bộ",
    ),
    "approximate": (
        "approximate: a passage does not hold all that {kind} judges (docs/design/rehearsal.md)",
        "kết quả gần đúng: lượt đi qua không lưu đủ những gì {kind} cần (docs/design/rehearsal.md)",
    ),
    # --- the table ---
    "draft": ("draft", "bản nháp"),
    "in-force": ("in force", "đang dùng"),
    "objects": ("objects", "số lượt"),
    "live": ("live", "thực tế"),
    "hour": ("hour", "giờ"),
    "reports": ("{count} reports", "{count} lần báo"),
    "crossed": (
        "{a_to_b} crossed from A to B, {b_to_a} from B to A",
        "{a_to_b} lần từ A sang B, {b_to_a} lần từ B sang A",
    ),
    "compared": (
        "both {both}, only the draft {draft}, only the rule in force {in_force}",
        "cả hai đều báo {both}, chỉ bản nháp báo {draft}, chỉ quy tắc đang dùng báo {in_force}",
    ),
    "reported-live": (
        "{count} objects were reported under this id, maybe with other settings",
        "{count} lượt đã được báo theo mã quy tắc này, có thể khi quy tắc được đặt khác",
    ),
    "most": ("most: {most}", "nhiều nhất: {most}"),
    "most-from": ("{count} from {hour}", "{count} lần, từ {hour}"),
    "most-none": ("none", "không có"),
    "weekdays": ("Mon Tue Wed Thu Fri Sat Sun", "T2 T3 T4 T5 T6 T7 CN"),
    # --- examples ---
    "time": ("time", "thời gian"),
    "passage": ("passage", "lượt"),
    "what": ("what", "loại"),
    "reported-by": ("reported by", "quy tắc nào báo"),
    "by-both": ("draft and rule in force", "cả hai"),
    "by-draft": ("draft", "bản nháp"),
    "by-in-force": ("in force", "quy tắc đang dùng"),
    "no-picture": ("no picture", "không có ảnh"),
    "several": ("several", "nhiều lượt"),
    # --- what is not possible ---
    "days-range": (
        "--days {given}: 1 to {most}, because rows are stored no longer",
        "--days {given}: từ 1 đến {most}, vì lượt đi qua không được lưu lâu hơn",
    ),
    "examples-range": ("--examples {given}: 0 to {most}", "--examples {given}: từ 0 đến {most}"),
    "no-camera": PASSAGES["no-camera"],
    "known-none": ("none", "không có camera nào"),
}


def wire_word(vietnamese: Mapping[str, str], word: str, lang: Lang) -> str:
    """Return a word of the wire in that language; the word itself if the table lacks it."""
    return vietnamese.get(word, word) if lang == "vi" else word
