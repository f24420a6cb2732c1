"""Sentences about a broker. ``broker-<kind>`` for each ``ConnectErrorKind``."""

from __future__ import annotations

from edge_agent.tools.doctor.words.wording import Wording, green, red, skipped, yellow

_UPLINK = "check the uplink (SIM active? cable?) and the address in mqtt.brokers"
_UPLINK_VI = "kiểm tra đường truyền (SIM đã kích hoạt chưa, cáp có tốt không) và địa chỉ trong mqtt.brokers"
_OWN = "put this gateway's certificate and key of the present CA into /etc/edge-agent/tls"
_OWN_VI = "chép chứng thư và khóa của đúng thiết bị này, do CA hiện hành cấp, vào /etc/edge-agent/tls"
_CENTRE = "tell the centre"
_CENTRE_VI = "báo trung tâm"
_AGAIN, _AGAIN_VI = (
    "run it again in a minute; then tell the centre",
    "chờ một phút rồi chạy lại; nếu vẫn vậy thì báo trung tâm",
)

_RENEW = "tell the centre, which renews it"
_RENEW_VI = "báo trung tâm gia hạn"

BROKER: dict[str, Wording] = {
    # --- validity of the gateway's certificates ---
    "certificate-good": green(
        "{file} is valid until {end}, {days} days",
        "{file} có hiệu lực đến ngày {end}, còn {days} ngày",
    ),
    "certificate-ending": yellow(
        "{file} ends on {end}, in {days} days: without it no broker accepts this gateway",
        "{file} hết hạn ngày {end}, còn {days} ngày: sau đó máy chủ nhận tin không cho thiết bị này kết nối",
        _RENEW,
        _RENEW_VI,
    ),
    "certificate-expired": red("{file} expired on {end}", "{file} đã hết hạn ngày {end}", _RENEW, _RENEW_VI),
    "certificate-early": red(
        "{file} is not valid before {start}",
        "{file} chưa có hiệu lực; có hiệu lực từ ngày {start}",
        "the clock of this gateway is right: inform the centre",
        "đồng hồ của thiết bị này đúng giờ nên lỗi ở chứng thư: báo trung tâm",
    ),
    "certificate-unjudged": skipped(
        "{file} is valid until {end}: not judged, the clock is not set",
        "{file} có hiệu lực đến ngày {end}: chưa kết luận được vì đồng hồ chưa được đặt giờ",
        "run it again when the clock is right",
        "kiểm tra lại khi đồng hồ đã đúng giờ",
    ),
    "certificate-unread": skipped(
        "not judged: {reason}",
        "chưa kiểm tra được: {reason}",
        "see broker",
        "xem dòng broker (máy chủ nhận tin)",
    ),
    # --- stages of a connection ---
    "broker-good": green(
        "{address}: name, connection and certificates are good",
        "{address}: phân giải tên, kết nối và chứng thư đều bình thường",
    ),
    "broker-plain": green(
        "{address}: name and connection are good, without encryption",
        "{address}: phân giải tên và kết nối đều bình thường; kết nối này không mã hóa",
    ),
    "broker-dns": red(
        "{text}",
        "{host}: DNS không tìm được địa chỉ của tên này",
        f"{_UPLINK}; DNS server: resolvectl status",
        f"{_UPLINK_VI}; xem DNS: resolvectl status",
    ),
    "broker-refused": red(
        "{text}",
        "{host}: máy chủ từ chối kết nối ở cổng này",
        "check the port in mqtt.brokers, then tell the centre",
        "kiểm tra cổng trong mqtt.brokers, rồi báo trung tâm",
    ),
    "broker-unreachable": red("{text}", "{host}: không kết nối được", _UPLINK, _UPLINK_VI),
    "broker-timeout": red("{text}", "{host}: không trả lời", _UPLINK, _UPLINK_VI),
    "broker-files": red("{text}", "không dùng được tệp chứng thư: {text}", _OWN, _OWN_VI),
    "broker-unknown_issuer": red(
        "{text}",
        "{host}: thiết bị này không tin cậy CA đã cấp chứng thư cho máy chủ",
        "put the present ca.crt into /etc/edge-agent/tls (mqtt.ca_file)",
        "chép ca.crt hiện hành vào /etc/edge-agent/tls (mqtt.ca_file)",
    ),
    "broker-server_expired": red("{text}", "{host}: chứng thư của máy chủ đã hết hạn", _CENTRE, _CENTRE_VI),
    "broker-server_not_yet_valid": red(
        "{text}",
        "{host}: chứng thư của máy chủ chưa có hiệu lực",
        "the clock of this gateway is right: inform the centre",
        "đồng hồ của thiết bị này đúng giờ nên lỗi ở chứng thư: báo trung tâm",
    ),
    "broker-clock_not_set": yellow(
        "not judged yet: the clock is not set, so the broker's certificate cannot be checked",
        "chưa kiểm tra được chứng thư của máy chủ nhận tin vì đồng hồ chưa được đặt giờ",
        "run it again when the clock is right; the certificate itself is not at fault",
        "kiểm tra lại khi đồng hồ đã đúng giờ; lỗi không phải do chứng thư",
    ),
    "broker-wrong_name": red(
        "{text}",
        "{host}: chứng thư của máy chủ ghi tên khác",
        "correct the name in mqtt.brokers",
        "sửa tên trong mqtt.brokers",
    ),
    "broker-own_expired": red("{text}", "chứng thư của thiết bị này đã hết hạn", _OWN, _OWN_VI),
    "broker-own_rejected": red(
        "{text}",
        "máy chủ nhận tin không chấp nhận chứng thư của thiết bị này (sai CA hoặc đã bị thu hồi)",
        _OWN,
        _OWN_VI,
    ),
    "broker-own_missing": red("{text}", "máy chủ nhận tin yêu cầu chứng thư của thiết bị", _OWN, _OWN_VI),
    "broker-tls": red(
        "{text}",
        "{host}: lỗi khi bắt tay TLS",
        "check the port in mqtt.brokers (8883 for mqtts), then the certificates in /etc/edge-agent/tls",
        "kiểm tra cổng trong mqtt.brokers (mqtts dùng 8883), rồi kiểm tra chứng thư trong "
        "/etc/edge-agent/tls",
    ),
    "broker-not_authorised": red(
        "{text}",
        "máy chủ nhận tin không cho thiết bị này kết nối",
        "is this gateway in the inventory of the broker? Tell the centre",
        "thiết bị này đã có trong danh sách của máy chủ nhận tin chưa? Hỏi trung tâm",
    ),
    "broker-bad_credentials": red(
        "{text}",
        "sai tên đăng nhập hoặc mật khẩu của máy chủ nhận tin",
        "correct mqtt.username and mqtt.password_file",
        "sửa mqtt.username và mqtt.password_file",
    ),
    "broker-id_in_use": red("{text}", "có máy khác đang kết nối bằng mã của thiết bị này", _AGAIN, _AGAIN_VI),
    "broker-busy": red("{text}", "máy chủ nhận tin đang bận", _AGAIN, _AGAIN_VI),
    "broker-protocol": red(
        "{text}",
        "{host}: máy trả lời không phải là máy chủ nhận tin (MQTT 5)",
        "check address and port in mqtt.brokers",
        "kiểm tra địa chỉ và cổng trong mqtt.brokers",
    ),
    "broker-no_qos_1": red(
        "{text}",
        "{host}: máy chủ nhận tin không hỗ trợ QoS 1 nên thiết bị không biết sự kiện nào đã đến nơi",
        "the broker has to support QoS 1: tell the centre",
        "máy chủ nhận tin phải hỗ trợ QoS 1: báo trung tâm",
    ),
    "broker-no_retain": red(
        "{text}",
        "{host}: máy chủ nhận tin không lưu sẵn bản tin (retain) nên chương trình kết nối sau không biết "
        "trạng thái của thiết bị này",
        _CENTRE,
        _CENTRE_VI,
    ),
    "broker-lost": red("{text}", "{host}: mất kết nối khi đang đăng nhập", _AGAIN, _AGAIN_VI),
    "broker-spare": yellow(
        "{text}; another broker is good",
        "{host}: không dùng được; máy chủ nhận tin khác vẫn hoạt động",
        _CENTRE,
        _CENTRE_VI,
    ),
    # --- the centre has not confirmed the claim of the site ---
    "broker-unconfirmed": yellow(
        "{host} answers; the centre has not confirmed this site yet",
        "{host} có trả lời; trung tâm chưa xác nhận điểm này",
        "nothing has to be done here: the box connects by itself as soon as the centre confirms the site",
        "không phải làm gì tại điểm: thiết bị tự kết nối khi trung tâm xác nhận điểm",
    ),
    "broker-offline": yellow(
        "{host} is not reached: there is no uplink, and the centre has not confirmed this site yet",
        "không kết nối được với {host} vì chưa có đường truyền; trung tâm chưa xác nhận điểm này",
        "without an uplink nothing has to be done: the box connects by itself when there is one. If there is "
        "one already, check SIM card, cable and the name of the broker",
        "chưa có đường truyền thì không phải làm gì: thiết bị tự kết nối khi có đường truyền. Nếu điểm đã có "
        "đường truyền thì kiểm tra SIM, cáp và tên máy chủ nhận tin",
    ),
    # --- rights to publish ---
    "rights-good": green(
        "may write its own topics, and no others",
        "chỉ ghi được vào chủ đề của chính thiết bị, không ghi được vào chủ đề khác",
    ),
    "rights-open": red(
        "may also write the topics of other gateways ({topic})",
        "ghi được vào cả chủ đề của thiết bị khác ({topic})",
        "the broker's access list is too wide: tell the centre",
        "máy chủ nhận tin phân quyền quá rộng: báo trung tâm",
    ),
    "rights-none": red(
        "may not write its own topics ({topic}): nothing would arrive",
        "không được ghi vào chủ đề của chính thiết bị ({topic}): sẽ không gửi được sự kiện nào",
        "is this gateway, with this ward, in the access list of the broker? Tell the centre",
        "máy chủ nhận tin đã phân quyền cho thiết bị này với đúng phường chưa? Hỏi trung tâm",
    ),
    "rights-silent": red(
        "the broker accepts the connection, but does not report whether the gateway may write",
        "máy chủ nhận tin cho kết nối nhưng không cho biết thiết bị có được ghi hay không",
        _AGAIN,
        _AGAIN_VI,
    ),
    "rights-unread": skipped(
        "not tried: this user cannot read the broker's password",
        "chưa thử: tài khoản đang dùng không đọc được mật khẩu của máy chủ nhận tin",
        "run it with sudo",
        "chạy lại với sudo",
    ),
    # --- tests by a running agent ---
    "rights-not-tried": skipped(
        "not tried: the running agent cannot be asked",
        "chưa thử: không liên lạc được với phần mềm đang chạy",
        "see broker/delivery",
        "xem dòng broker/delivery (trung tâm xác nhận)",
    ),
    "rights-refused": red(
        "the broker has refused {refused} messages of the agent since it started",
        "từ khi phần mềm chạy, máy chủ nhận tin đã từ chối {refused} bản tin",
        "is this gateway, with this ward, in the access list of the broker? Tell the centre",
        "máy chủ nhận tin đã phân quyền cho thiết bị này với đúng phường chưa? Hỏi trung tâm",
    ),
    "session-waits": red(
        "the agent is not connected yet; it has not tried yet (mqtt.spread_s)",
        "phần mềm chưa kết nối, sắp kết nối lần đầu (mqtt.spread_s)",
        "run it again in a minute",
        "chờ một phút rồi chạy lại",
    ),
    "session-refused": red(
        "the agent is not connected: {reason}",
        "phần mềm không kết nối được: {reason}",
        "run it again in a minute; then tell the centre",
        "chờ một phút rồi chạy lại; nếu vẫn vậy thì báo trung tâm",
    ),
    # --- whether events arrive at the centre ---
    "delivery-confirmed": green(
        "the centre has confirmed a test event, {took_s:.1f} s after it was sent",
        "trung tâm đã xác nhận sự kiện thử, {took_s:.1f} giây sau khi gửi",
    ),
    "delivery-unconfirmed": red(
        "the broker has the test event {event}, but the centre has not confirmed it within {took_s:.0f} s",
        "máy chủ nhận tin đã nhận sự kiện thử {event}, nhưng sau {took_s:.0f} giây trung tâm chưa xác nhận",
        "tell the centre: does its ingest (edge-central) run, and is it configured for this ward? Events "
        "stay on this gateway until they are confirmed",
        "hỏi trung tâm: chương trình nhận sự kiện (edge-central) có chạy không, có được cấu hình cho phường "
        "này không? Sự kiện vẫn được lưu trên thiết bị cho đến khi trung tâm xác nhận",
    ),
    "delivery-broker": red(
        "the broker has the test event {event}; whether the centre has stored it is not known, because "
        "mqtt.delivery is broker",
        "máy chủ nhận tin đã nhận sự kiện thử {event}; không biết trung tâm đã lưu hay chưa, "
        "vì mqtt.delivery là broker",
        "where edge-agent central runs, set mqtt.delivery: confirmed; without it, look for this event at "
        "your subscriber, then --accept broker/delivery='seen at the subscriber'",
        "nếu trung tâm chạy edge-agent central thì đặt mqtt.delivery: confirmed; nếu không thì xem chương "
        "trình nhận sự kiện đã có sự kiện này chưa; nếu đã có thì dùng --accept "
        "broker/delivery='đã thấy sự kiện'",
    ),
    "delivery-no-subscriber": red(
        "no program subscribes to this gateway's events at the broker: they stay on this gateway ({event})",
        "không có chương trình nào đăng ký nhận sự kiện của thiết bị này: sự kiện nằm lại trên thiết bị "
        "({event})",
        "tell the centre: its ingest does not run, or is not configured for this ward",
        "báo trung tâm: chương trình nhận sự kiện không chạy, hoặc chưa được cấu hình cho phường này",
    ),
    "delivery-refused": red(
        "the broker refuses the test event {event}",
        "máy chủ nhận tin từ chối sự kiện thử {event}",
        "is up/event of this gateway, with this ward, in the access list of the broker? Tell the centre",
        "máy chủ nhận tin đã cho thiết bị này ghi vào up/event của đúng phường chưa? Hỏi trung tâm",
    ),
    "delivery-unsent": red(
        "the test event {event} has not reached the broker within {took_s:.0f} s",
        "sau {took_s:.0f} giây, sự kiện thử {event} chưa đến máy chủ nhận tin",
        "is the uplink slow? Run it again in a minute; then tell the centre",
        "đường truyền có chậm không? Chờ một phút rồi chạy lại; nếu vẫn vậy thì báo trung tâm",
    ),
    "delivery-no-agent": red(
        "not tried: the agent does not run, and only it sends events",
        "chưa thử: phần mềm edge-agent không chạy nên không gửi được sự kiện",
        "sudo systemctl enable --now edge-agent, then run doctor again",
        "sudo systemctl enable --now edge-agent, rồi chạy lại doctor",
    ),
    "delivery-not-asked": red(
        "not tried: the running agent cannot be asked ({reason})",
        "chưa thử: không liên lạc được với phần mềm đang chạy ({reason})",
        "run it with sudo; if it stays so: sudo systemctl restart edge-agent",
        "chạy lại với sudo; nếu vẫn vậy: sudo systemctl restart edge-agent",
    ),
}
