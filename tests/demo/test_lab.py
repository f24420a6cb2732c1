"""``make lab``: its options, its folder and configurations, and the whole of it once."""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography import x509

import edge_agent
from demo.lab.broker import LabBroker
from demo.lab.cameras import CameraClips
from demo.lab.children import Children
from demo.lab.configurations import make_keys, write_agent, write_centre
from demo.lab.folder import lab_folder
from demo.lab.options import read_options
from demo.lab.sheet import REAL_SITES, RealSite, write_names, write_scenario
from demo.lab.users import USERS
from demo.lab.webhook import WebhookPrinter
from demo.options import WrongUsage
from edge_agent import config
from edge_agent.commands.signature import read_private, sign
from edge_agent.tools.simulate.scenario import make_sites
from edge_central.config import load as load_central
from edge_central.console.site_names import read_names
from tests.edge_central.web.house import NO_CERTIFICATES, Browser
from tests.edge_central.web.test_command_pages import DOCUMENT
from tests.testbed.agent import wait_until

ROOT = Path(edge_agent.__file__).parents[1]


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        (["--gateways", "0"], "--gateways 0: 1 to 465"),
        (["--gateways", "466"], "--gateways 466: 1 to 465"),
        (["--alarms-per-day", "0"], "--alarms-per-day 0: above 0, at most 1000000"),
        (["--duration-s", "-1"], "--duration-s -1: above 0"),
        (["--clips", "no/such"], "--clips no/such: there is no such folder"),
    ],
)
def test_a_wrong_option_is_one_line(options: list[str], reported: str) -> None:
    with pytest.raises(WrongUsage, match=f"^{re.escape(reported)}$"):
        read_options(options)


def test_footage_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_AGENT_TEST_DATA", str(tmp_path))
    assert read_options([]).clips is None
    (tmp_path / "video").mkdir()
    assert read_options([]).clips == tmp_path / "video"


def test_webhooks_of_a_file_are_added(tmp_path: Path) -> None:
    file = tmp_path / "hooks.yaml"
    guide = (ROOT / "docs/guide/lab.md").read_text(encoding="utf-8")
    found = re.search(r"```yaml\n(.*?)```", guide, re.DOTALL)
    assert found is not None
    file.write_text(found[1], encoding="utf-8")
    webhooks = read_options(["--webhooks", str(file)]).webhooks
    sites_file, wards_file, _ = write_names(tmp_path, write_scenario(tmp_path, 1, 1.0)[1])
    names, broker = (sites_file, wards_file), LabBroker(tmp_path, [])
    centre = load_central(
        write_centre(tmp_path, broker, make_keys(tmp_path), names, "http://127.0.0.1:9/", webhooks).config
    )
    assert centre.console is not None
    assert [each.id for each in centre.console.webhooks] == ["printer", "escalation", "mine", "mine-late"]
    file.write_text("a: 1", encoding="ascii")
    with pytest.raises(WrongUsage, match="is no list"):
        read_options(["--webhooks", str(file)])


def test_only_a_folder_of_a_lab_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear", encoding="ascii")
    with pytest.raises(WrongUsage, match="something else"), lab_folder(tmp_path):
        pass
    assert (tmp_path / "letter").exists()
    lab = tmp_path / "lab"
    with lab_folder(lab) as folder:
        (folder / "logs").mkdir()
        (folder / "city.yaml").touch()
        with pytest.raises(WrongUsage, match="another lab runs"), lab_folder(lab):
            pass
        assert (folder / "city.yaml").exists(), "the lab that runs keeps its files"
    with lab_folder(lab) as folder:
        assert [path.name for path in folder.iterdir()] == [".edge-lab"]
        assert folder.stat().st_mode & 0o777 == 0o700


