"""Sentences about releases: how a trial ended, and the replies to ``update``, ``update-piece`` and ``model``.

Root's program for updates has its own copy of the English ``VERDICTS`` and ``REASONS``, because it runs
beside agents of any release: ansible/roles/update/files/edge_update/sentences.py.
"""

from __future__ import annotations

from edge_agent.core.languages import Sentences

VERDICTS: Sentences = {
    "release-in-force": ("{version} is in force", "đang dùng bản {version}"),
    "release-kept": (
        "{version} is in force and connected; before it was {before}",
        "bản {version} đang được dùng và kết nối tốt; trước đó là {before}",
    ),
    "release-kept-first": (
        "{version} is in force and connected; there was no release before",
        "bản {version} đang được dùng và kết nối tốt; trước đó chưa có bản nào",
    ),
    "release-failed": (
        "{version} failed its trial: {why}; {result}",
        "bản {version} không đạt: {why}; {result}",
    ),
    "release-back": ("back to {before}", "đã quay về bản {before}"),
    "release-replaced": (
        "meanwhile release {found} was put in force and stays so",
        "trong lúc đó thiết bị đã được chuyển sang bản {found} và vẫn dùng bản đó",
    ),
    "release-removed": (
        "meanwhile the release in force was removed; the updater does not restore it",
        "trong lúc đó bản đang dùng đã bị gỡ; thiết bị giữ nguyên, không cài lại bản cũ",
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
        "bị dừng: quá trình thử bị ngắt {times} lần",
    ),
    "release-given-up": (
        "crashing: systemd no longer restarts it",
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
    "release-other-answers": ("{version} answers", "phần mềm đang trả lời là bản {version}"),
    "release-no-broker": ("no broker", "không kết nối được máy chủ nhận tin"),
    "release-no-picture": ("no picture from {camera}", "{camera} không có hình"),
    "release-no-detector": ("the detector does not work ({why})", "bộ nhận dạng không hoạt động ({why})"),
}

DOWNLOADS: Sentences = {
    "nothing-changed": ("{why}; nothing was changed", "{why}; chưa thay đổi gì"),
    "download-failed": ("{file} cannot be fetched: {error}", "không tải được {file}: {error}"),
    "download-kept": (
        "{why}; the part that was fetched is kept for the next update",
        "{why}; phần đã tải về được lưu để dùng cho lần cập nhật sau",
    ),
    "download-not-signed": (
        "{file} is not the file that the manifest signs",
        "{file} không phải tệp được ký số trong manifest",
    ),
    "agent-stops-continues": (
        "the agent stops; it continues with this command after its next start",
        "phần mềm đang dừng; khi chạy lại sẽ thực hiện tiếp lệnh này",
    ),
    "disk-not-written": ("the disk cannot be written", "không ghi được vào ổ đĩa"),
    "disk-too-full": (
        "{needed_mb} MB of disk are needed, {free_mb} MB are free",
        "cần {needed_mb} MB trên ổ đĩa, chỉ còn trống {free_mb} MB",
    ),
}

UPDATES: Sentences = {
    "update-not-set-up": (
        "this gateway accepts no signed releases: root's program is not set up (role update)",
        "thiết bị chưa cài được bản phát hành đã ký số vì chưa có chương trình của root (role update)",
    ),
    "update-manifest-unreadable": (
        "the manifest cannot be read: {error}",
        "không đọc được manifest: {error}",
    ),
    "update-manifest-names": (
        "the manifest has an invalid version, or a wheel with an invalid name or size",
        "manifest có phiên bản không hợp lệ, hoặc có wheel sai tên hoặc sai kích thước",
    ),
    "update-under-way": ("update {command} is under way", "đang cập nhật theo lệnh {command}"),
    "update-replaced": (
        "another update has replaced this one",
        "đã được thay bằng một lệnh cập nhật khác",
    ),
    "update-fetches": (
        "fetching wheel {number} of {wheels}: {name}",
        "đang tải wheel {number}/{wheels}: {name}",
    ),
    "update-waits": (
        "{version} is not complete: pieces missing: {pieces}, of wheels: {wheels}",
        "chưa nhận đủ bản {version}: còn thiếu {pieces} phần của {wheels} wheel",
    ),
    "update-requested": (
        "{version} is on the gateway; root's program was asked to install it",
        "thiết bị đã có bản {version}; đã yêu cầu chương trình của root cài bản này",
    ),
    "update-does-fetching": ("{version} is being fetched", "đang tải bản {version}"),
    "update-does-installing": ("{version} is being installed", "đang cài bản {version}"),
    "update-does-trial": (
        "{version} is on trial until {until} at the latest",
        "đang thử bản {version}, muộn nhất đến {until}",
    ),
    "update-no-answer": (
        "root's program does not answer: check edge-agent-update.path on the gateway",
        "chương trình của root không trả lời: kiểm tra edge-agent-update.path trên thiết bị",
    ),
    "update-wants-no-piece": (
        "no update {update} waits for pieces",
        "không có lệnh cập nhật {update} nào còn chờ nhận các phần của tệp",
    ),
    "update-has-wheel": ("{wheel} is not missing", "đã có đủ wheel {wheel}"),
    "update-piece-not-stored": ("the piece cannot be stored: {error}", "không lưu được phần này: {error}"),
    "update-piece-no-base64": ("the piece is not base64", "phần gửi tới không phải base64"),
    "update-piece-not-signed": (
        "this is not the signed piece {index} of {wheel}",
        "đây không phải phần {index} đã ký số của {wheel}",
    ),
    "update-pieces-other-wheel": (
        "the signed pieces of {wheel} do not make the wheel of the manifest",
        "các phần đã ký số của {wheel} ghép lại không thành wheel ghi trong manifest",
    ),
    "update-no-pieces": (
        "the gateway does not have {wheel}, and it is not among the pieces: give a url",
        "thiết bị chưa có {wheel}, và các phần gửi tới không có wheel này: hãy ghi url",
    ),
    "update-pieces-sum": (
        "the pieces do not add up to {wheel}",
        "các phần không ghép đủ thành {wheel}",
    ),
    "update-too-many-pieces": (
        "there are more than {limit} pieces: give a url",
        "có hơn {limit} phần: hãy ghi url",
    ),
}

MODEL_COMMANDS: Sentences = {
    "model-not-auto": (
        "detector.model is {model} in the configuration of this gateway; only with auto does the centre "
        "choose the model",
        "cấu hình của thiết bị ghi detector.model là {model}; trung tâm chỉ chọn mô hình khi mục này là auto",
    ),
    "model-no-detector": (
        "no detector runs on this gateway; its health says why",
        "bộ nhận dạng của thiết bị không chạy; xem lý do trong trạng thái của thiết bị",
    ),
    "model-needs": ("{action} needs {names}", "{action} cần có {names}"),
    "model-fetches": ("fetching {file}, {bytes} bytes", "đang tải {file}, {bytes} byte"),
    "model-manifest": ("manifest: {error}", "manifest: {error}"),
    "model-manifest-unsigned": (
        "{why}: do not install the model",
        "{why}: không được cài mô hình này",
    ),
    "model-manifest-malformed": (
        "this is not the manifest of a model release: {error}",
        "đây không phải manifest của một bản phát hành mô hình: {error}",
    ),
    "model-manifest-other": (
        "it is signed, but it is not a model release: do not install the model",
        "có chữ ký số, nhưng không phải bản phát hành mô hình: không được cài mô hình này",
    ),
    "model-manifest-count": (
        "the manifest names {models} models (.tflite), and not one",
        "manifest ghi {models} mô hình (.tflite), trong khi phải ghi đúng một",
    ),
    "model-on-probation": (
        "{name} is on probation: wait for its end, or send action=back",
        "{name} đang trong thời gian theo dõi: chờ hết thời gian, hoặc gửi action=back",
    ),
    "model-in-shadow": (
        "{name} is in shadow mode: wait for its end, or send action=back",
        "{name} đang chạy thử song song: chờ kết thúc, hoặc gửi action=back",
    ),
    "model-unusable": ("{name} cannot be used: {why}", "không dùng được {name}: {why}"),
    "model-file-changed": (
        "{file}: the file is missing, or has changed on the disk",
        "{file}: tệp không còn hoặc đã thay đổi trên ổ đĩa",
    ),
    "model-not-tried": (
        "no model {sha256} was tried on this gateway: send action=try first",
        "thiết bị chưa chạy thử mô hình {sha256}: hãy gửi action=try trước",
    ),
    "model-runs-beside": (
        "{name} runs beside {other} on {percent} % of the analysed frames until {until}",
        "{name} chạy thử song song với {other} trên {percent}% khung hình được phân tích, đến {until}",
    ),
    "model-tried": ("{name} was tried; {verdict}; {figures}", "đã chạy thử {name}; {verdict}; {figures}"),
    "model-may-switch": ("a switch is allowed", "được phép chuyển"),
    "model-may-not-switch": ("a switch would be refused: {why}", "chưa được phép chuyển: {why}"),
    "model-switch-refused": (
        "no switch to {name}: {why}; {figures}",
        "không chuyển sang {name}: {why}; {figures}",
    ),
    "model-trial-switched": (
        "the gateway has switched to {name}; {figures}",
        "thiết bị đã chuyển sang {name}; {figures}",
    ),
    "model-begins-probation": (
        "{name} is in force, on probation until {until}",
        "đang dùng {name}, theo dõi đến {until}",
    ),
    "model-trial-ended": ("the shadow mode of {name} has ended", "đã dừng chạy thử song song {name}"),
    "model-none-before": (
        "the model that ships is in force, there is none to go back to",
        "đang dùng mô hình có sẵn trong phần mềm, không có mô hình trước để quay về",
    ),
    "model-in-force": ("{name} is in force", "đang dùng {name}"),
    "model-in-force-again": ("{name} is in force again", "đã dùng lại {name}"),
    "model-figures": ("{parts:;}", "{parts:;}"),
    "model-figures-objects": (
        "{frames} frames, {agreement}: {both} objects by both, {old} only by the model in force, {new} only "
        "by the new one",
        "{frames} khung hình, {agreement}: cả hai mô hình cùng phát hiện {both} người, phương tiện; chỉ mô "
        "hình đang dùng phát hiện {old}, chỉ mô hình mới phát hiện {new}",
    ),
    "model-figures-agreement": ("agreement {agreement:.2f}", "mức trùng khớp {agreement:.2f}"),
    "model-figures-no-agreement": ("no agreement known", "chưa rõ mức trùng khớp"),
    "model-figures-times": (
        "{old_ms:.1f} ms and {new_ms:.1f} ms an inference",
        "mỗi lần nhận dạng: mô hình đang dùng mất {old_ms:.1f} ms, mô hình mới mất {new_ms:.1f} ms",
    ),
    "model-figures-failures": (
        "{failures} inferences failed",
        "{failures} lần nhận dạng bị lỗi",
    ),
}

RELEASES: Sentences = {**VERDICTS, **REASONS, **DOWNLOADS, **UPDATES, **MODEL_COMMANDS}
