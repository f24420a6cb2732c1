"""Sentences of root's program for updates: how the trial of a release ended.

Root's program has its own copy of the English sentences, because it runs beside agents of any release:
ansible/roles/update/files/edge_update/sentences.py.
"""

from __future__ import annotations

from edge_agent.core.languages import Sentences

VERDICTS: Sentences = {
    "release-in-force": ("{version} is in force", "đang dùng bản {version}"),
    "release-kept": (
        "{version} is in force and connected; before it was {before}",
        "bản {version} đã được dùng và kết nối tốt; trước đó là {before}",
    ),
    "release-kept-first": (
        "{version} is in force and connected; before it was nothing",
        "bản {version} đã được dùng và kết nối tốt; trước đó chưa có bản nào",
    ),
    "release-failed": (
        "{version} failed its trial: {why}; {result}",
        "bản {version} không đạt: {why}; {result}",
    ),
    "release-back": ("back to {before}", "đã quay về bản {before}"),
    "release-replaced": (
        "{found} was put in force meanwhile, which stays",
        "có người đã chuyển sang bản {found}, bản này được giữ",
    ),
    "release-removed": (
        "no release was put in force meanwhile, which stays",
        "có người đã gỡ bản đang dùng, giữ nguyên như vậy",
    ),
    "release-no-other": (
        "there is no {before} to go back to, so it stays",
        "không có bản {before} để quay về nên vẫn dùng bản này",
    ),
    "release-none-other": (
        "there is no other release to go back to, so it stays",
        "không có bản nào khác để quay về nên vẫn dùng bản này",
    ),
}

REASONS: Sentences = {
    "release-trial-cut": (
        "crashing: its trial was cut off {times} times",
        "bị dừng: lần thử bị ngắt {times} lần",
    ),
    "release-given-up": (
        "crashing: systemd restarts it no more",
        "bị dừng: systemd không khởi động lại nữa",
    ),
    "release-crashing": (
        "crashing: it ended {times} times in {seconds} s",
        "bị dừng {times} lần trong {seconds} giây",
    ),
    "release-unhealthy": (
        "unhealthy: {why} for {seconds} s",
        "hoạt động không tốt: {why}, kéo dài {seconds} giây",
    ),
    "release-never-healthy": (
        "it was never healthy for {seconds} s without interruption",
        "không lúc nào hoạt động tốt liên tục {seconds} giây",
    ),
    "release-silent": ("it does not answer", "phần mềm không trả lời"),
    "release-other-answers": ("{version} answers", "bản {version} trả lời"),
    "release-no-broker": ("no broker", "không kết nối được máy chủ nhận tin"),
    "release-no-picture": ("no picture from {camera}", "{camera} không có hình"),
}

RELEASES: Sentences = {**VERDICTS, **REASONS}
