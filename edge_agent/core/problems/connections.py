"""Sentences about the connection to the broker: why it failed, and why a certificate is not used."""

from __future__ import annotations

from edge_agent.core.languages import Sentences

ATTEMPTS: Sentences = {
    "broker-error-at": ("{at} {why}", "lúc {at}: {why}"),
    "broker-retry": (
        "{why}; events are kept, next attempt in {seconds} s (failure {failures} in a row)",
        "{why}; thiết bị vẫn lưu sự kiện, thử lại sau {seconds} giây (số lần lỗi liên tiếp: {failures})",
    ),
    "connect-refused": (
        "{host} refuses the connection: nothing listens on that port",
        "{host} từ chối kết nối: không có dịch vụ nào ở cổng đó",
    ),
    "connect-no-name": (
        "the name {host} cannot be resolved: {error}",
        "DNS không tìm được địa chỉ của {host}: {error}",
    ),
    "connect-silent": ("{host} does not answer in time", "{host} không trả lời trong thời gian chờ"),
    "connect-closed": (
        "{host} closed the connection during sign-on",
        "{host} ngắt kết nối khi đang đăng nhập",
    ),
    "connect-unreachable": ("{host} is unreachable: {error}", "không kết nối được với {host}: {error}"),
    "connect-failed": ("connecting failed: {error}", "kết nối không thành công: {error}"),
    "connect-too-slow": (
        "{host} does not finish the sign-on in time",
        "{host} không hoàn tất đăng nhập trong thời gian chờ",
    ),
    "connect-no-dns": (
        "the name {host} is not resolved within {seconds} s: no DNS server answers",
        "không tìm được địa chỉ của {host} trong {seconds} giây: không có DNS nào trả lời",
    ),
    "session-stuck": (
        "the connection to {host} accepts no more data",
        "không gửi thêm được dữ liệu tới {host}",
    ),
    "connect-closed-plain": (
        "{host} closed the connection during sign-on: does that port speak MQTT without TLS?",
        "{host} ngắt kết nối khi đang đăng nhập: có thể cổng đó không nhận MQTT, hoặc chỉ nhận qua TLS",
    ),
    "session-lost": ("the connection to {host} was lost", "mất kết nối với {host}"),
    "session-silent": (
        "{host} has been silent for {seconds} s",
        "{host} đã {seconds} giây không gửi gì",
    ),
    "session-unacknowledged": (
        "{host} does not acknowledge what it gets",
        "{host} không xác nhận những gì đã nhận",
    ),
    "session-oversized": (
        "{host} sent a packet of {bytes} bytes, where at most {limit} are allowed: it is not read",
        "{host} gửi gói tin {bytes} byte, quá mức tối đa {limit} byte nên thiết bị không đọc",
    ),
    "session-malformed": (
        "{host} sent what is not MQTT 5",
        "{host} gửi dữ liệu không phải MQTT 5",
    ),
    "session-thread-died": (
        "the network thread died of {error}",
        "phần kết nối mạng của phần mềm bị dừng do lỗi {error}",
    ),
    "subscription-refused": (
        "the broker refuses a subscription to down/: commands will not arrive",
        "máy chủ nhận tin không cho đăng ký chủ đề down/: lệnh sẽ không đến được thiết bị",
    ),
}

