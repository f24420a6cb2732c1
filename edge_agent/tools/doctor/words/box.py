"""Sentences about the gateway: configuration, board, clock, disk, heat, power, detector, agent, outbox."""

from __future__ import annotations

from edge_agent.tools.doctor.words.wording import Wording, green, red, skipped, yellow

BOX: dict[str, Wording] = {
    # --- configuration ---
    "config-good": green(
        "valid; cameras: {cameras}; configuration {hash}",
        "hợp lệ: {cameras} camera, cấu hình {hash}",
    ),
    "config-doubtful": yellow(
        "valid, with {count} doubtful settings: {first}",
        "hợp lệ, nhưng có {count} chỗ cần xem lại: {first}",
        "edge-agent check shows all of it",
        "chạy lệnh edge-agent check để xem tất cả",
    ),
    "secrets-unread": yellow(
        "password or key files cannot be read by this user: {first}",
        "tài khoản đang dùng không đọc được tệp mật khẩu hoặc tệp khóa: {first}",
        "run it with sudo, to test the cameras as well",
        "chạy lại với sudo để kiểm tra được cả camera",
    ),
    # --- board and profile ---
    "board-known": green(
        "{board}, profile {profile}, {os}, edge-agent {version}",
        "{board}, hồ sơ bo mạch {profile}, {os}, edge-agent {version}",
    ),
    "board-other": yellow(
        "the configuration says {profile} ({said}), but this board is {board}, for which there is {better}",
        "cấu hình ghi hồ sơ bo mạch {profile} ({said}), nhưng bo mạch thực tế là {board}; hồ sơ đúng là "
        "{better}",
        "correct profile: in the configuration",
        "sửa mục profile trong cấu hình",
    ),
    "os-other": yellow(
        "{os}: this board's profile was made for {wanted}",
        "đang dùng {os}, trong khi hồ sơ bo mạch này dành cho {wanted}",
        "install one of these systems",
        "cài một trong các hệ điều hành đó",
    ),
    "firmware-good": green("{name} {version}", "{name} {version}"),
    "firmware-old": yellow(
        "{name} {version} is older than {minimum}",
        "{name} {version} cũ hơn {minimum}",
        "{fix}",
        "{fix}",
    ),
    "firmware-unknown": skipped(
        "{name}: its version cannot be read here", "{name}: không đọc được phiên bản"
    ),
    "kernel-off": yellow("{name} are off: {why}", "{name} đang tắt: {why}", "{fix}", "{fix}"),
    "watchdog-armed": green(
        "{found} resets the gateway when it hangs for {timeout_s} s",
        "{found} sẽ khởi động lại thiết bị khi bị treo quá {timeout_s} giây",
    ),
    "watchdog-off": yellow(
        "{found} is not armed; a gateway that hangs is not reset",
        "{found} chưa bật; nếu bị treo, thiết bị sẽ không tự khởi động lại",
        "run prepare.yml again: it has systemd arm it, for {wanted_s} s",
        "chạy lại prepare.yml để systemd bật watchdog, thời hạn {wanted_s} giây",
    ),
    "watchdog-other": yellow(
        "{found} instead of {identity}, the board's own",
        "đang dùng {found}, không phải {identity} của bo mạch",
        "a timer in software hangs with the kernel: unload it (lsmod | grep dog) and restart the gateway",
        "watchdog bằng phần mềm sẽ treo cùng nhân Linux: gỡ ra (lsmod | grep dog), rồi khởi động lại "
        "thiết bị",
    ),
    "watchdog-missing": yellow(
        "there is no {device}, and the board has one ({identity})",
        "không tìm thấy {device}, dù bo mạch có watchdog ({identity})",
        "its driver is missing: install the board's own kernel, then restart the gateway",
        "thiếu trình điều khiển: cài nhân Linux của bo mạch, rồi khởi động lại thiết bị",
    ),
    "watchdog-unknown": skipped("this machine does not report it", "máy này không cung cấp thông tin này"),
    # --- clock ---
    "clock-synced": green("right, set by {source}", "đúng giờ, đồng bộ bằng {source}"),
    "clock-unsynced": red(
        "shows {time}, but it is not synchronised: the times of events may be wrong",
        "đồng hồ đang chỉ {time}, chưa được đồng bộ: giờ của sự kiện có thể sai",
        "is there an uplink? After a start wait a minute, then run it again; if it stays so, tell the centre",
        "kiểm tra đường truyền; nếu thiết bị vừa khởi động thì chờ một phút rồi kiểm tra lại; nếu vẫn vậy "
        "thì báo trung tâm",
    ),
    "clock-offline": yellow(
        "shows {time}; without an uplink no time server can set it",
        "đồng hồ đang chỉ {time}; chưa có đường truyền nên chưa đồng bộ được",
        "nothing has to be done here: it is set when there is an uplink",
        "không phải làm gì tại điểm: đồng hồ tự đồng bộ khi có đường truyền",
    ),
    "clock-not-set-offline": yellow(
        "the clock is not set yet: it shows {time}; without an uplink no time server can set it",
        "đồng hồ chưa được đặt giờ: đang chỉ {time}; chưa có đường truyền nên chưa đồng bộ được",
        "the report leaves its date open; the clock is set when there is an uplink",
        "biên bản để trống ngày, giờ; đồng hồ tự đồng bộ khi có đường truyền",
    ),
    "clock-off": red(
        "shows {time} and is still {off_s:.0f} s wrong; it is being corrected",
        "đồng hồ đang chỉ {time}, còn sai {off_s:.0f} giây, đang được chỉnh",
        "wait a few minutes, then run it again; if it stays so, tell the centre",
        "chờ vài phút rồi kiểm tra lại; nếu vẫn vậy thì báo trung tâm",
    ),
    "clock-not-set": red(
        "the clock is not set yet: it shows {time}",
        "đồng hồ chưa được đặt giờ: đang chỉ {time}",
        "connect the uplink and wait a minute, then sign the report. Certificates "
        "cannot be judged before: they are not at fault",
        "kết nối đường truyền, chờ một phút rồi mới ký biên bản. Khi đồng hồ chưa đúng giờ thì chưa "
        "kiểm tra được chứng thư; lỗi không phải do chứng thư",
    ),
    # --- disk ---
    "disk-good": green(
        "{free_gb:.1f} GB free; a write reaches the disk in {sync_ms:.0f} ms, {write_mb_s:.0f} MB/s",
        "còn trống {free_gb:.1f} GB; mỗi lần ghi xuống ổ đĩa mất {sync_ms:.0f} ms, tốc độ ghi "
        "{write_mb_s:.0f} MB/s",
    ),
    "disk-full": yellow(
        "{percent:.0f} % full, {free_gb:.1f} GB free",
        "đã dùng {percent:.0f}%, còn trống {free_gb:.1f} GB",
        "see what fills it: sudo du -xh / | sort -h | tail; if it is clips, lower storage.max_bytes",
        "xem dữ liệu nào chiếm chỗ: sudo du -xh / | sort -h | tail; nếu là video thì giảm storage.max_bytes",
    ),
    "disk-no-room": red(
        "no room left in {folder}",
        "{folder} đã hết chỗ trống",
        "make room (sudo du -xh / | sort -h | tail) or put in a larger card",
        "xóa bớt dữ liệu (tìm bằng lệnh: sudo du -xh / | sort -h | tail) hoặc thay bằng thẻ nhớ lớn hơn",
    ),
    "disk-short": red(
        "only {free_mb:.0f} MB free in {folder}, and storage.keep_free keeps {keep_mb:.0f} MB free: clips "
        "and pictures cannot be stored",
        "{folder} chỉ còn trống {free_mb:.0f} MB, phải chừa trống {keep_mb:.0f} MB (storage.keep_free): "
        "không lưu được video và ảnh",
        "make room (sudo du -xh / | sort -h | tail) or put in a larger card",
        "xóa bớt dữ liệu (tìm bằng lệnh: sudo du -xh / | sort -h | tail) hoặc thay bằng thẻ nhớ lớn hơn",
    ),
    "evidence-not-stored": red(
        "the agent stores no clips and pictures: {reason}",
        "phần mềm không lưu được video và ảnh: {reason}",
        "see disk: make room on the card or replace it",
        "xem dòng disk (ổ đĩa): xóa bớt dữ liệu trên thẻ nhớ hoặc thay thẻ nhớ",
    ),
    "evidence-degraded": yellow(
        "the agent reports: {reason}",
        "phần mềm báo: {reason}",
        "see disk; if it is good, see journalctl -u edge-agent -n 50",
        "xem dòng disk (ổ đĩa); nếu ổ đĩa tốt thì xem: journalctl -u edge-agent -n 50",
    ),
    "disk-unwritable": red(
        "{folder} cannot be written: {reason}",
        "không ghi được vào {folder}: {reason}",
        "is the card worn out or mounted read-only? dmesg | tail; mount | grep ' / '. Replace the card",
        "kiểm tra thẻ nhớ có bị hỏng hoặc đang ở chế độ chỉ đọc không: dmesg | tail; mount | grep ' / '; "
        "nếu có thì thay thẻ nhớ",
    ),
    "disk-closed": red(
        "{folder} cannot be written by the agent's user, {user}",
        "tài khoản {user} của phần mềm không ghi được vào {folder}",
        "sudo chown -R {user}: {folder}",
        "sudo chown -R {user}: {folder}",
    ),
    "disk-not-ours": yellow(
        "{folder} is not open to this user: not tested",
        "tài khoản đang dùng không vào được {folder}: chưa kiểm tra",
        "run it with sudo",
        "chạy lại với sudo",
    ),
    "disk-slow": yellow(
        "slow: a write reaches the disk in {sync_ms:.0f} ms, {write_mb_s:.1f} MB/s",
        "ghi chậm: mỗi lần ghi xuống ổ đĩa mất {sync_ms:.0f} ms, tốc độ ghi {write_mb_s:.1f} MB/s",
        "use an SSD or a card of class A1 or better; an old card becomes slow before it fails",
        "dùng SSD hoặc thẻ nhớ loại A1 trở lên; thẻ nhớ cũ thường chậm đi trước khi hỏng",
    ),
    "disk-poor": yellow(
        "{name} is of the kind {kind}, which wears out first",
        "{name} thuộc loại {kind}, là loại nhanh hỏng nhất",
        "{advice}",
        "nên dùng: {advice}",
    ),
    "disk-lasting": green(
        "{name} is of the kind {kind}, as this board should have",
        "{name} thuộc loại {kind}, phù hợp với bo mạch này",
    ),
    # --- heat and power ---
    "temperature-good": green("{celsius:.0f} °C", "{celsius:.0f} °C"),
    "temperature-warm": yellow(
        "{celsius:.0f} °C, warm from {warn_c:.0f}",
        "{celsius:.0f} °C, nóng (ngưỡng {warn_c:.0f} °C)",
        "give it shade and air; is the fan running?",
        "che nắng và làm thoáng cho thiết bị; kiểm tra quạt có chạy không",
    ),
    "temperature-hot": red(
        "{celsius:.0f} °C, too hot from {critical_c:.0f}: the board slows itself down",
        "{celsius:.0f} °C, quá nóng (ngưỡng {critical_c:.0f} °C): bo mạch tự giảm tốc",
        "give it shade and air; is the fan running?",
        "che nắng và làm thoáng cho thiết bị; kiểm tra quạt có chạy không",
    ),
    "heat-step": yellow(
        "the agent does less to stay cool: step {step} of 3",
        "phần mềm đang giảm tải để hạ nhiệt: mức {step}/3",
        "give it shade and air; is the fan running?",
        "che nắng và làm thoáng cho thiết bị; kiểm tra quạt có chạy không",
    ),
    "temperature-unknown": skipped("this board has no sensor", "bo mạch này không có cảm biến"),
    "power-good": green("no undervoltage, no throttling", "không sụt áp, không bị giảm tốc"),
    "power-undervoltage": red(
        "undervoltage: the power supply is too weak",
        "sụt áp: bộ nguồn quá yếu",
        "use the board's own power supply and a short, thick cable",
        "dùng đúng bộ nguồn của bo mạch, dây nguồn ngắn, tiết diện lớn",
    ),
    "power-throttled": yellow(
        "the processor is throttled now",
        "bộ xử lý đang bị giảm tốc",
        "see temperature; otherwise a stronger power supply",
        "xem dòng temperature (nhiệt độ); nếu không nóng thì thay bằng bộ nguồn mạnh hơn",
    ),
    "power-was-low": yellow(
        "good now, but there was undervoltage since the start",
        "hiện bình thường, nhưng từ khi khởi động đã có lúc sụt áp",
        "use the board's own power supply and a short, thick cable, then restart the gateway",
        "dùng đúng bộ nguồn của bo mạch, dây nguồn ngắn, tiết diện lớn, rồi khởi động lại thiết bị",
    ),
    "supply-small": yellow(
        "the supply gives {has_ma} mA, and {minimum_ma} are needed",
        "bộ nguồn chỉ cấp {has_ma} mA, cần {minimum_ma} mA",
        "use one of {supply}",
        "dùng bộ nguồn {supply}",
    ),
    "power-unknown": skipped("this board does not report it", "bo mạch này không cung cấp thông tin này"),
    "power-unread": skipped(
        "could not be read: vcgencmd gives no answer", "không đọc được: lệnh vcgencmd không trả lời"
    ),
    # --- detector ---
    "detector-good": green(
        "{name}: {latency_ms:.0f} ms an inference, {possible:.0f} a second; {budget:.0f} wanted",
        "{name}: mỗi lần nhận dạng mất {latency_ms:.0f} ms, được {possible:.0f} lần/giây; cần "
        "{budget:.0f} lần/giây",
    ),
    "detector-slow": yellow(
        "{name}: {latency_ms:.0f} ms an inference, only {possible:.1f} of {budget:.0f} a second",
        "{name}: mỗi lần nhận dạng mất {latency_ms:.0f} ms, chỉ được {possible:.1f} lần/giây; cần "
        "{budget:.0f} lần/giây",
        "see temperature and power; otherwise lower analyse.fps, or a faster board",
        "xem dòng temperature (nhiệt độ) và power (nguồn điện); nếu đều tốt thì giảm analyse.fps hoặc "
        "dùng bo mạch nhanh hơn",
    ),
    "detector-blind": red(
        "{name} does not detect {labels}, which the configuration uses ({users})",
        "{name} không nhận dạng được {labels}, trong khi cấu hình yêu cầu ({users})",
        "set detector.model to auto or to a model that knows them; or remove these labels from "
        "detector.labels and the rules",
        "đặt detector.model thành auto hoặc thành mô hình nhận dạng được các nhãn này; nếu không thì bỏ các "
        "nhãn này khỏi detector.labels và các quy tắc",
    ),
    "detector-not-loaded": red(
        "the agent runs with {loaded}, and {name} is configured",
        "phần mềm đang chạy với {loaded}, trong khi cấu hình chọn {name}",
        "sudo systemctl restart edge-agent",
        "sudo systemctl restart edge-agent",
    ),
    "detector-other": yellow(
        "{name} runs, but not as configured: {reason}",
        "{name} chạy được, nhưng không đúng cấu hình: {reason}",
        "correct detector: in the configuration or install what is missing",
        "sửa phần detector trong cấu hình, hoặc cài thành phần còn thiếu",
    ),
    "detector-broken": red(
        "no objects are found: {reason}",
        "không nhận dạng được người, phương tiện: {reason}",
        "correct detector.model, or set it to auto",
        "sửa detector.model, hoặc đặt thành auto",
    ),
    "detector-none": skipped(
        "none is configured: no objects are reported",
        "cấu hình không dùng bộ nhận dạng nên không phát hiện được người, phương tiện",
    ),
    # --- the running agent ---
    "agent-running": green("runs, up {up}", "đang chạy, đã được {up}"),
    "agent-stopped": red(
        "does not run",
        "không chạy",
        "sudo systemctl enable --now edge-agent; why it ended: journalctl -u edge-agent -n 50",
        "sudo systemctl enable --now edge-agent; xem lý do dừng: journalctl -u edge-agent -n 50",
    ),
    "agent-other-id": red(
        "runs with the id {other}, the configuration says {id}",
        "đang chạy với mã {other}, còn cấu hình ghi {id}",
        "sudo systemctl restart edge-agent",
        "sudo systemctl restart edge-agent",
    ),
    "agent-closed": yellow(
        "runs, but does not answer this user",
        "đang chạy, nhưng tài khoản đang dùng không có quyền xem trạng thái",
        "run it with sudo",
        "chạy lại với sudo",
    ),
    "agent-other-config": red(
        "runs with another configuration than the file",
        "đang chạy với cấu hình khác cấu hình trong tệp",
        "sudo edge-agent reload",
        "sudo edge-agent reload",
    ),
    "agent-mute": red(
        "runs, but {reason}",
        "đang chạy, nhưng {reason}",
        "sudo systemctl restart edge-agent",
        "sudo systemctl restart edge-agent",
    ),
    # --- outbox ---
    "outbox-empty": green("no events are waiting", "không có sự kiện nào chờ gửi"),
    "outbox-waiting": yellow(
        "{depth} events wait to be sent",
        "{depth} sự kiện đang chờ gửi",
        "they are kept, and sent when the broker is reachable: see broker",
        "sự kiện vẫn được lưu, sẽ được gửi khi kết nối được với máy chủ nhận tin: xem dòng broker (máy chủ "
        "nhận tin)",
    ),
    "outbox-sending": green("{depth} events are being sent", "{depth} sự kiện đang được gửi"),
    "outbox-shed": yellow(
        "was full: {shed} events were discarded since the agent started",
        "đã có lúc đầy: từ khi phần mềm chạy đã phải bỏ {shed} sự kiện",
        "the broker was away too long; see broker",
        "mất kết nối với máy chủ nhận tin quá lâu: xem dòng broker (máy chủ nhận tin)",
    ),
    "outbox-memory": red(
        "events are only in memory: {reason}",
        "sự kiện chỉ còn được giữ trong bộ nhớ: {reason}",
        "see disk",
        "xem dòng disk (ổ đĩa)",
    ),
    "outbox-noted": yellow(
        "the agent reports: {reason}",
        "phần mềm báo: {reason}",
        "if the file was damaged or removed, replace the card soon; this line ends when the agent restarts",
        "nếu tệp bị hỏng hoặc bị mất thì sớm thay thẻ nhớ; dòng này hết khi phần mềm khởi động lại",
    ),
    "outbox-unreadable": red(
        "cannot be read: {reason}",
        "không đọc được: {reason}",
        "see disk; a damaged file is set aside when the agent starts",
        "xem dòng disk (ổ đĩa); tệp hỏng sẽ được để riêng khi phần mềm khởi động",
    ),
    "outbox-closed": skipped(
        "not open to this user", "tài khoản đang dùng không xem được", "sudo", "chạy lại với sudo"
    ),
    # --- the doctor itself ---
    "check-timeout": red(
        "no result within {limit_s:.0f} s",
        "sau {limit_s:.0f} giây chưa có kết quả",
        "run it again; if it stays so, check the gateway: disk, network, DNS server",
        "chạy lại; nếu vẫn vậy thì kiểm tra thiết bị: ổ đĩa, mạng, DNS",
    ),
    "check-failed": red(
        "could not be checked ({error})",
        "không kiểm tra được ({error})",
        "tell the centre: this is a fault of edge-agent",
        "báo trung tâm: đây là lỗi của phần mềm edge-agent",
    ),
}
