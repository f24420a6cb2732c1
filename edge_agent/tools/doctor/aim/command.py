"""``edge-agent doctor --aim CAMERA``: starts the analysis and the page, and stops them."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterable
from typing import TextIO

from edge_agent.cameras.build import use_one_opencv_thread
from edge_agent.config.model.settings import Camera, Settings
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.languages import Bilingual, Lang, in_lang, lang_of
from edge_agent.host.local_api.status import ask_status
from edge_agent.host.system.addresses import own_addresses
from edge_agent.host.system.process import become_agent, make_state_dir
from edge_agent.tools.doctor.aim.analysis import AimAnalysis
from edge_agent.tools.doctor.aim.pages import AimPages
from edge_agent.tools.doctor.command import load
from edge_agent.tools.local_page.access import LIFE_S, AccessGate, page_addresses
from edge_agent.tools.local_page.firewall import FirewallOpening, open_port
from edge_agent.tools.local_page.server import PageServer

PORT = 8480
POLL_S = 1.0

# Messages on the terminal; those of the page are in words.js.
OPEN = {
    "en": "Open one of these on a phone in the same network, and type the code:",
    "vi": "Mở một trong các địa chỉ sau trên điện thoại cùng mạng rồi nhập mã:",
}
CODE = {"en": "code {code}", "vi": "mã {code}"}
ENDS = {
    "en": "For {minutes} minutes, one phone; Ctrl-C ends it. No HTTPS: this network could read along.",
    "vi": "Trang mở trong {minutes} phút, chỉ cho một điện thoại; bấm Ctrl-C để dừng. Không có HTTPS: máy "
    "khác trong cùng mạng có thể xem được.",
}
AGENT_RUNS = {
    "en": "The agent runs too: the camera has one more viewer; if it refuses, stop the agent meanwhile.",
    "vi": "Phần mềm đang chạy nên camera có thêm một kết nối xem; nếu camera từ chối thì tạm dừng phần mềm.",
}
FIREWALL = {
    FirewallOpening.NO_SET: {
        "en": "The firewall has no set edge_agent_aim: if the page does not open, let in TCP {port}.",
        "vi": "Tường lửa không có tập hợp (set) edge_agent_aim: nếu trang không mở được, hãy mở cổng TCP "
        "{port} bằng tay.",
    },
    FirewallOpening.ALREADY: {
        "en": "Port {port} is open in the firewall for another run: if the page stops opening, start again.",
        "vi": "Cổng {port} trên tường lửa đã mở cho một lần chạy khác của lệnh này: nếu sau đó không "
        "mở được trang, hãy chạy lại lệnh.",
    },
    FirewallOpening.REFUSED: {
        "en": "The firewall could not be opened: if the page does not open, type the command with sudo.",
        "vi": "Không mở được cổng trên tường lửa: nếu trang không mở được, hãy chạy lệnh với sudo.",
    },
}
ENDED = {
    "time": {
        "en": "The time is over, the page is closed.",
        "vi": "Đã hết giờ, trang đã đóng.",
    },
    "guessed": {
        "en": "Too many wrong codes, the page is closed. Type the command again for another code.",
        "vi": "Nhập sai mã quá nhiều lần, trang đã đóng. Chạy lại lệnh để có mã mới.",
    },
    "stopped": {"en": "Stopped, the page is closed.", "vi": "Đã dừng, trang đã đóng."},
}


def run_aim(args: argparse.Namespace, out: TextIO, stop: threading.Event) -> int:
    """Serve the page until ``stop``, the end of the time, or too many wrong codes. Raises ConfigError and
    EdgeAgentError."""
    clock = SystemClock()
    lang = lang_of(args)
    settings, unread = load(args.config)
    camera = _camera(settings, args.aim, unread)
    if ask_status(settings).document is not None:
        print(AGENT_RUNS[lang], file=out)
    with open_port(PORT, LIFE_S) as opening:
        make_state_dir(settings.state_dir)
        become_agent(settings.state_dir)
        use_one_opencv_thread()
        if opening in FIREWALL:
            print(FIREWALL[opening][lang].format(port=PORT), file=out)
        gate = AccessGate(clock)
        watch = AimAnalysis(settings, camera, clock)
        server = PageServer(page_addresses(own_addresses()), PORT, AimPages(camera, watch, gate), gate)
        try:
            watch.start()
            server.start()
            _print_access(out, lang, server.urls, gate)
            why = _wait(stop, gate)
        finally:
            server.stop()
            watch.stop()
    print(ENDED[why][lang], file=out, flush=True)
    return 0


def _camera(settings: Settings, camera_id: str, unread: str | None) -> Camera:
    for camera in settings.cameras:
        if camera.id == camera_id:
            if camera.credentials is not None and not camera.credentials.password.reveal():
                raise EdgeAgentError(
                    Bilingual(
                        f"{camera_id}: its password cannot be read: {unread}; type it with sudo",
                        f"{camera_id}: không đọc được mật khẩu: {in_lang(unread or '', 'vi')}; chạy lại với "
                        f"sudo",
                    )
                )
            return camera
    known = ", ".join(camera.id for camera in settings.cameras)
    raise EdgeAgentError(
        Bilingual(
            f"--aim {camera_id}: no such camera in the configuration; there are: {known or 'none'}",
            f"--aim {camera_id}: cấu hình không có camera này; các camera hiện có: {known or 'không có'}",
        )
    )


def _print_access(out: TextIO, lang: Lang, urls: Iterable[str], gate: AccessGate) -> None:
    print(OPEN[lang], file=out)
    for url in urls:
        print(f"  {url}", file=out)
    print(f"  {CODE[lang].format(code=gate.code)}", file=out)
    print(ENDS[lang].format(minutes=round(LIFE_S / 60)), file=out, flush=True)


def _wait(stop: threading.Event, gate: AccessGate) -> str:
    while (ended := gate.ended) is None:
        if stop.wait(POLL_S):
            return "stopped"
    return ended.value
