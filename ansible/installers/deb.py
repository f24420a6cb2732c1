"""Makes the Debian package: the locked wheels, units, root's programs, and a postinst that installs them.

The package contains wheels and no virtual environment: so it is made for any architecture on any machine,
and a gateway has the same files in /opt/edge-agent as after `prepare.yml` (docs/decisions/0092).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from installers.roles import CHECKOUT, UNITS, enabled_units, files

SCRIPTS = Path(__file__).parent / "maintainer_scripts"
ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
"""The kernel's names of architectures, and Debian's."""
WHEELS = "usr/share/edge-agent/wheels"
UNIT_FOLDER = "/etc/systemd/system/"
PACKAGED_UNITS = "/usr/lib/systemd/system/"
MAINTAINER = "edge-agent <root@localhost>"


def debian_version(release: str) -> str:
    """Return the version of the package: Debian sorts 0.2.0~rc1 before 0.2.0, and 0.2.0rc1 after it."""
    return re.sub(r"(a|b|rc|\.dev)(?=\d+$)", r"~\1", release)


def build(wheelhouse: Path, release: str, architecture: str, out: Path, maintainer: str = MAINTAINER) -> Path:
    """Build ``edge-agent_<version>_<architecture>.deb`` in the folder ``out``.

    ``wheelhouse``: all wheels of the release, as `make wheelhouse` makes it. ``architecture``: aarch64 or
    x86_64. Raises CalledProcessError.
    """
    out.mkdir(parents=True, exist_ok=True)
    values = {
        "RELEASE": release,
        "VERSION": debian_version(release),
        "ARCHITECTURE": ARCHITECTURES[architecture],
        "MAINTAINER": maintainer,
        "ENABLED": " ".join(enabled_units()),
        "UNITS": " ".join(Path(each.path).name for each in files() if each.path.startswith(UNIT_FOLDER)),
    }
    target = out / f"edge-agent_{values['VERSION']}_{values['ARCHITECTURE']}.deb"
    with TemporaryDirectory(prefix="edge-agent-deb-") as folder:
        tree = Path(folder) / "tree"
        _fill(tree, wheelhouse, release)
        values["SIZE_KB"] = str(
            sum(file.stat().st_size for file in tree.rglob("*") if file.is_file()) // 1024
        )
        _write_control(tree / "DEBIAN", values)
        _open_folders(tree)
        # Wheels are compressed already. dpkg-deb takes the times of files from SOURCE_DATE_EPOCH.
        command = ["dpkg-deb", "--root-owner-group", "--uniform-compression", "-Znone", "--build"]
        subprocess.run([*command, str(tree), str(target)], check=True, stdout=subprocess.DEVNULL)
    return target


def _fill(tree: Path, wheelhouse: Path, release: str) -> None:
    for installed in files():
        path = installed.path.replace(UNIT_FOLDER, PACKAGED_UNITS)
        _copy(installed.source, tree / path.lstrip("/"), installed.mode)
    for wheel in sorted(wheelhouse.glob("*.whl")):
        # The wheelhouse may also have the agent's wheels of other releases.
        if not wheel.name.startswith("edge_agent-") or wheel.name.startswith(f"edge_agent-{release}-"):
            _copy(wheel, tree / WHEELS / wheel.name)
    _copy(CHECKOUT / "LICENSE", tree / "usr/share/doc/edge-agent/copyright")
    # Not below usr/share/doc, which small systems exclude: postinst needs one of them.
    for example in sorted((UNITS / "examples").glob("*.conf")):
        _copy(example, tree / "usr/share/edge-agent/examples" / example.name)
    command = tree / "usr/local/bin/edge-agent"
    command.parent.mkdir(parents=True)
    command.symlink_to("/opt/edge-agent/current/bin/edge-agent")


def _copy(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def _write_control(folder: Path, values: Mapping[str, str]) -> None:
    folder.mkdir()
    for template in sorted(SCRIPTS.iterdir()):
        text = template.read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        (folder / template.name).write_text(text, encoding="utf-8")
        (folder / template.name).chmod(0o644 if template.name == "control" else 0o755)


def _open_folders(tree: Path) -> None:
    """Set the mode of folders, which depends on the umask of the build machine."""
    for path in (tree, *tree.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
