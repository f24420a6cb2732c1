"""What is said of a broker. ``broker-<kind>`` for each kind of ``mqtt.causes.TroubleKind``."""

from __future__ import annotations

from edge_agent.doctor.words.wording import Wording, green, red, skipped, yellow

_UPLINK = "check the uplink (SIM active? cable?) and the address in mqtt.brokers"
_UPLINK_VI = "kiểm tra đường truyền (SIM đã kích hoạt chưa? cáp?) và địa chỉ trong mqtt.brokers"
_OWN = "put this gateway's certificate and key of the present CA into /etc/edge-agent/tls"
_OWN_VI = "chép đúng chứng chỉ và khóa của hộp này (CA hiện hành) vào /etc/edge-agent/tls"
_CENTRE = "tell the centre"
_CENTRE_VI = "báo trung tâm"
_AGAIN, _AGAIN_VI = (
    "run it again in a minute; then tell the centre",
    "một phút sau chạy lại; rồi báo trung tâm",
)

_RENEW = "have the centre renew it (role pki)"
_RENEW_VI = "báo trung tâm gia hạn (role pki)"

BROKER: dict[str, Wording] = {
    # --- how long our certificates last ---
    "certificate-good": green(
        "{file} is valid until {end}, {days} days",
        "{file} có hiệu lực đến {end}, còn {days} ngày",
    ),
    "certificate-ending": yellow(
        "{file} ends on {end}, in {days} days: without it no broker lets this box in",
        "{file} hết hạn ngày {end}, còn {days} ngày: hết hạn thì không broker nào cho hộp này vào",
        _RENEW,
        _RENEW_VI,
    ),
    "certificate-expired": red("{file} expired on {end}", "{file} đã hết hạn ngày {end}", _RENEW, _RENEW_VI),
    "certificate-early": red(
        "{file} is not valid before {start}",
        "{file} chưa có hiệu lực, bắt đầu từ {start}",
        "the clock of this box is right: tell the centre",
        "giờ của hộp này đúng: báo trung tâm",
    ),
    "certificate-unjudged": skipped(
        "{file} is valid until {end}: not judged, the clock is not set",
        "{file} có hiệu lực đến {end}: chưa đánh giá được vì đồng hồ chưa đặt",
        "see clock",
        "xem dòng clock",
    ),
    "certificate-unread": skipped(
        "not judged: {reason}", "chưa đánh giá được: {reason}", "see broker", "xem dòng broker"
    ),
    # --- how far a connection comes ---
    "broker-good": green(
        "{address}: name, connection and certificates are good",
        "{address}: tên, kết nối và chứng chỉ đều tốt",
    ),
    "broker-plain": green(
        "{address}: name and connection are good, without encryption",
        "{address}: tên và kết nối tốt, không mã hóa",
    ),
    "broker-dns": red(
        "{text}",
        "{host}: không phân giải được tên",
        f"{_UPLINK}; name server: resolvectl status",
        f"{_UPLINK_VI}; máy chủ tên: resolvectl status",
    ),
    "broker-refused": red(
        "{text}",
        "{host}: máy chủ từ chối, không có gì ở cổng này",
        "check the port in mqtt.brokers, then tell the centre",
        "kiểm tra cổng trong mqtt.brokers, rồi báo trung tâm",
    ),
    "broker-unreachable": red("{text}", "{host}: không tới được", _UPLINK, _UPLINK_VI),
    "broker-timeout": red("{text}", "{host}: không trả lời", _UPLINK, _UPLINK_VI),
    "broker-files": red("{text}", "không dùng được tệp chứng chỉ: {text}", _OWN, _OWN_VI),
    "broker-unknown_issuer": red(
        "{text}",
        "{host}: chứng chỉ của máy chủ do nơi lạ cấp",
        "put the present ca.crt into /etc/edge-agent/tls (mqtt.ca_file)",
        "chép ca.crt hiện hành vào /etc/edge-agent/tls (mqtt.ca_file)",
    ),
    "broker-server_expired": red("{text}", "{host}: chứng chỉ của máy chủ đã hết hạn", _CENTRE, _CENTRE_VI),
    "broker-server_not_yet_valid": red(
        "{text}",
        "{host}: chứng chỉ của máy chủ chưa có hiệu lực",
        "the clock of this box is right: tell the centre",
        "giờ của hộp này đúng: báo trung tâm",
    ),
    "broker-clock_not_set": yellow(
        "not judged yet: the clock is not set, so the broker's certificate cannot be checked",
        "chưa kiểm tra được: đồng hồ chưa đặt nên chưa thể kiểm tra chứng chỉ của máy chủ",
        "see clock; the certificate itself is not at fault",
        "xem dòng clock; chứng chỉ không có lỗi",
    ),
    "broker-wrong_name": red(
        "{text}",
        "{host}: chứng chỉ mang tên khác",
        "correct the name in mqtt.brokers",
        "sửa tên trong mqtt.brokers",
    ),
    "broker-own_expired": red("{text}", "chứng chỉ của hộp này đã hết hạn", _OWN, _OWN_VI),
    "broker-own_rejected": red(
        "{text}", "broker không chấp nhận chứng chỉ của hộp này (sai CA hoặc đã thu hồi)", _OWN, _OWN_VI
    ),
    "broker-own_missing": red("{text}", "broker đòi chứng chỉ của hộp", _OWN, _OWN_VI),
    "broker-tls": red(
        "{text}",
        "{host}: lỗi mã hóa TLS",
        "check the port in mqtt.brokers (8883 for mqtts), then the certificates in /etc/edge-agent/tls",
        "kiểm tra cổng trong mqtt.brokers (mqtts dùng 8883), rồi chứng chỉ trong /etc/edge-agent/tls",
    ),
    "broker-not_authorised": red(
        "{text}",
        "broker không cho hộp này vào",
        "is this gateway in the inventory of the broker? Tell the centre",
        "hộp này đã có trong danh sách của broker chưa? Báo trung tâm",
    ),
    "broker-bad_credentials": red(
        "{text}",
        "sai tên hoặc mật khẩu của broker",
        "correct mqtt.username and mqtt.password_file",
        "sửa mqtt.username và mqtt.password_file",
    ),
    "broker-id_in_use": yellow("{text}", "có máy khác dùng cùng mã kết nối", _AGAIN, _AGAIN_VI),
    "broker-busy": yellow("{text}", "broker đang bận", _AGAIN, _AGAIN_VI),
    "broker-protocol": red(
        "{text}",
        "{host}: thứ trả lời không phải là broker MQTT 5",
        "check address and port in mqtt.brokers",
        "kiểm tra địa chỉ và cổng trong mqtt.brokers",
    ),
    "broker-no_qos_1": red(
        "{text}",
        "{host}: broker không hỗ trợ QoS 1, nên không biết được sự kiện nào đã tới nơi",
        "the broker has to support QoS 1: tell the centre",
        "broker phải hỗ trợ QoS 1: báo trung tâm",
    ),
    "broker-no_retain": yellow(
        "{text}",
        "{host}: broker không giữ lại tin (retain); ai kết nối sau sẽ không thấy trạng thái của hộp này",
        _CENTRE,
        _CENTRE_VI,
    ),
    "broker-lost": red("{text}", "{host}: kết nối bị đứt khi đăng nhập", _AGAIN, _AGAIN_VI),
    "broker-spare": yellow(
        "{text}; another broker is good",
        "{host}: không dùng được; broker khác vẫn tốt",
        _CENTRE,
        _CENTRE_VI,
    ),
    # --- what it may do there ---
    "rights-good": green(
        "may write its own topics, and no others",
        "được ghi đúng chủ đề của mình, không ghi được chủ đề khác",
    ),
    "rights-open": red(
        "may write the topics of other boxes as well ({topic})",
        "ghi được cả chủ đề của hộp khác ({topic})",
        "the broker's access list is too wide: tell the centre",
        "phân quyền của broker quá rộng: báo trung tâm",
    ),
    "rights-none": red(
        "may not write its own topics ({topic}): nothing would arrive",
        "không được ghi chủ đề của chính mình ({topic}): sẽ không gửi được gì",
        "is this gateway, with this ward, in the access list of the broker? Tell the centre",
        "hộp này, đúng phường, đã có trong phân quyền của broker chưa? Báo trung tâm",
    ),
    "rights-silent": red(
        "the broker lets it in, but does not say whether it may write",
        "broker cho vào nhưng không trả lời có được ghi hay không",
        _AGAIN,
        _AGAIN_VI,
    ),
    "rights-unread": skipped(
        "not tried: this user cannot read the broker's password",
        "chưa thử: người dùng này không đọc được mật khẩu của broker",
        "run it with sudo",
        "chạy lại với sudo",
    ),
    # --- what a running agent has tried ---
    "rights-not-tried": skipped(
        "not tried: the running agent cannot be asked",
        "chưa thử vì không hỏi được agent đang chạy",
        "see broker/delivery",
        "xem dòng broker/delivery",
    ),
    "rights-refused": red(
        "the broker has refused {refused} messages of the agent since it started",
        "broker đã từ chối {refused} tin của agent từ khi chạy",
        "is this gateway, with this ward, in the access list of the broker? Tell the centre",
        "hộp này, đúng phường, đã có trong phân quyền của broker chưa? Báo trung tâm",
    ),
    "session-waits": red(
        "the agent is not connected yet; its first attempt is to come (mqtt.spread_s)",
        "agent chưa kết nối; sắp thử lần đầu (mqtt.spread_s)",
        "run it again in a minute",
        "một phút sau chạy lại",
    ),
    "session-refused": red(
        "the agent is not connected: {reason}",
        "agent không kết nối được: {reason}",
        "run it again in a minute; then tell the centre",
        "một phút sau chạy lại; rồi báo trung tâm",
    ),
    # --- whether events arrive at the centre ---
    "delivery-confirmed": green(
        "the centre has confirmed a test event, {took_s:.1f} s after it was sent",
        "trung tâm đã xác nhận sự kiện thử, {took_s:.1f} giây sau khi gửi",
    ),
    "delivery-unconfirmed": red(
        "the broker has the test event {event}, but the centre has not confirmed it within {took_s:.0f} s",
        "broker đã nhận sự kiện thử {event}, nhưng trung tâm chưa xác nhận trong {took_s:.0f} giây",
        "tell the centre: does its ingest (edge-central) run, and does it take in this ward? Events stay on "
        "this box until they are confirmed",
        "báo trung tâm: bộ thu (edge-central) có chạy không, có nhận phường này không? Sự kiện vẫn lưu trên "
        "hộp này cho đến khi được xác nhận",
    ),
    "delivery-broker": yellow(
        "the broker has the test event {event}; whether the centre has stored it is not known, because "
        "mqtt.delivery is broker",
        "broker đã nhận sự kiện thử {event}; không biết trung tâm đã lưu hay chưa, "
        "vì mqtt.delivery là broker",
        "ask the centre whether it has it; where edge-agent central runs, set mqtt.delivery: confirmed",
        "hỏi trung tâm có sự kiện này không. Nơi có chạy edge-agent central thì đặt mqtt.delivery: confirmed",
    ),
    "delivery-no-subscriber": red(
        "no program subscribes to this gateway's events at the broker: they stay on this box ({event})",
        "ở broker không có ai đăng ký nhận sự kiện của hộp này: chúng nằm lại trên hộp ({event})",
        "tell the centre: its ingest does not run, or does not take in this ward",
        "báo trung tâm: bộ thu không chạy, hoặc không nhận phường này",
    ),
    "delivery-refused": red(
        "the broker refuses the test event {event}",
        "broker từ chối sự kiện thử {event}",
        "is up/event of this gateway, with this ward, in the access list of the broker? Tell the centre",
        "up/event của hộp này, đúng phường, đã có trong phân quyền của broker chưa? Báo trung tâm",
    ),
    "delivery-unsent": red(
        "the test event {event} has not reached the broker within {took_s:.0f} s",
        "sự kiện thử {event} chưa tới broker trong {took_s:.0f} giây",
        "is the uplink slow? Run it again in a minute; then tell the centre",
        "đường truyền có chậm không? Một phút sau chạy lại; rồi báo trung tâm",
    ),
    "delivery-no-agent": red(
        "not tried: the agent does not run, and only it sends events",
        "chưa thử: agent không chạy, mà chỉ agent mới gửi sự kiện",
        "sudo systemctl enable --now edge-agent, then run doctor again",
        "sudo systemctl enable --now edge-agent, rồi chạy lại doctor",
    ),
    "delivery-not-asked": red(
        "not tried: the running agent cannot be asked ({reason})",
        "chưa thử: không hỏi được agent đang chạy ({reason})",
        "run it with sudo; if it stays so: sudo systemctl restart edge-agent",
        "chạy lại với sudo; nếu vẫn vậy: sudo systemctl restart edge-agent",
    ),
}
