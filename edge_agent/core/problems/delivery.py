"""Sentences about the way of events to the centre: outbox, broker, confirmation, uplink, certificates."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

OUTBOX: Sentences = {
    "outbox": ("outbox: {why}", "hàng chờ gửi: {why}"),
    "outbox-full": (
        "outbox: {events} events dropped since start, because it was full",
        "hàng chờ gửi: từ khi phần mềm khởi động đã bỏ {events} sự kiện vì hàng chờ đầy",
    ),
    "outbox-damaged": (
        "outbox: {events} events lost since start, because the disk damaged them",
        "hàng chờ gửi: từ khi phần mềm khởi động đã mất {events} sự kiện do ổ đĩa làm hỏng dữ liệu",
    ),
    "outbox-in-memory": (
        "{why}; events wait in memory, the disk is tried every {seconds} s",
        "{why}; sự kiện được giữ trong bộ nhớ, cứ {seconds} giây thử ghi lại một lần",
    ),
    "outbox-disk-failed": (
        "{why}; events wait in memory, the disk is tried every {seconds} s",
        "ổ đĩa không ghi được ({why}); sự kiện được giữ trong bộ nhớ, cứ {seconds} giây thử ghi lại một lần",
    ),
    "outbox-disk-silent": ("{file}: the disk does not answer", "ổ đĩa không phản hồi ({file})"),
    "outbox-no-room": (
        "the file has {file_mb} MB and the gateway's disk has {free_mb} MB free, some of it for events only",
        "tệp có dung lượng {file_mb} MB, ổ đĩa của thiết bị chỉ còn trống {free_mb} MB và phải chừa "
        "một phần cho sự kiện",
    ),
    "outbox-file-unwritten": (
        "the gateway's disk could not store the file of {file_mb} MB",
        "ổ đĩa của thiết bị không ghi được tệp {file_mb} MB",
    ),
    "outbox-rewritten": (
        "{why}; what it held is written again, a new epoch has begun",
        "tệp lưu bị mất ({why}), dữ liệu đã được ghi lại",
    ),
    "outbox-log-large": (
        "{file}: another program reads it, so its log has grown to {megabytes} MB",
        "có chương trình khác đang đọc {file} nên nhật ký của tệp này đã tăng đến {megabytes} MB",
    ),
    "outbox-new-epoch": (
        "{why}; set aside as {file}, a new epoch has begun; {saved}",
        "tệp lưu bị hỏng ({why}), đã đổi tên thành {file} để giữ riêng; {saved}",
    ),
    "salvaged-nothing": ("nothing of it could be read", "không đọc được sự kiện nào"),
    "salvaged-some": (
        "{events} of its events saved, how many are lost is not known",
        "khôi phục được {events} sự kiện, không rõ mất bao nhiêu sự kiện",
    ),
    "salvaged": (
        "{events} of its events saved, at most {lost} lost",
        "khôi phục được {events} sự kiện, mất nhiều nhất {lost} sự kiện",
    ),
}

BROKER: Sentences = {
    "centre-silent": (
        "centre: nothing confirmed since {since}: {events} events are sent and kept, the oldest for "
        "{seconds} s",
        "trung tâm: chưa xác nhận sự kiện nào từ {since}; {events} sự kiện đã gửi nhưng thiết bị vẫn phải "
        "lưu, sự kiện cũ nhất đã chờ {seconds} giây",
    ),
    "agent-started": ("the agent started", "lúc phần mềm khởi động"),
    "broker-waiting": (
        "broker: {events} events wait, the oldest for {seconds} s",
        "máy chủ nhận tin: {events} sự kiện đang chờ gửi, sự kiện cũ nhất đã chờ {seconds} giây",
    ),
    "broker-refuses": (
        "broker: {events} events wait, the oldest for {seconds} s; it refused {refused} since start",
        "máy chủ nhận tin: {events} sự kiện đang chờ gửi, sự kiện cũ nhất đã chờ {seconds} giây; từ khi "
        "phần mềm khởi động, máy chủ đã từ chối {refused} bản tin",
    ),
    "broker-not-connected": (
        "broker: not connected: {why}",
        "máy chủ nhận tin: không có kết nối: {why}",
    ),
    "broker-first-attempt": (
        "the first attempt is to come (mqtt.spread_s)",
        "chưa đến lần kết nối đầu tiên (mqtt.spread_s)",
    ),
    "broker-no-retain": (
        "broker: it keeps no retained messages, so whoever subscribes later misses the state",
        "máy chủ nhận tin: không lưu sẵn bản tin (retain) nên bên nào đăng ký sau phải chờ bản tin mới",
    ),
    "broker-no-subscriber": (
        "broker: no client subscribes to some events or pictures; they are kept",
        "máy chủ nhận tin: một số sự kiện hoặc ảnh chưa có bên nhận, thiết bị vẫn lưu",
    ),
    "broker-away": (
        "broker: not connected for {hours:.1f} h; tried last: {recovery}, {outcome}",
        "máy chủ nhận tin: đã mất kết nối {hours:.1f} giờ; lần thử gần nhất: {recovery}, {outcome}",
    ),
    "broker-away-detail": (
        "broker: not connected for {hours:.1f} h; tried last: {recovery}, {outcome}: {detail}",
        "máy chủ nhận tin: đã mất kết nối {hours:.1f} giờ; lần thử gần nhất: {recovery}, {outcome}: {detail}",
    ),
    "certificate-ends": (
        "broker: the certificate ends in {days} days: have the centre renew it",
        "chứng thư của thiết bị còn hiệu lực {days} ngày: báo trung tâm gia hạn",
    ),
    "certificate-expired": (
        "broker: the certificate has expired, {days} days ago: have the centre renew it",
        "chứng thư của thiết bị đã hết hạn từ {days} ngày trước: báo trung tâm gia hạn",
    ),
    "ca-ends": (
        "broker: the CA certificate ends in {days} days: have the centre renew it",
        "chứng thư của CA còn hiệu lực {days} ngày: báo trung tâm gia hạn",
    ),
    "ca-expired": (
        "broker: the CA certificate has expired, {days} days ago: have the centre renew it",
        "chứng thư của CA đã hết hạn từ {days} ngày trước: báo trung tâm gia hạn",
    ),
    "certificate-next": ("broker: {why}", "máy chủ nhận tin: {why}"),
}

UPLINK: Sentences = {
    "uplink-step": (
        "uplink: {used_mb:,} of {budget_mb:,} MB used, {waits} until {until} (step {step} of 3)",
        "đường truyền: đã dùng {used_mb:,} trong tổng số {budget_mb:,} MB, {waits} đến {until} "
        "(mức {step}/3)",
    ),
    "uplink-waits-1": ("pictures wait", "ảnh phải chờ"),
    "uplink-waits-2": ("pictures and events of severity info wait", "ảnh và sự kiện mức thông tin phải chờ"),
    "uplink-waits-3": (
        "pictures and events of severity info wait, heartbeats are slow",
        "ảnh và sự kiện mức thông tin phải chờ, bản tin định kỳ được gửi thưa hơn",
    ),
    "modem-missing": (
        "modem: none is found, although the uplink is a SIM card",
        "modem: không tìm thấy modem, dù đường truyền dùng SIM",
    ),
    "modem-no-sim": ("modem: no SIM card is found", "modem: không nhận được SIM"),
    "modem-sim-error": ("modem: the SIM card does not work", "modem: SIM bị lỗi"),
    "modem-pin": ("modem: the SIM card asks for its PIN", "modem: SIM yêu cầu mã PIN"),
    "modem-puk": (
        "modem: the SIM card is blocked and asks for its PUK",
        "modem: SIM đã bị khóa, cần mã PUK",
    ),
    "modem-locked": (
        "modem: it is locked to another provider or device",
        "modem: bị khóa, chỉ dùng được với nhà mạng khác hoặc thiết bị khác",
    ),
    "modem-failed": ("modem: ModemManager cannot use it", "modem: ModemManager không dùng được modem này"),
    "modem-denied": (
        "modem: the network refuses the SIM card",
        "modem: nhà mạng từ chối SIM",
    ),
    "modem-not-registered": ("modem: not registered in a network", "modem: chưa đăng ký được vào mạng"),
    "modem-roaming": (
        "modem: roaming in the network of {operator}",
        "modem: đang chuyển vùng qua mạng {operator}",
    ),
    "modem-other-traffic": (
        "modem: it counts {modem_mb:,} MB in this period, {other_mb:,} MB of them are not of edge-agent",
        "modem: đếm được {modem_mb:,} MB trong kỳ này, trong đó {other_mb:,} MB không phải của edge-agent",
    ),
}

DELIVERY: Sentences = {**OUTBOX, **BROKER, **UPLINK}
