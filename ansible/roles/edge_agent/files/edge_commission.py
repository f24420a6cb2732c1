#!/usr/bin/python3
"""Root's part of commissioning; docs/design/commissioning.md.

``prepare`` writes the box's serial and opens the page's port, ``console`` shows the box's name on the
console, ``close`` closes the port. ``act`` carries out one request of the page, whose process has no rights,
and ``unclaim`` one of the agent. It takes a site only from the signed bundle, never from a request. It is
outside of the releases and needs only Python and openssl.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ETC = Path("etc/edge-agent")
BUNDLE = ETC / "enrolment/sites.json"
RELEASE_KEY = ETC / "release.pem"
OWN_STATE = Path("var/lib/edge-agent-commission-root")
REQUEST = Path("run/edge-agent-commission/request.json")
CLAIMED = OWN_STATE / "claimed.json"
UNCLAIM_REQUEST = Path("run/edge-agent/requests/unclaim")
UNCLAIM_ANSWER = Path("run/edge-agent-unclaim/answer.json")
REPLY_S = 5.0
"""So long the agent lives on after it was accepted, so that its reply to the command arrives."""
ANSWER = Path("run/edge-agent-commission-root/answer.json")
STATE, APART = Path("var/lib/edge-agent"), Path("var/lib/edge-agent-apart")
CONFIRMED = Path("var/lib/edge-agent-commission/confirmed")
ISSUE = Path("run/issue.d/edge-agent.issue")
CERTIFICATES = Path("usr/local/sbin/edge-certificates")
PAGE = "edge-agent-commission.service"
SETS = "edge_agent_aim"
PORTS = ("443", "5353")  # the page, and the names of the box (mDNS)
MAX_REQUEST, MAX_BUNDLE = 200_000, 16_000_000
ID = re.compile(r"[a-z0-9-]{1,63}")
TLS = ("client.crt", "client.key", "ca.crt")


class Refused(Exception):
    """The request is refused; the text is the reason."""


class Box:
    """The files of this machine, below ``root``."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def path(self, below: Path) -> Path:
        return self.root / below

    @property
    def group(self) -> int:
        """The agent's group, which may read the configuration."""
        return self.path(ETC).stat().st_gid

    @property
    def site(self) -> str | None:
        """The site that this box is configured for."""
        try:
            return self.path(ETC / "site-id").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def run(self, *command: str, data: bytes | None = None, timeout: float = 60) -> bytes:
        """Run a program and return its output. Raises Refused with its error."""
        env = {**os.environ, "LC_ALL": "C", "CREDENTIALS_DIRECTORY": str(self.path(ETC))}
        try:
            done = subprocess.run(
                command, input=data, capture_output=True, timeout=timeout, env=env, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Refused(f"{command[0]}: {error}") from error
        if done.returncode:
            text = (done.stderr or done.stdout).decode(errors="replace").strip()
            raise Refused(f"{Path(command[0]).name}: {text[-1500:]}")
        return done.stdout


# -- the bundle


def read_bundle(box: Box) -> dict[str, Any]:
    """Return the bundle of all sites. Raises Refused unless it is signed and not older than the last one."""
    path = box.path(BUNDLE)
    if path.stat().st_size > MAX_BUNDLE:
        raise Refused(f"{path} is too large")
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(box.path(RELEASE_KEY)), "-rawin"]
    box.run(*verify, "-in", str(path), "-sigfile", f"{path}.sig")
    bundle: dict[str, Any] = json.loads(path.read_bytes())
    seen = box.path(OWN_STATE / "bundle.json")
    newest = json.loads(seen.read_text())["version"] if seen.exists() else 0
    if bundle["version"] < newest:
        raise Refused(f"the bundle of sites is older ({bundle['version']}) than a former one ({newest})")
    if bundle["version"] > newest:
        write(seen, json.dumps({"version": bundle["version"]}), 0o600)
    return bundle


def site_of(bundle: dict[str, Any], site: str) -> dict[str, Any]:
    for each in bundle["sites"]:
        if each["id"] == site and ID.fullmatch(site):
            found: dict[str, Any] = each
            return found
    raise Refused(f"the bundle of sites has no site {site[:63]!r}")


