"""Texts about accounts: the administrators' list, the page of the user's account, the second factor."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "users": ("Danh sách tài khoản", "Users"),
    "account": ("Tài khoản của tôi", "My account"),
    "user-account": ("Tài khoản", "User"),
    "user-role": ("Vai trò", "Role"),
    "user-wards": ("Phường được xem", "Wards"),
    "user-all-wards": ("tất cả các phường", "all wards"),
    "user-signed-in": ("Đăng nhập gần nhất", "Last login"),
    "user-never": ("chưa lần nào", "never"),
    "user-second-factor": ("Xác thực hai lớp", "Second factor"),
    "user-second-factor-on": ("đã bật", "on"),
    "user-second-factor-off": ("chưa bật", "off"),
    "user-second-factor-missing": ("bắt buộc nhưng chưa bật", "off, but required"),
    "user-sessions": ("Phiên đăng nhập", "Sessions"),
    "user-state": ("Tình trạng", "State"),
    "user-enabled": ("đang dùng", "enabled"),
    "user-disabled": ("đã khóa", "disabled"),
    "user-one-time": ("chờ đổi mật khẩu", "has to change the password"),
    "user-source": ("Đăng nhập bằng", "Logs in with"),
    "user-local": ("mật khẩu", "a password"),
    "user-from-provider": ("hệ thống đăng nhập tập trung ({issuer})", "the provider {issuer}"),
    "user-subject": ("Mã người dùng ở hệ thống đăng nhập tập trung", "Id at the provider"),
    "user-second-factor-provider": ("do hệ thống đăng nhập tập trung quản lý", "asked for by the provider"),
    "user-provider-what": (
        "Mật khẩu, vai trò và phường của tài khoản này do hệ thống đăng nhập tập trung quyết định ở mỗi lần "
        "đăng nhập. Nếu xóa ở đây, tài khoản sẽ được lập lại ở lần đăng nhập sau; muốn chặn đăng nhập thì "
        "hãy khóa tài khoản.",
        "The provider sets the password, the role and the wards of this account, at each sign-in. An account "
        "that is removed here is made again at the next sign-in: to keep the user out, disable it.",
    ),
    "account-provider-what": (
        "Muốn đổi mật khẩu hoặc xác thực hai lớp, hãy vào hệ thống đăng nhập tập trung. Khi đăng xuất ở đây, "
        "bạn chưa đăng xuất khỏi hệ thống đó.",
        "You change your password and second factor at the provider. To log out here does not log you out "
        "there.",
    ),
    "user-since": ("Lập lúc", "Since"),
    "role-admin": ("quản trị viên", "admin"),
    "role-officer": ("cán bộ", "officer"),
    "role-viewer": ("chỉ xem", "viewer"),
    "role-api": ("phần mềm khác, chỉ đọc", "program, reads"),
    "role-api-officer": ("phần mềm khác, được xử lý báo động", "program, handles alarms"),
    "roles-what": (
        "Quản trị viên xem được tất cả các phường và nhật ký truy cập, đồng thời quản lý tài khoản. Cán bộ "
        "xử lý báo động, tìm lượt đi qua và gửi lệnh trong các phường của mình. Tài khoản chỉ xem không "
        "thay đổi được gì.",
        "An admin sees all wards and the access log, and manages the users. An officer handles alarms, "
        "searches passages and sends commands in the own wards. A viewer changes nothing.",
    ),
    "user-add": ("Thêm tài khoản", "Add a user"),
    "user-add-what": (
        "Trang sau cho biết mật khẩu dùng một lần để giao cho người dùng. Người dùng phải đổi mật khẩu khi "
        "đăng nhập lần đầu.",
        "The next page shows a one-time password to hand over. The user has to replace it at the first "
        "login.",
    ),
    "user-add-password-accounts": (
        "Theo cấu hình, chỉ các tài khoản sau được đăng nhập bằng mật khẩu: {names}.",
        "By the configuration only these accounts may log in with a password: {names}.",
    ),
    "user-change-role": ("Đổi vai trò và phường", "Change role and wards"),
    "user-change-what": (
        "Mọi phiên đăng nhập của tài khoản kết thúc ngay khi vai trò, phường hoặc mật khẩu thay đổi, khi "
        "tài khoản bị khóa hoặc khi xác thực hai lớp được đặt lại.",
        "All sessions of the user end at once when the role, the wards or the password change, when the "
        "account is disabled, and when the second factor is reset.",
    ),
    "user-reset-password": ("Cấp mật khẩu mới", "New password"),
    "user-disable": ("Khóa tài khoản", "Disable"),
    "user-enable": ("Mở khóa tài khoản", "Enable"),
    "user-end-sessions": ("Kết thúc mọi phiên đăng nhập", "End all sessions"),
    "user-reset-factor": ("Đặt lại xác thực hai lớp", "Reset the second factor"),
    "user-reset-factor-what": (
        "Dùng khi người dùng mất điện thoại và không còn mã dự phòng. Hãy xác minh đúng người trước khi "
        "đặt lại.",
        "For a user who has lost the phone and the recovery codes. Make sure who is asking first.",
    ),
    "user-program-what": (
        "Đây là tài khoản dành cho phần mềm khác. Token được cấp trên máy chủ bằng lệnh edge-agent central "
        "user token.",
        "This is the account of a program. Its token is made on the server: edge-agent central user token.",
    ),
    "user-changes": ("Các thay đổi của tài khoản này", "Changes of this user"),
    "user-log": ("Những gì tài khoản này đã xem và làm", "What this user opened and did"),
    "user-error-name": (
        "Tên đăng nhập gồm 1 đến 63 ký tự a-z, 0-9, dấu chấm, _ và -, bắt đầu bằng chữ hoặc số.",
        "A user name has 1 to 63 of a-z, 0-9, dot, _ and -, and begins with a letter or digit.",
    ),
    "user-error-taken": ("Tên đăng nhập này đã có.", "There is a user of this name already."),
    "user-error-unknown": ("Không có tài khoản này.", "There is no such user."),
    "user-error-program": (
        "Đây là tài khoản dành cho phần mềm khác nên không thực hiện được thay đổi này.",
        "This is the account of a program; that cannot be changed.",
    ),
    "user-error-own": (
        "Hãy đổi mật khẩu và xác thực hai lớp của chính mình ở trang Tài khoản của tôi.",
        "Change your own password and second factor on the page My account.",
    ),
    "user-error-no-ward": ("Hãy chọn ít nhất một phường.", "Choose at least one ward."),
    "user-error-last-admin": (
        "Đây là quản trị viên cuối cùng còn đăng nhập được bằng mật khẩu. Hãy thêm quản trị viên khác trước.",
        "This is the last admin who can log in with a password. Add another one first.",
    ),
    "user-error-provider": (
        "Tài khoản này do hệ thống đăng nhập tập trung quản lý: hãy đổi ở đó.",
        "The provider manages this account: change it there.",
    ),
    "sign-in-with": ("Đăng nhập bằng {provider}", "Log in with {provider}"),
    "sign-in-or-password": ("Hoặc dùng mật khẩu của trang này:", "Or with a password of this console:"),
    "login-provider-only": (
        "Tài khoản này không được đăng nhập bằng mật khẩu. Hãy dùng nút đăng nhập ở trên.",
        "This account may not log in with a password. Use the button above.",
    ),
    "sign-in-away": (
        "Hệ thống đăng nhập tập trung không trả lời. Hãy thử lại sau ít phút, hoặc báo quản trị viên.",
        "The sign-in provider does not answer. Try again in some minutes, or tell an administrator.",
    ),
    "sign-in-wrong": (
        "Chưa đăng nhập được vì trả lời của hệ thống đăng nhập tập trung không hợp lệ. Hãy báo quản trị "
        "viên; lý do có trong nhật ký của máy chủ.",
        "The answer of the sign-in provider is not valid, so you are not logged in. Tell an administrator: "
        "the log of the server has the reason.",
    ),
    "sign-in-refused": (
        "Hệ thống đăng nhập tập trung đã từ chối, hoặc bạn đã hủy đăng nhập.",
        "The sign-in provider has refused, or you cancelled.",
    ),
    "sign-in-outdated": (
        "Yêu cầu đăng nhập này đã quá hạn, đã được dùng hoặc được bắt đầu ở trình duyệt khác. Hãy đăng nhập "
        "lại.",
        "This sign-in is too old, was used before, or began in another browser. Start again.",
    ),
    "sign-in-weak": (
        "Trang này yêu cầu cách đăng nhập an toàn hơn, chẳng hạn bật xác thực hai lớp ở hệ thống đăng nhập "
        "tập trung.",
        "This console asks for a stronger way to log in, such as a second factor at the provider.",
    ),
    "sign-in-without-role": (
        "Tài khoản của bạn ở hệ thống đăng nhập tập trung chưa được cấp quyền dùng trang này. Hãy nhờ quản "
        "trị viên thêm bạn vào nhóm phù hợp.",
        "Your account at the provider has no right to use this console. Ask an administrator to add you to a "
        "group that has one.",
    ),
    "sign-in-disabled": (
        "Tài khoản của bạn ở trang này đã bị khóa. Hãy hỏi quản trị viên.",
        "Your account at this console is disabled. Ask an administrator.",
    ),
    "sign-in-no-name": (
        "Không lập được tài khoản cho bạn vì các tên đăng nhập phù hợp đều đã có người dùng. Hãy báo quản "
        "trị viên.",
        "No user name is left for your account. Tell an administrator.",
    ),
    "user-error-confirm": (
        "Chưa thay đổi gì. Hãy xác nhận ở bên dưới trước.",
        "Nothing was changed. Confirm below first.",
    ),
    "confirm-users": ("Xác nhận trước khi thay đổi tài khoản", "Confirm before you change accounts"),
    "confirm-users-what": (
        "Nhập mật khẩu của chính bạn. Xác nhận có hiệu lực {minutes} phút.",
        "Type your own password. It counts for {minutes} minutes.",
    ),
    "confirm": ("Xác nhận", "Confirm"),
    "confirm-login-again": (
        "Tài khoản của bạn không có mật khẩu ở đây. Trước khi thay đổi tài khoản, hãy xác nhận bằng cách "
        "đăng nhập lại ở hệ thống đăng nhập tập trung. Nếu đăng nhập xong vẫn thấy dòng này thì hệ "
        "thống đó không cho biết giờ đăng nhập (auth_time): hãy báo người quản lý hệ thống đó.",
        "Your account has no password here. Before you change accounts, confirm by a new login at the "
        "provider. If you still see this notice after it, the provider does not say when you logged in "
        "(auth_time): tell whoever manages it.",
    ),
    "one-time-password": ("Mật khẩu dùng một lần", "One-time password"),
    "one-time-of": ("Mật khẩu dùng một lần của {name}", "One-time password of {name}"),
    "one-time-what": (
        "Mật khẩu chỉ hiện một lần. Hãy giao tận tay người dùng. Mật khẩu có hiệu lực đến {moment} và phải "
        "đổi khi đăng nhập lần đầu.",
        "It is shown this once. Hand it over in person. It is valid until {moment}, and has to be replaced "
        "at the first login.",
    ),
    "user-to-list": ("Về danh sách tài khoản", "Back to the users"),
    "login-expired": (
        "Mật khẩu dùng một lần đã hết hạn. Hãy nhờ quản trị viên cấp lại.",
        "This one-time password has expired. Ask an administrator for a new one.",
    ),
    "password-same": (
        "Mật khẩu mới phải khác mật khẩu hiện tại.",
        "The new password has to differ from the present one.",
    ),
    "password-wrong": ("Sai mật khẩu.", "The password is wrong."),
    "setup-password": (
        "Bạn đang dùng mật khẩu do quản trị viên cấp. Hãy đổi mật khẩu trước khi tiếp tục.",
        "You use a password that an administrator has given you. Choose your own before you go on.",
    ),
    "setup-second-factor": (
        "Vai trò của bạn bắt buộc dùng xác thực hai lớp. Hãy thiết lập trước khi tiếp tục.",
        "Your role needs a second factor. Set it up before you go on.",
    ),
    "code": ("Mã xác thực", "Code"),
    "code-what": (
        "Nhập mã 6 chữ số trên ứng dụng xác thực, hoặc một mã dự phòng.",
        "Type the 6 digits that the authenticator app shows, or a recovery code.",
    ),
    "code-wrong": (
        "Mã không đúng hoặc đã dùng. Hãy đợi mã tiếp theo.",
        "This code is wrong or was used before. Wait for the next one.",
    ),
    "code-unreadable": (
        "Máy chủ không đọc được dữ liệu xác thực hai lớp của bạn. Hãy nhờ quản trị viên đặt lại.",
        "The server cannot read your second factor. Ask an administrator to reset it.",
    ),
    "factor-what": (
        "Khi bật, mỗi lần đăng nhập cần thêm mã 6 chữ số của ứng dụng xác thực trên điện thoại (TOTP).",
        "With it each login also needs a code of 6 digits of an authenticator app on a phone (TOTP).",
    ),
    "factor-set-up": ("Thiết lập xác thực hai lớp", "Set up a second factor"),
    "factor-replace": ("Chuyển sang điện thoại khác", "Use another phone"),
    "factor-off": ("Tắt xác thực hai lớp", "Switch it off"),
    "factor-required": (
        "Vai trò của bạn bắt buộc dùng xác thực hai lớp nên không tắt được.",
        "Your role needs it, so it cannot be switched off.",
    ),
    "factor-recovery-left": ("Số mã dự phòng còn lại", "Recovery codes left"),
    "factor-scan": (
        "Mở ứng dụng xác thực trên điện thoại, quét mã QR hoặc nhập khóa bên dưới.",
        "Open the authenticator app on your phone and scan the QR code, or type the key below.",
    ),
    "factor-qr": ("Mã QR cho ứng dụng xác thực", "QR code for the authenticator app"),
    "factor-key": ("Khóa để nhập bằng tay", "Key to type"),
    "factor-link": ("Mở bằng ứng dụng trên máy này", "Open in an app on this device"),
    "factor-first-code": ("Mã đang hiện trên ứng dụng", "The code that the app shows now"),
    "factor-confirm": ("Bật xác thực hai lớp", "Switch it on"),
    "recovery-codes": ("Mã dự phòng", "Recovery codes"),
    "recovery-what": (
        "Mỗi mã dùng được một lần thay cho mã của ứng dụng, khi không có điện thoại. Các mã chỉ hiện một "
        "lần này: hãy in hoặc chép ra giấy và cất nơi an toàn. Mã dự phòng cũ không còn hiệu lực.",
        "Each counts once instead of a code of the app, when the phone is not there. They are shown this "
        "once: print or write them down, and keep them in a safe place. Former recovery codes are no "
        "longer valid.",
    ),
    "recovery-new": ("Tạo mã dự phòng mới", "New recovery codes"),
    "recovery-done": ("Đã cất các mã, tiếp tục", "I have stored them, go on"),
    "sessions-what": (
        "Các trình duyệt đang đăng nhập bằng tài khoản của bạn.",
        "The browsers in which you are logged in.",
    ),
    "session-begun": ("Đăng nhập lúc", "Logged in"),
    "session-seen": ("Dùng lần cuối", "Last used"),
    "session-this": ("phiên này", "this one"),
    "session-end": ("Kết thúc", "End"),
    "session-end-of": ("Kết thúc phiên từ {address}", "End the session from {address}"),
    "session-end-others": ("Kết thúc mọi phiên khác", "End all others"),
    "accesses-what": (
        "Ban đầu trang chỉ hiện ảnh, video và tệp mà người dùng đã mở. Ảnh nhỏ do danh sách tự tải thì được "
        "ghi riêng. Để xem ảnh nhỏ, các lần đăng nhập, lệnh và thay đổi tài khoản, hãy chọn ở ô Loại.",
        "At first these are the pictures, clips and files that users have opened. Small pictures that lists "
        "load by themselves are recorded apart. Choose these, logins, commands and changes of accounts "
        "under Kind.",
    ),
    "accesses-user": ("Người dùng", "User"),
    "accesses-day": ("Ngày", "Day"),
    "accesses-case": ("Số vụ việc", "Case number"),
    "accesses-place": ("Điểm hoặc camera (tên, mã hoặc kênh)", "Site or camera (name, id or channel)"),
    "access-group-opened": ("ảnh, video, tệp đã mở", "opened pictures, clips, files"),
    "access-group-lists": ("ảnh nhỏ do danh sách tự tải", "small pictures that lists loaded"),
    "access-group-searches": ("tìm kiếm, chạy thử, hành trình", "searches, rehearsals, journeys"),
    "access-group-cases": ("thay đổi vụ việc", "changes of cases"),
    "access-group-commands": ("lệnh, triển khai", "commands, roll-outs"),
    "access-group-accounts": ("đăng nhập, tài khoản", "logins, accounts"),
    "access-group-all": ("tất cả, trừ ảnh nhỏ", "all except small pictures"),
    "access-login-recovery": ("đăng nhập bằng mã dự phòng", "logged in with a recovery code"),
    "access-login-code-wrong": ("nhập sai mã xác thực", "typed a wrong code"),
    "access-login-provider": ("đăng nhập qua hệ thống đăng nhập tập trung", "logged in through the provider"),
    "access-login-provider-refused": (
        "bị từ chối khi đăng nhập qua hệ thống đăng nhập tập trung:",
        "refused after a sign-in at the provider:",
    ),
    "access-user-added": ("thêm tài khoản", "added the user"),
    "access-user-role": ("đổi vai trò, phường của", "changed role and wards of"),
    "access-user-disabled": ("khóa tài khoản", "disabled"),
    "access-user-enabled": ("mở khóa tài khoản", "enabled"),
    "access-user-removed": ("xóa tài khoản", "removed"),
    "access-user-sessions": ("kết thúc phiên đăng nhập của", "ended sessions of"),
    "access-user-token": ("cấp token cho", "made a token for"),
    "access-password-changed": ("đổi mật khẩu của", "changed the password of"),
    "access-password-reset": ("cấp mật khẩu mới cho", "set a new password for"),
    "access-second-factor-set": ("bật xác thực hai lớp của", "set up the second factor of"),
    "access-second-factor-removed": ("tắt xác thực hai lớp của", "switched off the second factor of"),
    "access-second-factor-reset": ("đặt lại xác thực hai lớp của", "reset the second factor of"),
    "access-recovery-codes": ("tạo mã dự phòng mới cho", "made new recovery codes for"),
}
