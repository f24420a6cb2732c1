"""An officer reads the rules of a real agent in the console, rehearses a change, sees the result and a
picture, and puts the change in force."""

from __future__ import annotations

import hashlib
import html
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np

from edge_agent.commands.signature import make_key, read_private, sign
from edge_agent.core.clock import SystemClock, read_boot_id, wall_ms
from edge_agent.passages.passage import FOLDER
from edge_central.config import load
from edge_central.settings import ListenAddress
from edge_central.store.database import DatabaseConnections
from edge_central.web.auth import accounts
from edge_central.web.auth.accounts import Account, Role, hash_password
from edge_central.web.service import ConsoleServer
from tests.edge_central.parts import Centre
from tests.edge_central.web.house import PASSWORD, Browser
from tests.edge_central.web.test_command_pages import DOCUMENT, PAGE
from tests.passages.parts import passage, store
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, wait_until
from tests.testbed.synced import COMMAND

CROP = cv2.imencode(".jpg", np.full((64, 32, 3), 120, np.uint8))[1].tobytes()
YARD = {"polygon": [[0.2, 0.2], [0.5, 0.2], [0.5, 0.9], [0.2, 0.9]]}
RULE = {"id": "yard", "kind": "zone-intrusion", "zone": "yard", "cooldown_s": 0}
RULES = "/sites/dt-001/cameras/cam-1/rules"
FORM = f"{RULES}/yard/rehearse"


def gateway(folder: Path, broker: Mosquitto, key: Path, operator: Path) -> AgentProcess:
    """An agent whose camera saw four persons cross the yard an hour ago."""
    folder.mkdir()
    rows = store(folder / "state", SystemClock(), read_boot_id())
    began, digest = SystemClock().monotonic() - 3600.0, hashlib.sha256(CROP).digest()
    seen = [passage(n, began + 20 * n, crop=CROP, crop_sha256=digest) for n in range(4)]
    rows.write(seen, synced=True)
    rows.close()
    clip = make_clip(folder / "clip.mp4", seconds=5)
    camera = {"id": "cam-1", "url": str(clip), "zones": {"yard": YARD}, "rules": [RULE]}
    config = write_config(
        folder,
        cameras=[camera],
        broker_port=broker.port,
        detector="none",
        gateway={"id": "dt-001", "ward": "de-tham"},
        commands={"search_keys": [str(key)], "operator_keys": [str(operator)]},
        mqtt={"brokers": [f"mqtt://127.0.0.1:{broker.port}"], "spread_s": 0, "delivery": "confirmed"},
    )
    return AgentProcess(config, "--repeat-files", command=COMMAND)


@contextmanager
def console(centre: Centre) -> Iterator[Browser]:
    """The console of the centre's database, in the browser of an officer of the ward."""
    settings = load(centre.config)
    assert settings.console is not None
    connections = DatabaseConnections(settings.database)
    lan = Account("lan", Role.OFFICER, ("de-tham",), wall_ms(SystemClock()))
    with connections.writing() as connection:
        accounts.add_account(connection, lan, password=hash_password(PASSWORD))
    connections.close()
    stop = threading.Event()
    here = replace(settings.console, listen=ListenAddress("127.0.0.1", 0))
    server = ConsoleServer(replace(settings, console=here), stop, clock=SystemClock())
    port = server.bind()
    thread = threading.Thread(target=server.run, name="console")
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            browser = Browser(client)
            assert browser.log_in("lan").status_code == 303
            browser.get("/language/en")
            yield browser
    finally:
        stop.set()
        thread.join(30)


def test_an_officer_rehearses_a_rule_of_an_agent_opens_an_example_and_changes_it(tmp_path: Path) -> None:
    public, _ = make_key(tmp_path / "search.pem")
    operator, _ = make_key(tmp_path / "operator.pem")
    keys: dict[str, Any] = {"search": {"key_file": str(tmp_path / "search.pem")}, "console": {}}
    with (
        Mosquitto(tmp_path, persistent=True) as broker,
        Centre(tmp_path / "centre", broker.port, **keys) as centre,
        gateway(tmp_path / "here", broker, public, operator),
    ):
        wait_until(lambda: (centre.state_dir / "central.db").exists(), what="the database")
        with console(centre) as browser:
            wait_until(lambda: "in zone yard for at least 1 s" in browser.get(RULES).text, 60, "the rules")
            id_ = rehearsed(browser, seconds="30")
            page = browser.get(f"/rehearsals/{id_}").text
            found = re.findall(r'<th scope="row">([^<]+)</th><td>(\d+)</td></tr>', page)
            assert dict(found) | {"Draft": "0", "Rule in force, rehearsed": "4"} == dict(found)
            assert "min_duration_s: 30" in page
            opened(browser, id_)
            put_in_force(browser, id_, tmp_path / "operator.pem")
            wait_until(lambda: "in zone yard for at least 30 s" in browser.get(RULES).text, 60, "the change")
            assert "Changed by a command" in browser.get(RULES).text
    log = (tmp_path / "here" / "state" / FOLDER / "access.jsonl").read_text(encoding="utf-8").splitlines()
    first, second = map(json.loads, log)
    assert (first["asked_by"], first["purpose"], first["case"]) == ("lan", "false alarms", "8/2026")
    assert "rehearse yard on cam-1" in first["what"]
    assert len(second["passages"]) == 1


def rehearsed(browser: Browser, **changes: str) -> str:
    """Start a rehearsal with the form of the page, wait for its result, and return its id."""
    form = browser.get(FORM).text
    fields = dict(re.findall(r'<input[^>]* name="([a-z_.]+)" value="([^"]*)"', form))
    ticked = re.findall(r'<input type="checkbox" name="([a-z.]+)" value="1" checked', form)
    points = re.search(r"<textarea[^>]*>([^<]*)</textarea>", form)
    assert points is not None
    whole = fields | dict.fromkeys(ticked, "1") | {"points": points[1], "span": "7"}
    asked = whole | {"purpose": "false alarms", "case": "8/2026"} | changes
    answer = browser.post(FORM, asked, page=FORM)
    assert answer.status_code == 303, answer.text
    path = str(answer.headers["location"])

    def is_done() -> bool:
        page = browser.get(path).text
        assert "The gateway refused" not in page
        assert "It failed" not in page
        return "The gateway has rehearsed it" in page

    wait_until(is_done, 120, "the result")
    return path.removeprefix("/rehearsals/")


def opened(browser: Browser, id_: str) -> None:
    """Open the picture of the first example."""
    page = browser.get(f"/rehearsals/{id_}").text
    named = re.search(r'name="passage" value="(dt-001/\d+)"', page)
    assert named is not None
    fields = {"passage": named[1], "next": f"/rehearsals/{id_}"}
    answer = browser.post(f"/searches/{id_}/pictures", fields, page=f"/rehearsals/{id_}")
    assert answer.status_code == 303
    picture = f"/searches/{id_}/pictures/{named[1]}"
    wait_until(lambda: browser.get(picture).status_code == 200, 60, "the picture")
    assert browser.get(picture).content == CROP


def put_in_force(browser: Browser, id_: str, key: Path) -> None:
    """Sign the draft of a rehearsal, and send it."""
    link = re.search(r'href="([^"]*/commands[^"]*set-rule[^"]*)"', browser.get(f"/rehearsals/{id_}").text)
    assert link is not None
    found = DOCUMENT.search(browser.get(html.unescape(link[1])).text)
    assert found is not None
    signed = sign(html.unescape(found[1]).encode(), read_private(key)).decode()
    assert browser.post(PAGE, {"signed": signed, "reason": "false alarms"}).status_code == 303