# -- what a request asks for


def apply(box: Box, request: dict[str, Any]) -> dict[str, str]:
    """Configure the box for a site with a new key; return the request for its certificate."""
    bundle = read_bundle(box)
    site = site_of(bundle, str(request["site"]))
    record = box.path(CLAIMED)
    if box.path(ETC / "edge-agent.yaml").exists() and not record.exists():
        raise Refused("a playbook has configured this box: only a playbook may change it")
    if box.site not in (None, site["id"]):
        unclaim(box, "another site was claimed")
    write(record, json.dumps({"site": site["id"], "bundle": bundle["version"]}), 0o600)
    stop_agent(box)
    write_credentials(box, site, request.get("passwords", {}))
    write_keys(box, bundle)
    csr = new_key(box, site["id"], bundle["ca"])
    configure(box, site)
    write(box.path(ETC / "site-id"), site["id"] + "\n", 0o644)
    with contextlib.suppress(Refused):  # the name is a comfort for people
        box.run("hostnamectl", "set-hostname", site["id"])
    start_agent(box)
    return {"csr": csr}


def certificate(box: Box, request: dict[str, Any]) -> dict[str, str]:
    """Give the certificate to ``edge-certificates``, which checks it."""
    site = box.site
    if site is None or site != request["site"]:
        raise Refused("this box is not configured for that site")
    own = box.path(ETC / "tls/client.crt")
    if own.exists() and b"edge-agent: not confirmed yet" in own.read_bytes():
        own.unlink()  # made by ``write_placeholder``; without it the first slot is free
    program = ["/usr/bin/python3", "-s", "-B", str(box.path(CERTIFICATES))]
    given = json.dumps({"certificate": str(request["certificate"])}).encode()
    try:
        said = box.run(*program, "--folder", str(own.parent), "stage", "--name", site, data=given)
    except Refused:  # such as by a clock that is wrong: the agent does not start without a certificate
        if not own.exists():
            write_placeholder(box, site)
        raise
    claim = {"site": site, "claim_id": str(request["claim_id"])}
    write(box.path(CLAIMED), json.dumps(claim), 0o600)
    start_agent(box)
    return {"detail": said.decode().strip()}


def unclaim(box: Box, reason: str) -> dict[str, str]:
    """Return the box to the state before the claim, with the events of the site in a folder apart.

    Each step may be repeated after a power cut: ``site-id`` is deleted after everything of the site, and the
    note that the site is given up after that."""
    site = box.site
    if site is None:
        if "unclaim" in read_claimed(box):
            box.path(CLAIMED).unlink()
        return {"detail": "no site is claimed"}
    note = box.path(OWN_STATE / "unclaimed.json")
    write(note, json.dumps({"site": site, "reason": reason[:500], "time": utc()}), 0o640, box.group)
    remove_plain(box.path(CONFIRMED))
    stop_agent(box)
    set_apart(box, site)
    box.path(ETC / "edge-agent.yaml").unlink(missing_ok=True)
    for name in ("credentials", "operators", "searches", "tls/next"):
        for each in box.path(ETC / name).glob("*"):
            each.unlink()
    for name in TLS:
        box.path(ETC / "tls" / name).unlink(missing_ok=True)
    box.path(ETC / "site-id").unlink()
    box.path(CLAIMED).unlink(missing_ok=True)
    return {"detail": f"site {site} is no longer claimed"}


def set_apart(box: Box, site: str) -> None:
    """Move what the agent stored for the site, as a whole. Nothing of it may be sent as another site's.

    The models stay. The folder that follows is complete before it takes the name of the former one, so that
    a power cut between the two steps is made good by the next call."""
    state, apart, new = box.path(STATE), box.path(APART), box.path(STATE).with_name(".edge-agent.new")
    if new.is_dir() and not state.exists():
        new.rename(state)
    if is_mount(state):
        set_apart_inside(state, site)
        return
    if not any(name != "models" for name in os.listdir(state)):
        return
    owner = state.stat()
    apart.mkdir(mode=0o750, exist_ok=True)
    os.chown(apart, -1, owner.st_gid)
    new.mkdir(mode=0o750, exist_ok=True)
    os.chown(new, owner.st_uid, owner.st_gid)
    if (state / "models").is_dir() and not (state / "models").is_symlink():
        os.rename(state / "models", new / "models")
    state.rename(apart / f"{site}-{utc().replace(':', '').replace('-', '')}")
    new.rename(state)


