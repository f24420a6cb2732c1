"""The units as systemd itself reads them: no mistakes, and as little exposed as was promised."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "systemd"
EXPOSED_AT_MOST = {
    "edge-agent.service": 1.5,
    "edge-central.service": 1.5,
    "edge-central-travel-times.service": 1.5,
    "edge-agent-units.service": 0.5,
    # Root, with the network: it gives certificates to the agent's group.
    "edge-agent-certificates.service": 1.7,
    # Root, with the network: it installs what a box runs.
    "edge-agent-update.service": 1.6,
    # Code of a release that is not in force yet.
    "edge-agent-check.service": 0.5,
    # Root, and what somebody's modem asks for: interfaces, /sys, /dev, the network.
    "edge-agent-heal.service": 3.0,
    "edge-agent-heal-reboot.service": 1.5,
    "edge-agent-reboot.service": 1.5,
    # Root, over D-Bus, and the files of the network services.
    "edge-agent-network.service": 1.5,
    # A page on port 443, which searches cameras; vcgencmd, as the agent on a Raspberry Pi.
    "edge-agent-commission.service": 2.2,
    # Root: it writes a site's configuration and moves the agent's state.
    "edge-agent-commission-root.service": 1.8,
    "edge-agent-unclaim.service": 1.8,
    # Cameras and brokers; vcgencmd.
    "edge-agent-examination.service": 1.9,
}
WITH_DEVICES_AT_MOST = 1.9
PROGRAM = "/opt/edge-agent/current/bin/edge-agent"
CANDIDATE = "/opt/edge-agent/candidate/bin/edge-agent"

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: tests/testbed/install.sh"
)


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)


def units() -> list[Path]:
    return [path for kind in ("service", "timer", "path") for path in UNITS.glob(f"*.{kind}")]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A root with the units and the program that they start."""
    folder = tmp_path / "usr/lib/systemd/system"
    folder.mkdir(parents=True)
    # verify wants what the units lean on: systemd's own come along.
    for unit in Path("/usr/lib/systemd/system").glob("*.target"):
        shutil.copy(unit, folder)
    for unit in units():
        shutil.copy(unit, folder)
    for program in (PROGRAM, CANDIDATE, "/bin/sh", "/usr/bin/python3"):
        path = tmp_path / program.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def verify(root: Path) -> str:
    """What `systemd-analyze verify` has to say about our units; nothing is good."""
    names = [path.name for path in units()]
    done = analyze("verify", "--man=no", "--recursive-errors=one", f"--root={root}", *names)
    return done.stderr + done.stdout


def test_systemd_finds_no_mistake(installed: Path) -> None:
    assert verify(installed) == ""


@pytest.mark.parametrize(
    ("right", "wrong"), [("RestartSteps=", "RestartStepz="), ("Type=notify", "Type=nonsense")]
)
def test_systemd_finds_a_mistake_that_is_there(installed: Path, right: str, wrong: str) -> None:
    unit = installed / "usr/lib/systemd/system/edge-agent.service"
    unit.write_text(unit.read_text().replace(right, wrong))
    assert "edge-agent.service" in verify(installed)


NEWER_THAN_252 = re.compile(
    r"(?:Type=notify-reload|PrivateUsers=(?:identity|full)|PrivateTmp=disconnected|ProtectHostname=private"
    r"|ProtectControlGroups=(?:private|strict)|DelegateSubgroup=|FileDescriptorStorePreserve=|ImportCredential="
    r"|MemoryPressure\w+=|OpenFile=|PrivatePIDs=|ReloadSignal=|RestartMode=|RestartSteps=|RestartMaxDelaySec="
    r"|SurviveFinalKillSignal=|(?:Condition|Assert)(?:KernelModuleLoaded|Version)=)"
)
"""Keys and values that systemd has since 253, 254, 256, 257 or 258 (systemd.service(5), systemd.exec(5))."""
# Where they are ignored, a service that cannot start is restarted every 2 s instead of ever more rarely.
HARMLESS = {"RestartSteps=", "RestartMaxDelaySec="}


