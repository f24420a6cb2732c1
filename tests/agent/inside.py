"""The agent on a thread of the test's own process: parts can be faked, threads and files counted."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from edge_agent import config
from edge_agent.agent import Agent
from edge_agent.config.model.settings import Settings
from edge_agent.host.local_api.control import run_reload
from edge_agent.host.local_api.status import run_status
from tests.outbox.parts import outbox_in
from tests.testbed.agent import PATIENCE_S, wait_until


class AgentInside:
    """Runs during the ``with``. Without a broker its events are in the outbox afterwards."""

    def __init__(self, path: Path, settings: Settings | None = None, **parts: Any) -> None:
        """``settings``: where they differ from the file; ``parts``: arguments of ``Agent``."""
        self.path, self.settings = path, settings or config.load(path)
        self.hangup = threading.Event()
        self.code: int | None = None
        self._stop = threading.Event()
        parts |= {"load": lambda: config.load(path), "hangup": self.hangup, "repeat_files": True}
        self.agent = Agent(self.settings, self._stop, **parts)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> float:
        """Returns the seconds that it took."""
        begun = time.monotonic()
        self._stop.set()
        self._thread.join(20)
        return time.monotonic() - begun

    def reload(self) -> str:
        """The text of a successful ``edge-agent reload``."""
        out, err = io.StringIO(), io.StringIO()
        assert run_reload(self.path, out, err) == 0, err.getvalue()
        return out.getvalue()

    def beat(self) -> dict[str, Any]:
        out = io.StringIO()
        if run_status(self.path, True, out) != 0:
            return {}
        beat: dict[str, Any] = json.loads(out.getvalue())["heartbeat"]
        return beat

    def wait_for(
        self, true: Callable[[dict[str, Any]], object], what: str, timeout_s: float = PATIENCE_S
    ) -> None:
        def holds() -> bool:
            beat = self.beat()
            return bool(beat) and bool(true(beat))

        wait_until(holds, timeout_s, what)

    def reported(self) -> list[dict[str, Any]]:
        """All events, once the agent has stopped."""
        with outbox_in(self.settings.state_dir) as outbox:
            return [json.loads(event.payload) for event in outbox.pending(10_000)]

    def _run(self) -> None:
        self.code = self.agent.run()