def is_mount(path: Path) -> bool:
    """Whether it is a mount, also one of a folder, or a link to another disk: neither moves by its name."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return path.is_symlink() or any(line.split()[4] == str(path) for line in mounts)


def set_apart_inside(state: Path, site: str) -> None:
    """Move what is in a state that is a mount into its folder ``apart``, which belongs to root.

    A power cut leaves ``apart/.moving``, and the next call moves the rest there. The agent's user may write
    the state, so names in it are never followed."""
    with contextlib.ExitStack() as opened:
        folder = open_folder(opened, state)
        group = os.fstat(folder).st_gid
        names = [name for name in os.listdir(folder) if not stays(folder, name)]
        if not names and not (state / "apart/.moving").is_dir():
            return
        apart = own_folder(opened, "apart", folder, group)
        moving = own_folder(opened, ".moving", apart, group)
        for name in names:
            os.rename(name, name, src_dir_fd=folder, dst_dir_fd=moving)
        name = f"{site}-{utc().replace(':', '').replace('-', '')}"
        os.rename(".moving", name, src_dir_fd=apart, dst_dir_fd=apart)


def stays(folder: int, name: str) -> bool:
    """Whether the name belongs to the box, not to the site."""
    if name in ("models", "apart", "lost+found"):
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    return False


def open_folder(opened: contextlib.ExitStack, path: Path | str, within: int | None = None) -> int:
    """Open a folder until ``opened`` is closed; below ``within`` it is no link."""
    flags = os.O_RDONLY | os.O_DIRECTORY | (0 if within is None else os.O_NOFOLLOW)
    handle = os.open(path, flags, dir_fd=within)
    opened.callback(os.close, handle)
    return handle


def own_folder(opened: contextlib.ExitStack, name: str, within: int, group: int) -> int:
    """Open a folder of this program's user that the group may read; make it if it is missing. Raises
    Refused."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o750, dir_fd=within)
        os.chown(name, -1, group, dir_fd=within, follow_symlinks=False)
    handle = open_folder(opened, name, within)
    if os.fstat(handle).st_uid != os.geteuid():
        raise Refused(f"the folder {name} of the agent's state belongs to another user")
    return handle


# -- the parts of a site's configuration


def write_credentials(box: Box, site: dict[str, Any], passwords: dict[str, Any]) -> None:
    folder = box.path(ETC / "credentials")
    named = [camera["id"] for camera in site["cameras"] if camera.get("username")]
    for camera in filter(ID.fullmatch, named):
        password = str(passwords.get(camera, ""))
        if not password or len(password) > 1000 or not password.isprintable():
            raise Refused(f"{camera}: there is no password of one line")
        write(folder / camera, password + "\n", 0o600)


def write_keys(box: Box, bundle: dict[str, Any]) -> None:
    for name, keys in (
        ("operators", bundle.get("operator_keys", [])),
        ("searches", bundle.get("search_keys", [])),
    ):
        folder = box.path(ETC / name)
        folder.mkdir(mode=0o750, exist_ok=True)
        os.chown(folder, -1, box.group)
        for pem in keys:
            write(folder / f"{hashlib.sha256(pem.encode()).hexdigest()[:16]}.pem", pem, 0o640, box.group)


def new_key(box: Box, site: str, ca: str) -> str:
    """Make a key and a self-signed certificate, which no broker accepts; return the CSR."""
    folder = box.path(ETC / "tls")
    key, name = folder / "client.key", f"/CN={site}"
    new = box.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    write(key, new.decode(), 0o640, box.group)
    csr = box.run("openssl", "req", "-new", "-key", str(key), "-subj", name)
    write(folder / "ca.crt", ca, 0o640, box.group)
    write_placeholder(box, site)
    return csr.decode()


