"""A real headless Chromium, driven over its DevTools pipe: no driver, no library, no port.

https://chromedevtools.github.io/devtools-protocol/, with ``--remote-debugging-pipe``: JSON messages that end
with a zero byte; the browser reads them from file descriptor 3 and writes to 4.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

PATIENCE_S = 30.0
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), "ArrowRight": (39, ""), "Delete": (46, "")}


def installed() -> bool:
    return shutil.which("chromium") is not None


class Chromium:
    """One page of the size of a phone's, while the ``with`` lasts. ``flags``: more of the command line."""

    def __init__(
        self,
        profile: Path,
        *,
        size: tuple[int, int] = (390, 844),
        lang: str = "vi",
        flags: tuple[str, ...] = (),
    ) -> None:
        self._profile, self._size, self._lang, self._flags = profile, size, lang, flags
        self._numbers = itertools.count(1)
        self._rest = b""
        self._session: str | None = None
        self.complaints: list[str] = []  # exceptions and refused resources
        self.requests: list[dict[str, Any]] = []  # after ``Network.enable``: addresses, headers and bodies
        self.workers: dict[str, str] = {}  # after ``ServiceWorker.enable``: ids of registrations by scope

    def __enter__(self) -> Self:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        self._in, self._out = ours_in, ours_out
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += ["--remote-debugging-pipe", f"--user-data-dir={self._profile}", f"--lang={self._lang}"]
        command += ["--no-first-run", "--disable-background-networking", f"--accept-lang={self._lang}"]
        command += self._flags
        # The shell assigns the descriptor numbers: no Python code may run between fork and exec.
        shell = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *command],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        width, height = self._size
        phone = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True}
        self.ask("Emulation.setDeviceMetricsOverride", **phone)
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def open(self, url: str) -> None:
        self.ask("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of the expression."""
        done = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return done["result"].get("value")

    def wait_until(self, script: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {script}"
            select.select([self._in], [], [], 0.1)

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        """In CSS pixels."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.ask("Emulation.setDeviceMetricsOverride", **screen)

    def prefer(self, **features: str) -> None:
        """Media features, such as prefers_color_scheme="dark"."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=named)

    def give_cookie(self, url: str, name: str, value: str) -> None:
        self.ask("Network.setCookie", name=name, value=value, url=url)

    def click(self, selector: str, held_s: float = 0.0) -> None:
        """Click as with a mouse, with the button held for ``held_s``: browsers distinguish this from
        ``element.click()``."""
        x, y = self._middle(selector)
        self.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        time.sleep(held_s)
        self.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def choose_file(self, selector: str, file: Path) -> None:
        """Choose a file in a field, as with the dialog of the browser."""
        field = self.ask("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        # By the object: ids of nodes change when a live part of the page does.
        self.ask("DOM.setFileInputFiles", objectId=field["result"]["objectId"], files=[str(file)])

    def drag(self, selector: str, over: str, to: tuple[float, float]) -> None:
        """Drag an element with the mouse to the place ``to``, x and y in 0..1 of the element ``over``."""
        x, y = self._middle(selector)
        self.ask("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        left, top, width, height = self._rectangle(over)
        x, y = left + to[0] * width, top + to[1] * height
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        self.ask("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def _middle(self, selector: str) -> tuple[float, float]:
        """Scroll to the element, and return its middle in the window."""
        self.run(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        left, top, width, height = self._rectangle(selector)
        return left + width / 2, top + height / 2

    def _rectangle(self, selector: str) -> Any:
        """Left, top, width and height of the element in the window."""
        rectangle = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        return self.run(f"(r => [r.x, r.y, r.width, r.height])({rectangle})")

    def press(self, key: str) -> None:
        """Press one of KEYS, or a letter, a digit or a sign, as with a keyboard."""
        code, text = KEYS.get(key) or (ord(key.upper()), key)
        name = f"Digit{key}" if key.isdecimal() else key
        event: dict[str, Any] = {"key": key, "code": name, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", **event)

    def screenshot(self, path: Path) -> Path:
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))
        return path

    def ask(self, method: str, **params: Any) -> Any:
        """Send one command of the protocol and return its result."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            received = self._next()
            self._note(received)
            if received.get("id") == number:
                assert "error" not in received, f"{method}: {received}"
                return received["result"]

    def _note(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(message["params"]["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.complaints.append(message["params"]["entry"]["text"])
        elif message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"])
        elif message.get("method") == "ServiceWorker.workerRegistrationUpdated":
            found = message["params"]["registrations"]
            self.workers |= {each["scopeURL"]: each["registrationId"] for each in found}

    def _next(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"Chromium said nothing for {PATIENCE_S:g} s"
            more = os.read(self._in, 1 << 16)
            assert more, "Chromium has ended"
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message
