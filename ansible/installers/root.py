"""Makes the root file system of an image: Debian by mmdebstrap, and the playbook image.yml in a chroot.

The chroot has a mount, process and network namespace of its own: a handler that loads firewall rules or
starts a service cannot reach the build machine. Debian packages are therefore installed before the playbook.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.sites import read_bundle
from installers import native
from installers.boards import MIRROR, PACKAGES, SUITE, Board
from installers.roles import ANSIBLE, packages

ROLES = ("base", "time", "release", "update", "edge_agent", "image")
ROOT_LABEL, BOOT_LABEL = "edge-root", "EDGE-BOOT"
HOST = "image"
# What the settings may change. The technician may set up a SIM card, so the programs for it are there.
DEFAULTS = {"base_modem": True}
# As `python3 -m fleet` writes them.
BUNDLE_FILES = ("sites.json", "sites.json.sig")
ENROLMENT_FILES = ("enrol-*.crt", "enrol-*.key")
BACKPORTS_PIN = f"""\
Package: src:linux:any src:linux-signed-arm64:any src:linux-base:any
Pin: release n={SUITE}-backports
Pin-Priority: 500
"""

# $0: the root; $1: the folder of the boot partition's files; $2: where that partition is mounted in the root;
# $3: native.sh or nothing; the rest: a command that runs with /proc, /dev and the boot partition mounted, and
# without a network. The boot partition is a file system of its own, because tools that write a boot loader
# ask for one. The shell stays as process 1: Ansible takes any other name than init or sh for the name of a
# service manager.
NAMESPACE = """
root=$0 boot=$1 mounted=$0$2 native=$3
shift 3
set -e
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$mounted"
mkdir "$root/run/sshd" "$root/run/lock"
ip link set lo up
cp -a "$boot/." "$mounted/"
if [ -n "$native" ]; then "$native" programs "$root"; "$native" shells "$root"; fi
"$@"
[ -z "$native" ] || "$native" remove "$root"
cp -a "$mounted/." "$boot/"
"""


class NoImage(Exception):
    """The image cannot be made here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into an image beside Debian."""

    wheelhouse: Path
    release: str
    ssh_keys: tuple[str, ...]  # public keys of the people who may log in
    settings: Path | None  # variables of every gateway, as group_vars/gateways.yml
    release_key: Path | None  # public key that verifies releases and the bundle
    bundle: Path | None  # folder with the site bundle and its signature
    enrolment: Path | None  # folder with the enrolment certificate of the batch and its key
    mirror: str = MIRROR  # of Debian, also for the gateway's own updates

    def check(self) -> None:
        """Raise NoImage if a file is missing or does not fit, before minutes have passed."""
        self.boot_files()
        for option, file in (("SETTINGS", self.settings), ("RELEASE_KEY", self.release_key)):
            if file and not file.is_file():
                raise NoImage(f"{option}: there is no file {file}")
        if self.bundle and self.release_key:
            try:
                read_bundle(self.bundle, self.release_key)
            except CommissioningError as error:
                raise NoImage(
                    f"{self.bundle}/sites.json cannot be used with {self.release_key} ({error.code}): "
                    "write it again with python3 -m fleet bundle"
                ) from error
        elif self.bundle and not self.settings:
            raise NoImage("BUNDLE needs RELEASE_KEY: no gateway could verify the bundle")

    def boot_files(self) -> list[str]:
        """Return the files for the boot partition. Raises NoImage."""
        found = []
        for folder, patterns in ((self.bundle, BUNDLE_FILES), (self.enrolment, ENROLMENT_FILES)):
            for pattern in patterns if folder else ():
                files = sorted(folder.resolve().glob(pattern)) if folder else []
                if len(files) != 1:
                    raise NoImage(f"{folder} must have one {pattern}, and has {len(files)}")
                found.append(str(files[0]))
        return found


def make(board: Board, content: Content, root: Path) -> None:
    """Make the root in the empty or missing folder ``root``. Raises NoImage or CalledProcessError."""
    require(board)
    report(f"Debian {SUITE} for {board.name}, some minutes without output")
    bootstrap(board, root, content.mirror)
    report("roles of the gateway")
    play(board, content, root)
    seal(root)


def report(step: str) -> None:
    """Print which step of an image begins now."""
    print(f"{time.strftime('%H:%M:%S')} {step}", flush=True)


def require(board: Board) -> None:
    """Raise NoImage unless this machine can make an image of the board."""
    if os.geteuid() != 0:
        raise NoImage("an image is made by root: its files belong to root and other users")
    for tool, package in (("mmdebstrap", "mmdebstrap"), ("mkfs.vfat", "dosfstools"), ("mcopy", "mtools"),
                          ("sfdisk", "fdisk"), ("mke2fs", "e2fsprogs"), ("unshare", "util-linux"),
                          ("arch-test", "arch-test")):  # fmt: skip
        if shutil.which(tool) is None:
            raise NoImage(f"{tool} is missing: install {package}")
    if platform.machine() != board.machine and not native.usable(board):
        # The role base has its firewall read by nft, which does not run emulated.
        raise NoImage(
            f"{board.name} needs a build machine with {board.machine}"
            + (" or with x86_64 and Debian 13" if board.machine == "aarch64" else "")
        )
    if subprocess.run(["arch-test", board.architecture], capture_output=True, check=False).returncode:
        raise NoImage(
            f"this machine does not run programs of {board.architecture}: install qemu-user-binfmt, then run "
            "systemctl restart systemd-binfmt"
        )


def bootstrap(board: Board, root: Path, mirror: str) -> None:
    """Install Debian with all packages of the board and of the roles."""
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(parents=True, exist_ok=True)
    wanted = sorted({*PACKAGES, *board.packages, *packages(*ROLES)})
    pin = root.parent / "backports.pref"
    pin.write_text(BACKPORTS_PIN)
    hooks = (
        [f'--setup-hook=install -D -m 0644 {pin} "$1/etc/apt/preferences.d/backports"']
        if board.backports_kernel
        else []
    )
    sources = root.parent / "sources.list"
    sources.write_text("\n".join(board.source_lines(mirror)) + "\n")
    if native.usable(board):
        hooks += native.mmdebstrap_options()
    command = [
        "unshare", "--mount", "mmdebstrap", "--quiet", "--mode=root", "--variant=apt",
        f"--arch={board.architecture}", f"--include={','.join(wanted)}", "--dpkgopt=force-unsafe-io",
        *hooks, SUITE, str(root), str(sources),
    ]  # fmt: skip
    subprocess.run(command, stdin=subprocess.DEVNULL, env=environment(board), check=True)
    # The packages of firmware and kernel have written there already.
    mounted = root / board.boot_folder.lstrip("/")
    mounted.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(boot_files(root), ignore_errors=True)
    mounted.rename(boot_files(root))
    mounted.mkdir(mode=0o755)
    # The apt module would ask the network for newer lists, which the chroot cannot reach.
    stamp = root / "var/lib/apt/periodic/update-success-stamp"
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()


def play(board: Board, content: Content, root: Path) -> None:
    """Run image.yml, which applies the roles of prepare.yml, in the root."""
    variables = root.parent / "variables.json"
    variables.write_text(json.dumps(play_variables(board, content)), encoding="utf-8")
    inventory = root.parent / "inventory.ini"
    python = f" ansible_python_interpreter={native.PYTHON}" if native.usable(board) else ""
    inventory.write_text(
        f"[gateways]\n{HOST} ansible_connection=community.general.chroot ansible_host={root}{python}\n"
    )
    settings = ["-e", json.dumps(DEFAULTS), *(["-e", f"@{content.settings}"] if content.settings else [])]
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    inside(
        board,
        root,
        [program, "-i", str(inventory), *settings, "-e", f"@{variables}", str(ANSIBLE / "image.yml")],
        environment(board) | {"ANSIBLE_CONFIG": str(ANSIBLE / "ansible.cfg"), "ANSIBLE_PIPELINING": "0"},
    )


def play_variables(board: Board, content: Content) -> dict[str, object]:
    """Return the variables that only an image needs; the roles' defaults and the settings have all others."""
    key = {"update_public_key": str(content.release_key.resolve())} if content.release_key else {}
    return key | {
        "ansible_become": False,
        "version": content.release,
        "release_wheelhouse": str(content.wheelhouse),
        "edge_agent_board": board.name,
        "base_admin_keys": list(content.ssh_keys),
        # The build machine's kernel says nothing about the board's.
        "base_cgroup_controllers": "/nonexistent",
        "base_kernel_reboot": False,
        "image_firmware": board.firmware,
        "image_consoles": list(board.consoles),
        "image_boot_folder": board.boot_folder,
        "image_root_label": ROOT_LABEL,
        "image_boot_label": BOOT_LABEL,
        "image_boot_files": content.boot_files(),
    }


