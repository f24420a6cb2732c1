"""A console with its ingest, a real agent, and a browser in which an officer signs commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edge_agent.commands.signature import make_key
from edge_central.web.auth.accounts import Role
from tests.commands.centre import Centre as Operator
from tests.commands.centre import centre_at
from tests.commands.test_over_mqtt import YARD
from tests.edge_central.parts import Centre
from tests.edge_central.web.house import House
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.chromium import Chromium
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.synced import COMMAND


@dataclass
class SigningRoom:
    """A console, its ingest, an agent, and a browser in which an officer has logged in."""

    house: House
    agent: AgentProcess
    browser: Chromium
    folder: Path
    operator: Operator  # the operator's own tool at the broker

    def open(self, path: str) -> None:
        self.browser.run("document.body.dataset.left = 'yes'")
        self.browser.open(self.house.url + path)
        self.browser.wait_until(
            "document.readyState === 'complete' && document.body.dataset.left === undefined"
        )

    def choose(self, file: Path) -> None:
        """Choose the file of the key."""
        self.browser.choose_file("#key-file", file)

    def state(self) -> str:
        """What the page says of the key that was chosen."""
        self.browser.wait_until("document.getElementById('key-state').textContent")
        return str(self.browser.run("document.getElementById('key-state').textContent"))

    def log(self) -> str:
        return str(self.browser.run("document.querySelector('#command-log tbody tr').innerText"))

    def sign(self) -> None:
        self.browser.run("document.body.dataset.left = 'yes'")
        self.browser.click("#signed-form button")
        self.browser.wait_until(
            "document.readyState === 'complete' && document.body.dataset.left === undefined"
        )

    def overridden(self) -> list[str]:
        status = self.agent.status()
        assert status is not None
        return [each["what"] for each in status["heartbeat"]["commands"]["rules"]]


Room = TypeVar("Room", bound=SigningRoom)


@contextmanager
def signing_room(folder: Path, kind: type[Room]) -> Iterator[Room]:
    """Start all of it. The operator's private key is ``operator.pem`` in ``folder``."""
    (folder / "operators").mkdir()
    public, _ = make_key(folder / "operator.pem")
    public.rename(folder / "operators/lan.pem")
    camera = {"id": "cam-1", "url": str(make_clip(folder / "clip.mp4", seconds=5)), **YARD}
    commands = {"operator_keys": [str(folder / "operators")]}
    with Mosquitto(folder) as broker, House(folder / "centre") as house:
        config = write_config(
            folder, cameras=[camera], broker_port=broker.port, detector="none", commands=commands
        )
        with (
            Centre(folder / "centre", broker.port),  # on the database of the house
            centre_at(broker.port) as operator,
            AgentProcess(config, "--repeat-files", command=COMMAND) as agent,
            Chromium(folder / "profile") as browser,
        ):
            operator.wait_for_gateway()
            house.person("lan", Role.OFFICER, "de-tham")
            house.start()
            browser.ask("DOM.enable")
            browser.ask("Network.enable")
            for cookie in house.browser("lan").client.cookies.jar:
                browser.give_cookie(house.url, cookie.name, cookie.value or "")
            yield kind(house, agent, browser, folder, operator)