def write_placeholder(box: Box, site: str) -> None:
    """Let the agent start before the centre has confirmed the site: a certificate that its own key signed."""
    folder = box.path(ETC / "tls")
    mine = ["openssl", "req", "-x509", "-key", str(folder / "client.key"), "-subj", f"/CN={site}"]
    text = "edge-agent: not confirmed yet\n" + box.run(*mine, "-days", "3650").decode()
    write(folder / "client.crt", text, 0o640, box.group)


def configure(box: Box, site: dict[str, Any]) -> None:
    """Write the configuration after ``edge-agent check`` has accepted it. JSON is YAML, too."""
    path = box.path(ETC / "edge-agent.yaml")
    new = path.with_name(".edge-agent.yaml.new")
    text = "# From the bundle of all sites. Settings of a technician on site belong into conf.d/.\n"
    text += json.dumps(site["configuration"], indent=2, ensure_ascii=False) + "\n"
    write(new, text, 0o640, box.group)
    program = str(box.path(Path("opt/edge-agent/current/bin/edge-agent")))
    box.run(program, "check", "--conf-dir", str(box.path(ETC / "conf.d")), str(new))
    new.replace(path)


def stop_agent(box: Box) -> None:
    box.run("systemctl", "disable", "--quiet", "--now", "edge-agent.service")


def start_agent(box: Box) -> None:
    box.run("systemctl", "enable", "--quiet", "edge-agent.service")
    box.run("systemctl", "restart", "--no-block", "edge-agent.service")


# -- the serial, the console and the firewall


def prepare(box: Box) -> None:
    path = box.path(ETC / "serial")
    if not path.exists():
        write(path, serial(box) + "\n", 0o644)
    finish_unclaim(box)
    for port in PORTS:
        firewall(box, "add", port)


def serial(box: Box) -> str:
    """The board's own number; without one, a number made from the machine id."""
    for name in ("proc/device-tree/serial-number", "sys/class/dmi/id/product_serial"):
        with contextlib.suppress(OSError):
            text = box.path(Path(name)).read_bytes().strip(b"\0\n ").decode("ascii", "replace")
            plain = re.sub("[^a-z0-9]", "", text.lower())
            # Boards without a number say "To be filled by O.E.M.", "Default string" or zeros.
            text_of_none = "filled" in plain or "default" in plain
            if 8 <= len(plain) <= 32 and len(set(plain)) > 3 and not text_of_none:
                return f"box-{plain}"
    machine = box.path(Path("etc/machine-id")).read_text().strip()
    return f"box-{hashlib.sha256(b'edge-agent serial ' + machine.encode()).hexdigest()[:16]}"


def console(box: Box) -> None:
    """Show the text of the page's process on the console: its printable ASCII only, without escapes."""
    text = read_plain(box.path(REQUEST.parent / "console.txt"), 2000).decode("ascii", "replace")
    lines = ["".join(c for c in line if " " <= c <= "~" and c != "\\") for line in text.splitlines()]
    box.path(ISSUE.parent).mkdir(mode=0o755, exist_ok=True)
    write(box.path(ISSUE), "\n" + "\n".join(lines[:20]) + "\n\n", 0o644)
    with contextlib.suppress(Refused):  # agetty shows the new text
        box.run("agetty", "--reload")


def close(box: Box) -> None:
    box.path(ISSUE).unlink(missing_ok=True)
    for port in PORTS:
        firewall(box, "delete", port)


def firewall(box: Box, verb: str, port: str) -> None:
    """Add the port to the set of the aiming page, or delete it; nothing happens without this set."""
    with contextlib.suppress(Refused, KeyError, ValueError):
        listed = json.loads(box.run("nft", "-j", "list", "sets", "inet"))["nftables"]
        tables = [each["set"]["table"] for each in listed if each.get("set", {}).get("name") == SETS]
        for table in tables[:1]:
            box.run("nft", verb, "element", "inet", table, SETS, f"{{ {port} }}")


# -- files and requests


