"""Resets the modem or reboots, as root, when a gateway has been without a broker for hours.

``python3 -m edge_heal reset|reboot``, started by edge-agent-heal.path and edge-agent-heal-reboot.path when
the agent has put a file into its run directory. The file is never read: root's own
/etc/edge-agent/healing.json defines a reset, ``{"reset": [["/usr/bin/mmcli", "-m", "any", "--reset"]],
"timeout_s": 120, "reboot": true}``, and this program limits how often. It is outside of the releases and
needs only Python.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

REQUESTS = {"reset": "heal", "reboot": "heal-reboot"}
CONFIG = "etc/edge-agent/healing.json"
ANSWERS = "run/edge-agent-heal"
LAST = "last-reset.json"
HOUR_S, DAY_S = 3600.0, 86_400.0
TIMEOUT_S = 120.0
OUTPUT_BYTES = 500


class Refused(Exception):
    """The request is refused; the text is the reason."""


def heal(action: str, root: Path = Path("/")) -> str:
    """Delete the request, act on it, and write an answer for the agent. Return the outcome."""
    if not _delete_request(root / "run/edge-agent/requests", REQUESTS[action]):
        return "no request"
    uptime_s = float((root / "proc/uptime").read_text().split()[0])
    try:
        config = _config(root / CONFIG)
        detail = _reset(config, root, uptime_s) if action == "reset" else _reboot(config, root, uptime_s)
        outcome = "done"
    except Refused as refusal:
        outcome, detail = "refused", str(refusal)
    except (OSError, subprocess.SubprocessError) as error:
        outcome, detail = "failed", _failure(error)
    _answer(root / ANSWERS / f"{action}.json", outcome, detail, uptime_s)
    print(f"{action}: {outcome}: {detail}")
    return outcome


def _delete_request(folder: Path, name: str) -> bool:
    """Delete the request; False if there is none. The agent's user owns the folder: follow no symbolic
    link."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        os.unlink(name, dir_fd=handle)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _config(path: Path) -> dict[str, object]:
    """Return the settings. Without a file, as after the Debian package: no reset, but reboots. Raises Refused
    if another user than root can write it."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise Refused(f"{path} can be written by others than root")
            config = json.loads(file.read())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Refused(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise Refused(f"{path} is not a JSON object")
    return config


def _reset(config: dict[str, object], root: Path, uptime_s: float) -> str:
    commands = _commands(config.get("reset") or [])
    last_s = _last_reset_s(root / ANSWERS / LAST)
    if last_s is not None and 0 <= uptime_s - last_s < HOUR_S:
        raise Refused("the last reset is less than an hour ago")
    timeout_s = config.get("timeout_s", TIMEOUT_S)
    if not isinstance(timeout_s, int | float) or not 1 <= timeout_s <= 600:
        raise Refused("timeout_s must be from 1 to 600")
    # Stored before the reset: if the agent has filled /run, resets must not be repeated without limit.
    _write(root / ANSWERS / LAST, {"uptime_s": uptime_s})
    for words in commands:
        _run(words, float(timeout_s))
    return "; ".join(words[0] for words in commands)


def _commands(found: object) -> list[list[str]]:
    """Return the commands of a reset. Raises Refused if they are not valid."""
    if not found:
        raise Refused("no reset is configured")
    if isinstance(found, list) and all(_is_command(words) for words in found):
        return found
    raise Refused("reset must be a list of commands, each a list of words that begins with an absolute path")


def _is_command(words: object) -> bool:
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        return False
    return bool(words[0].startswith("/"))


def _reboot(config: dict[str, object], root: Path, uptime_s: float) -> str:
    """Reboot at most once a day: judged by the uptime, which depends on no clock and no file."""
    if config.get("reboot", True) is not True:
        raise Refused("reboots are off")
    if uptime_s < DAY_S:
        raise Refused(
            f"the gateway has been up for {uptime_s / HOUR_S:.1f} h; it reboots after a day at the earliest"
        )
    _run([str(root / "usr/bin/systemctl"), "--no-block", "reboot"], TIMEOUT_S)
    return f"after {uptime_s / HOUR_S:.1f} h"


def _run(words: list[str], timeout_s: float) -> None:
    """Run a command without a shell, in a process group of its own, which is killed at its end.

    Its output goes to a file, because a child process could keep a pipe open.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            code = process.wait(timeout_s)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        text = output.read(OUTPUT_BYTES).decode(errors="replace")
    if code != 0:
        raise subprocess.CalledProcessError(code, words, text)


def _failure(error: OSError | subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{error.cmd[0]} took longer than {error.timeout:.0f} s"
    if isinstance(error, subprocess.CalledProcessError):
        return f"{error.cmd[0]} ended with {error.returncode}: {(error.output or '').strip()[-200:]}"
    return str(error)


def _last_reset_s(path: Path) -> float | None:
    """Return the uptime at the last reset of this boot; the folder does not survive a boot."""
    try:
        begun = json.loads(path.read_bytes()).get("uptime_s")
    except (OSError, ValueError, AttributeError):
        return None
    return float(begun) if isinstance(begun, int | float) else None


def _answer(path: Path, outcome: str, detail: str, uptime_s: float) -> None:
    _write(path, {"outcome": outcome, "detail": detail[:OUTPUT_BYTES], "uptime_s": uptime_s})


def _write(path: Path, content: dict[str, object]) -> None:
    """Write a file in one step, so that the agent never reads a part of it."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content), encoding="utf-8")
    new.chmod(0o644)
    new.replace(path)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in REQUESTS:
        sys.exit(f"usage: python3 -m edge_heal {'|'.join(REQUESTS)}")
    heal(sys.argv[1])