TLS: Sentences = {
    "tls-hung-up": (
        "{host} hung up during the TLS handshake: it may not accept our certificate (mqtt.cert_file), or "
        "that port does not speak TLS",
        "{host} ngắt kết nối khi đang bắt tay TLS: có thể không chấp nhận chứng thư của thiết bị "
        "(mqtt.cert_file), hoặc cổng đó không dùng TLS",
    ),
    "tls-closed-after": (
        "{host} closed the connection right after the TLS handshake: it may not accept our certificate "
        "(mqtt.cert_file)",
        "{host} ngắt kết nối ngay sau khi bắt tay TLS: có thể không chấp nhận chứng thư của thiết bị "
        "(mqtt.cert_file)",
    ),
    "tls-failed": ("TLS failed: {error}", "lỗi TLS: {error}"),
    "tls-not-spoken": (
        "the broker does not speak TLS on this port (mqtts:// needs one that does)",
        "máy chủ nhận tin không dùng TLS ở cổng này (mqtts:// cần cổng có TLS)",
    ),
    "tls-clock-not-set": (
        "the clock is not set yet, so the broker's certificate cannot be checked; waiting for time "
        "synchronisation",
        "đồng hồ chưa đồng bộ nên chưa kiểm tra được chứng thư của máy chủ nhận tin; đang chờ đồng bộ giờ",
    ),
    "tls-server-not-yet-valid": (
        "the certificate of {host} is not yet valid; check both clocks",
        "chứng thư của {host} chưa có hiệu lực; hãy kiểm tra đồng hồ hai bên",
    ),
    "tls-server-expired": (
        "the certificate of {host} has expired; renew it there",
        "chứng thư của {host} đã hết hạn; cần gia hạn trên máy chủ đó",
    ),
    "tls-other-name": (
        "the certificate does not name {host}: another server answers, or mqtt.brokers has another name than "
        "the certificate",
        "chứng thư không ghi tên {host}: có thể máy chủ khác đang trả lời, hoặc mqtt.brokers ghi tên khác "
        "với chứng thư",
    ),
    "tls-unknown-issuer": (
        "the certificate of {host} comes from an issuer we do not know; check mqtt.ca_file",
        "không nhận ra nơi cấp chứng thư của {host}; hãy kiểm tra mqtt.ca_file",
    ),
    "tls-server-refused": (
        "the certificate of {host} is not accepted: {error}",
        "thiết bị không chấp nhận chứng thư của {host}: {error}",
    ),
    "tls-own-expired": (
        "the broker says our certificate has expired; renew it",
        "máy chủ nhận tin báo chứng thư của thiết bị đã hết hạn; cần gia hạn",
    ),
    "tls-own-missing": (
        "the broker wants a client certificate; set mqtt.cert_file and mqtt.key_file",
        "máy chủ nhận tin yêu cầu chứng thư của thiết bị; hãy đặt mqtt.cert_file và mqtt.key_file",
    ),
    "tls-own-unknown-issuer": (
        "the broker does not know who issued our certificate (mqtt.cert_file)",
        "máy chủ nhận tin không nhận ra nơi cấp chứng thư của thiết bị (mqtt.cert_file)",
    ),
    "tls-own-revoked": (
        "the broker says our certificate is revoked",
        "máy chủ nhận tin báo chứng thư của thiết bị đã bị thu hồi",
    ),
    "tls-own-refused": (
        "the broker does not accept our certificate",
        "máy chủ nhận tin không chấp nhận chứng thư của thiết bị",
    ),
    "tls-own-denied": (
        "the broker denies access to our certificate",
        "máy chủ nhận tin không cho thiết bị truy cập bằng chứng thư này",
    ),
    "tls-handshake-ended": (
        "the broker ended the TLS handshake: it may want a client certificate (mqtt.cert_file), or no cipher "
        "suits both",
        "máy chủ nhận tin ngắt kết nối khi bắt tay TLS: có thể yêu cầu chứng thư của thiết bị "
        "(mqtt.cert_file), hoặc hai bên không có phương thức mã hóa chung",
    ),
}

REASONS: Sentences = {
    "mqtt-reason": ("{why} (reason {reason})", "{why} (mã {reason})"),
    "mqtt-ended": ("the broker ended the connection", "máy chủ nhận tin ngắt kết nối"),
    "mqtt-malformed": (
        "the broker calls our packet malformed",
        "máy chủ nhận tin báo gói tin của thiết bị sai định dạng",
    ),
    "mqtt-protocol-error": (
        "the broker reports a protocol error",
        "máy chủ nhận tin báo lỗi giao thức",
    ),
    "mqtt-not-5": ("the broker does not speak MQTT 5", "máy chủ nhận tin không hỗ trợ MQTT 5"),
    "mqtt-client-id": (
        "the broker does not accept our client id",
        "máy chủ nhận tin không chấp nhận mã thiết bị",
    ),
    "mqtt-login-wrong": (
        "the broker does not accept our user name or password",
        "máy chủ nhận tin không chấp nhận tên đăng nhập hoặc mật khẩu",
    ),
    "mqtt-not-let-in": (
        "the broker does not let us in: wrong user name or password, or no right to connect",
        "máy chủ nhận tin không cho kết nối: sai tên đăng nhập hoặc mật khẩu, hoặc không có quyền kết nối",
    ),
    "mqtt-unavailable": ("the broker is not available", "máy chủ nhận tin không hoạt động"),
    "mqtt-busy": ("the broker is busy", "máy chủ nhận tin đang bận"),
    "mqtt-banned": (
        "the broker has banned this client",
        "máy chủ nhận tin đã cấm thiết bị này kết nối",
    ),
    "mqtt-shutting-down": ("the broker is shutting down", "máy chủ nhận tin đang tắt"),
    "mqtt-other-login": (
        "the broker wants another authentication method",
        "máy chủ nhận tin yêu cầu kiểu đăng nhập khác",
    ),
    "mqtt-heard-nothing": (
        "the broker heard nothing from us for too long",
        "đã quá lâu máy chủ nhận tin không nhận được gì từ thiết bị",
    ),
    "mqtt-id-in-use": (
        "another client has connected with our client id and the broker dropped us; two centres with the "
        "same id, or two gateways with the same gateway.id? Next attempt at the slowest pace",
        "có nơi khác kết nối bằng cùng một mã nên máy chủ nhận tin đã ngắt kết nối này; có thể hai trung tâm "
        "trùng mã (id) hoặc hai thiết bị trùng gateway.id. Sẽ thử lại sau khoảng thời gian chờ dài nhất",
    ),
    "mqtt-topic-refused": (
        "the broker refuses a topic name",
        "máy chủ nhận tin từ chối một chủ đề",
    ),
    "mqtt-too-many": (
        "the broker says we sent more than it can receive",
        "máy chủ nhận tin báo thiết bị gửi quá khả năng tiếp nhận của máy chủ",
    ),
    "mqtt-too-large": (
        "the broker refuses a message as too large",
        "máy chủ nhận tin từ chối một bản tin vì quá lớn",
    ),
    "mqtt-too-fast": (
        "the broker says we send too fast",
        "máy chủ nhận tin báo thiết bị gửi quá nhanh",
    ),
    "mqtt-quota": (
        "a quota at the broker is used up",
        "đã dùng hết hạn mức ở máy chủ nhận tin",
    ),
    "mqtt-closed-by-hand": (
        "an administrator closed the connection",
        "quản trị viên của máy chủ nhận tin đã ngắt kết nối",
    ),
    "mqtt-payload": (
        "the broker says a payload has the wrong format",
        "máy chủ nhận tin báo nội dung bản tin sai định dạng",
    ),
    "mqtt-no-retain": (
        "the broker does not support retained messages",
        "máy chủ nhận tin không hỗ trợ bản tin lưu sẵn (retain)",
    ),
    "mqtt-no-qos-1": (
        "the broker does not support QoS 1, without which nothing is delivered",
        "máy chủ nhận tin không hỗ trợ QoS 1 nên thiết bị không gửi được sự kiện",
    ),
    "mqtt-other-server": (
        "the broker wants us to use another server",
        "máy chủ nhận tin yêu cầu dùng máy chủ khác",
    ),
    "mqtt-moved": ("the broker has moved", "máy chủ nhận tin đã chuyển địa chỉ"),
    "mqtt-connect-rate": (
        "the broker limits connects",
        "máy chủ nhận tin hạn chế số lần kết nối",
    ),
    "mqtt-only-qos-0": (
        "{host} takes messages of QoS 0 only: it would acknowledge no event, so none would be known to be "
        "delivered; another broker is needed",
        "{host} chỉ nhận bản tin QoS 0: không xác nhận sự kiện nào nên không biết đã gửi được hay chưa; phải "
        "dùng máy chủ nhận tin khác",
    ),
}