def test_agents_centre_and_names_fit_together(tmp_path: Path) -> None:
    _, scenario = write_scenario(tmp_path, 12, 100.0)
    sites_file, wards_file, sites = write_names(tmp_path, scenario)
    broker, keys = LabBroker(tmp_path, make_sites(scenario)), make_keys(tmp_path)
    centre = load_central(
        write_centre(tmp_path, broker, keys, (sites_file, wards_file), "http://127.0.0.1:9/").config
    )
    for site in REAL_SITES:
        urls = [f"rtsp://127.0.0.1:9/{number}" for number in range(site.cameras)]
        clips = CameraClips((), "none", "")
        agent = config.load(write_agent(tmp_path, site, sites[site.id], broker, clips, urls))
        assert agent.gateway.ward in centre.wards
        assert len(agent.cameras) == site.cameras
        assert all(each.name not in ("", each.id) for camera in agent.cameras for each in camera.rules)
        assert agent.mqtt.cert_file is not None
        own = x509.load_pem_x509_certificate(agent.mqtt.cert_file.read_bytes())
        assert own.not_valid_after_utc > datetime.now(UTC) + timedelta(days=60), "no gateway warns of it"
    names = read_names(sites_file, wards_file)
    assert set(names.sites) == {"dt-001", "bx-001", *(f"sim-{number:03}" for number in range(1, 13))}
    assert all(each.name and each.latitude and each.ward in centre.wards for each in names.sites.values())
    assert names.ward("de-tham") == "Đề Thám"
    assert centre.console is not None
    assert centre.console.tls is not None


@pytest.fixture(scope="module")
def lab_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabBroker]:
    """A broker that runs, for the real gateways only."""
    folder = tmp_path_factory.mktemp("broker")
    broker = LabBroker(folder, [])
    with Children(folder / "logs", threading.Event()) as children:
        broker.start(children)
        yield broker