def test_the_units_mean_the_same_to_systemd_252_of_debian_12() -> None:
    """It ignores an unknown key or value with a warning; for ``Type`` that means ``simple``."""
    lines = {
        f"{path.name}: {match.group()}": match.group()
        for path in [*units(), *(UNITS / "examples").glob("*.conf")]
        for line in path.read_text().splitlines()
        if (match := NEWER_THAN_252.match(line))
    }
    assert set(lines.values()) >= HARMLESS, "the pattern finds newer keys"
    assert [line for line, key in lines.items() if key not in HARMLESS] == []


def test_a_reload_of_the_unit_asks_the_agent_by_the_signal_that_it_knows() -> None:
    text = (UNITS / "edge-agent.service").read_text()
    assert "\nType=notify\n" in text
    assert "\nExecReload=/bin/sh -c 'kill -HUP $MAINPID'\n" in text


@pytest.mark.parametrize("example", sorted((UNITS / "examples").glob("*.conf")), ids=lambda path: path.name)
def test_drop_ins_fit_the_unit(installed: Path, example: Path) -> None:
    folder = installed / "usr/lib/systemd/system/edge-agent.service.d"
    folder.mkdir()
    shutil.copy(example, folder)
    assert verify(installed) == ""
    assert exposure(installed, "edge-agent.service") <= WITH_DEVICES_AT_MOST


@pytest.mark.parametrize("unit", sorted(EXPOSED_AT_MOST))
def test_a_unit_is_exposed_as_little_as_promised(installed: Path, unit: str) -> None:
    assert exposure(installed, unit) <= EXPOSED_AT_MOST[unit]


def exposure(root: Path, unit: str) -> float:
    done = analyze("security", "--offline=true", "--no-pager", f"--root={root}", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    return float(found[1])


def keys_without_reason(text: str) -> Iterator[str]:
    """Settings of a paragraph that begins without a comment; lines below one comment share it."""
    explained = False
    for line in text.splitlines():
        if line.startswith("#"):
            explained = True
        elif not line or line.startswith("["):
            explained = False
        elif not explained:
            yield line


# They say what they are, not how careful they are.
PLAIN = {"Description", "Restart", "User", "Type", "NotifyAccess", "ExecStart", "WantedBy"}


@pytest.mark.parametrize(
    "unit",
    [
        "edge-agent.service",
        "edge-agent-update.service",
        "edge-agent-check.service",
        "edge-agent-heal.service",
        "edge-agent-heal-reboot.service",
        "edge-agent-reboot.service",
    ],
)
def test_every_line_of_a_unit_has_its_reason(unit: str) -> None:
    text = (UNITS / unit).read_text()
    bare = [line for line in keys_without_reason(text) if line.partition("=")[0] not in PLAIN]
    assert bare == []


GROUPS = {"plugdev", "video", "edge-agent"}
"""Of Debian's /usr/share/base-passwd/group.master, and ``edge-agent.sysusers``."""


def test_a_drop_in_names_groups_that_exist_or_says_how_to_create_them() -> None:
    """A group that does not exist stops the agent with 216/GROUP."""
    for path in [*units(), *(UNITS / "examples").glob("*.conf")]:
        text = path.read_text()
        for name in re.findall(r"^SupplementaryGroups=(.+)$", text, re.MULTILINE):
            created = re.search(rf"^# .*groupadd --system {name}$", text, re.MULTILINE)
            assert name in GROUPS or created, f"{path.name}: {name}"


def devices(text: str) -> list[str]:
    """The settings of a unit that are about devices."""
    keys = ("PrivateDevices=", "DevicePolicy=", "DeviceAllow=", "SupplementaryGroups=")
    return [line for line in text.splitlines() if line.startswith(keys)]


def test_the_examination_reads_the_power_supply_of_a_raspberry_pi_as_the_agent() -> None:
    of_agent = devices((UNITS / "examples/raspberry-pi.conf").read_text())
    for unit in ("edge-agent-commission.service", "edge-agent-examination.service"):
        assert devices((UNITS / unit).read_text()) == of_agent


def test_a_rehearsal_that_runs_out_of_memory_does_not_stop_the_agent() -> None:
    """systemd's default is to stop the whole unit when one of its processes is killed for memory."""
    assert "\nOOMPolicy=continue\n" in (UNITS / "edge-agent.service").read_text()