CERTIFICATES: Sentences = {
    "ca-file-empty": (
        "mqtt.ca_file {file} holds no certificate",
        "mqtt.ca_file {file} không có chứng thư nào",
    ),
    "ca-file-no-ca": (
        "mqtt.ca_file {file} holds no certificate of a CA",
        "mqtt.ca_file {file} không có chứng thư của CA",
    ),
    "ca-file-unreadable": (
        "mqtt.ca_file {file} cannot be read: {error}",
        "không đọc được mqtt.ca_file {file}: {error}",
    ),
    "key-pair-unusable": (
        "mqtt.cert_file {file} and mqtt.key_file {key_file} are not a usable pair of certificate and "
        "unencrypted key: {error}",
        "không dùng được cặp mqtt.cert_file {file} và mqtt.key_file {key_file}: phải là chứng thư và khóa "
        "tương ứng, khóa không được mã hóa; {error}",
    ),
    "key-pair-unreadable": (
        "mqtt.cert_file {file} or mqtt.key_file {key_file} cannot be read: {error}",
        "không đọc được mqtt.cert_file {file} hoặc mqtt.key_file {key_file}: {error}",
    ),
    "certificate-not-client": (
        "mqtt.cert_file {file} is not the certificate of a client: {error}",
        "mqtt.cert_file {file} không phải chứng thư của thiết bị: {error}",
    ),
    "certificate-of-other": (
        "{file} is {name}'s and not {gateway}'s",
        "{file} là chứng thư của {name}, không phải của {gateway}",
    ),
    "certificate-file-expired": ("{file} has expired", "{file} đã hết hạn"),
    "certificate-file-not-yet-valid": ("{file} is not yet valid", "{file} chưa có hiệu lực"),
    "certificate-of-other-ca": (
        "{file} does not come from the CA in {ca_file}: {error}",
        "{file} không do CA trong {ca_file} cấp: {error}",
    ),
    "certificate-unchecked": (
        "{file} cannot be checked: {error}",
        "không kiểm tra được {file}: {error}",
    ),
    "next-certificate-unused": (
        "the next certificate is not used: {why}",
        "chưa dùng chứng thư mới: {why}",
    ),
    "next-certificate-waits": (
        "the next certificate is not in force: {why}; the old one is, next try in {hours} h",
        "chưa dùng được chứng thư mới: {why}; vẫn dùng chứng thư cũ, thử lại sau {hours} giờ",
    ),
    "next-certificate-refused": (
        "the broker does not let in the next certificate any more",
        "máy chủ nhận tin không còn chấp nhận chứng thư mới",
    ),
}

STATES: Sentences = {
    "connected": ("connected", "đã kết nối"),
    "connection-lost": ("connection lost", "mất kết nối"),
    "agent-ended": ("agent stopped", "phần mềm đã được dừng"),
    "agent-failed": ("agent failed: {why}", "phần mềm gặp lỗi: {why}"),
    "next-certificate": (
        "reconnecting with the next certificate",
        "đang kết nối lại bằng chứng thư mới",
    ),
}

CONNECTIONS: Sentences = {**ATTEMPTS, **TLS, **REASONS, **CERTIFICATES, **STATES}