@contextlib.contextmanager
def running(command: list[str], reported: str) -> Iterator[subprocess.Popen[str]]:
    """A program of the guide that has printed ``reported`` on stderr. It ends after 20 s."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["timeout", "20", *command], cwd=ROOT, text=True, stdout=pipe, stderr=pipe
    ) as program:
        assert program.stderr is not None
        try:
            while reported not in (line := program.stderr.readline()):
                assert line, "it has ended"
            yield program
        finally:
            program.terminate()


def test_the_printed_command_reads_the_events_of_a_ward(lab_broker: LabBroker) -> None:
    real, other = REAL_SITES
    event = {"id": "1", "time": "08:00", "subject": "cam-1", "type": "seen", "data": {}}
    with running(lab_broker.subscriber(), "subscribed") as program:
        for site in (other, real):  # the event of the other ward does not come
            _publish(lab_broker, site, event | {"source": f"/tb/{site.id}"})
        assert program.stdout is not None
        assert program.stdout.readline().split()[:3] == ["08:00", f"/tb/{real.id}", "cam-1"]


def test_the_subscriber_says_why_it_cannot_connect(lab_broker: LabBroker) -> None:
    *command, _, certificate, key = lab_broker.subscriber()
    with running(command, "disconnected:"):
        pass
    with running([*command, certificate, certificate, key], "certificate verify failed"):
        pass


def _publish(broker: LabBroker, site: RealSite, event: Mapping[str, object]) -> None:
    """Send an event as the gateway of a site."""
    files = broker.files(site.id)
    tls = ["--cafile", str(broker.ca), "--cert", files["cert_file"], "--key", files["key_file"]]
    topic = f"tb/v1/{site.ward}/{site.id}/up/event/seen"
    message = ["-q", "1", "-t", topic, "-m", json.dumps(event)]
    command = ["mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", str(broker.port), *tls, *message]
    subprocess.run(command, check=True, timeout=20)


def test_a_notice_is_printed_as_one_line() -> None:
    printed: list[str] = []
    with WebhookPrinter(printed.append) as webhook:
        notice = {"text": {"vi": "Báo động: xâm nhập\nLý Bôn – Lê Lợi · Cổng\n08:00:00", "en": "Alarm"}}
        assert httpx.post(webhook.url, json=notice, verify=NO_CERTIFICATES).status_code == 200
    assert printed == ["webhook   Báo động: xâm nhập · Lý Bôn – Lê Lợi · Cổng"]


@contextlib.contextmanager
def running_lab(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A lab that is ready, and what it has printed until then."""
    environ = {name: value for name, value in os.environ.items() if name != "EDGE_AGENT_TEST_DATA"}
    with subprocess.Popen(
        [sys.executable, "-m", "demo.lab", "--folder", str(folder / "lab"), *options],
        cwd=folder, env=environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as lab:  # fmt: skip
        assert lab.stdout is not None
        try:
            printed = ""
            while "emptied at the next start" not in printed:
                line = lab.stdout.readline()
                assert line, printed
                printed += line
            yield lab, printed
        finally:
            lab.terminate()
            lab.stdout.read()


def browser_of(printed: str, user: str) -> Browser:
    """Logged in with the password that the lab has printed."""
    found = re.search(r"https://127\.0\.0\.1:\d+", printed)
    password = re.search(rf"^  {user} +(\S+) ", printed, re.MULTILINE)
    assert found is not None
    assert password is not None
    authority = re.search(r"^ +(/\S+/ca\.crt)$", printed, re.MULTILINE)
    assert authority is not None
    tls = ssl.create_default_context(cafile=authority[1])
    browser = Browser(httpx.Client(base_url=found[0], verify=tls, timeout=30))
    assert browser.log_in(user, password[1]).status_code == 303
    return browser


def clip_of_a_simulated_alarm(browser: Browser) -> bool:
    """Whether the clip of one has arrived; it is asked for until then, because an alarm has none before it
    ends."""
    for event in re.findall(r'href="(/events/\d+)"', browser.get("/alerts").text):
        page = browser.get(event).text
        if re.search(r'<p class="path">[^\n]*"/sites/sim-', page) is None:
            continue
        if "<video" in page:
            return True
        if f'action="{event}/clip"' in page:
            assert browser.post(f"{event}/clip").status_code == 303
    return False


def newest_command(browser: Browser) -> str:
    """First row of the log of commands."""
    row = re.search(r'id="command-log".*?<tbody>(.*?)</tr>', browser.get("/sites/dt-001/commands").text, re.S)
    return "" if row is None else row[1]


@pytest.mark.long
def test_a_lab_shows_an_alarm_obeys_a_signed_command_and_leaves_no_process(tmp_path: Path) -> None:
    with running_lab(tmp_path, "--gateways", "5", "--alarms-per-day", "20000") as (lab, printed):
        browser = browser_of(printed, USERS[0].name)
        for path in set(re.findall(r"https://127\.0\.0\.1:\d+(/\S+)", printed)):
            assert browser.get(path).status_code == 200, path
        wait_until(lambda: 'href="/events/' in browser.get("/alerts").text, 60, "an alarm")
        processes = psutil.Process(lab.pid).children(recursive=True)
        assert len(processes) >= 8, "broker, cameras, centre, console, two agents, the city and its worker"
        wait_until(lambda: clip_of_a_simulated_alarm(browser), 60, "a clip")
        page = "/sites/dt-001/commands?type=mask&rule=cam-1/yard&for_s=600&reason=trial"
        wait_until(lambda: DOCUMENT.search(browser.get(page).text), 60, "the rules of the agent")
        found = DOCUMENT.search(browser.get(page).text)
        assert found is not None
        signed = sign(html.unescape(found[1]).encode(), read_private(tmp_path / "lab/operator.pem"))
        answer = browser.post("/sites/dt-001/commands", {"signed": signed.decode(), "reason": "trial"})
        assert answer.status_code == 303, answer.text
        wait_until(lambda: "Xong" in newest_command(browser), 60, "the reply")
        browser.client.close()
        lab.send_signal(signal.SIGINT)
        assert lab.stdout is not None
        ended = lab.stdout.read()
        assert lab.wait(60) == 0, ended
        assert "webhook   " in printed + ended
    assert [each for each in processes if each.is_running()] == []