def act(box: Box) -> str:
    """Read and delete the request of the page's process, and write the answer. Return the outcome."""
    path = box.path(REQUEST)
    try:
        request = json.loads(read_plain(path, MAX_REQUEST))
    except (OSError, ValueError, RecursionError):
        request = None
    remove_plain(path)
    if not isinstance(request, dict):
        return "no request"
    try:
        verb = request.get("action")
        if verb == "unclaim":
            found = unclaim(box, str(request.get("reason", "")))
        elif verb in ("apply", "certificate"):
            found = (apply if verb == "apply" else certificate)(box, request)
        else:
            raise Refused(f"unknown action {verb!r}"[:100])
        outcome = "done"
    except Refused as refusal:
        outcome, found = "refused", {"detail": str(refusal)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        outcome, found = "failed", {"detail": f"{type(error).__name__}: {error}"[:500]}
    answer = {"id": str(request.get("id", ""))[:64], "outcome": outcome, **found}
    write(box.path(ANSWER), json.dumps(answer), 0o640, box.group)
    print(f"{request.get('action')}: {outcome}: {found.get('detail', '')}")
    return outcome


def act_unclaim(box: Box, reply_s: float = REPLY_S) -> str:
    """Carry out the agent's request after a signed command: answer, then remove the site from the box."""
    path = box.path(UNCLAIM_REQUEST)
    try:
        request = json.loads(read_plain(path, 10_000))
    except (OSError, ValueError, RecursionError):
        request = None
    remove_plain(path)
    if not isinstance(request, dict):
        return "no request"
    uptime_s = float(box.path(Path("proc/uptime")).read_text().split()[0])
    answer = {"outcome": "accepted", "detail": "", "uptime_s": uptime_s}
    try:
        begin_unclaim(box, request)
    except Refused as refusal:
        answer |= {"outcome": "refused", "detail": str(refusal)}
    write(box.path(UNCLAIM_ANSWER), json.dumps(answer), 0o640, box.group)
    if answer["outcome"] == "accepted":
        time.sleep(reply_s)
        finish_unclaim(box)
        # A page that is still served after the confirmation has the former state, and leaves its mark.
        box.run("systemctl", "stop", PAGE)
        remove_plain(box.path(CONFIRMED))
        box.run("systemctl", "start", "--no-block", PAGE)
    print(f"unclaim: {answer['outcome']}: {answer['detail']}")
    return str(answer["outcome"])


def begin_unclaim(box: Box, request: dict[str, Any]) -> None:
    """Record that the site is being given up: after a power cut the next start finishes it. Raises
    Refused."""
    claimed = read_claimed(box)
    if "claim_id" not in claimed:
        raise Refused("this box has no site by a claim")
    if request.get("claim_id") != claimed["claim_id"]:
        raise Refused("this box has its site by another claim")
    remove_plain(box.path(CONFIRMED))  # first: after a power cut only the page acts on the note
    note = claimed | {"unclaim": str(request.get("why", ""))[:500]}
    write(box.path(CLAIMED), json.dumps(note), 0o600)


def finish_unclaim(box: Box) -> None:
    """Finish giving up the site if a power cut interrupted it."""
    claimed = read_claimed(box)
    if "unclaim" in claimed:
        unclaim(box, claimed["unclaim"])


def read_claimed(box: Box) -> dict[str, Any]:
    """What is recorded about the claim in force; empty: there is none."""
    try:
        found: dict[str, Any] = json.loads(box.path(CLAIMED).read_text())
    except FileNotFoundError:
        return {}
    return found


def write(path: Path, text: str, mode: int, group: int | None = None) -> None:
    """Replace a file durably; ``group``: the one that it belongs to."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        if group is not None:
            os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    new.replace(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(handle)
    os.close(handle)


def read_plain(path: Path, most: int) -> bytes:
    """Read a plain file in a folder that belongs to another user. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(f"{path} is not a plain file")
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(f"{path} is too large")
    return content


def remove_plain(path: Path) -> None:
    """Delete a name in a folder that belongs to another user; the folder itself is no link."""
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.unlink(path.name, dir_fd=folder)
        finally:
            os.close(folder)


def utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def main() -> int:
    verbs = {"prepare": prepare, "console": console, "close": close, "act": act, "unclaim": act_unclaim}
    if len(sys.argv) != 2 or sys.argv[1] not in verbs:
        print(f"usage: edge_commission {'|'.join(verbs)}", file=sys.stderr)
        return 2
    try:
        verbs[sys.argv[1]](Box())
    except (Refused, OSError, ValueError) as error:
        print(f"edge_commission {sys.argv[1]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