def inside(
    board: Board, root: Path, command: Sequence[str], environ: Mapping[str, str] | None = None
) -> None:
    """Run a command of this machine in namespaces whose chroot is ready. Raises CalledProcessError."""
    namespace = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    script = str(native.SCRIPT) if native.usable(board) else ""
    words = ["sh", "-c", NAMESPACE, str(root), str(boot_files(root)), board.boot_folder, script, *command]
    subprocess.run([*namespace, *words], env=environ, check=True)


def environment(board: Board) -> dict[str, str]:
    """Return the environment of a program that runs others in the root."""
    return os.environ | ({"PATH": f"{native.PATH}:{os.environ['PATH']}"} if native.usable(board) else {})


def boot_files(root: Path) -> Path:
    """Return the folder, beside the root, of the files of the boot partition."""
    return root.with_name("boot")


def seal(root: Path) -> None:
    """Remove what must differ between boxes, and what the build left behind."""
    # Empty, not "uninitialized": then systemd would enable every unit at the first boot, as its presets say.
    (root / "etc/machine-id").write_text("")
    for pattern in (
        "etc/ssh/ssh_host_*", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "var/lib/apt/lists/*",
        "var/cache/apt/*", "var/cache/apt/archives/*.deb", "var/log/*.log", "var/log/apt/*", "root/.ansible",
        "etc/apt/apt.conf.d/99mmdebstrap", "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
    ):  # fmt: skip
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
