"""``edge-agent commission``: the page (``--serve``), or the same steps at the terminal."""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from edge_agent.cameras.build import use_one_opencv_thread
from edge_agent.commissioning.cameras import adopt_passwords
from edge_agent.commissioning.commissioning import BoxEnvironment, Commissioning
from edge_agent.commissioning.examination import DoctorRun, FinalExamination
from edge_agent.commissioning.identity import BoxIdentity, open_identity, replace_code
from edge_agent.commissioning.messages import CommissioningError, words
from edge_agent.commissioning.page.fault import BundleFiles, FaultPages, bundle_files, serve_until_repaired
from edge_agent.commissioning.page.gate import LabelGate
from edge_agent.commissioning.page.listeners import BoxListeners
from edge_agent.commissioning.page.service import CommissionService
from edge_agent.commissioning.page.state_document import identity_document, state_document
from edge_agent.commissioning.paths import CommissioningPaths
from edge_agent.commissioning.record import ClaimStore, exclusive
from edge_agent.commissioning.root_part import RootPart
from edge_agent.commissioning.sites import id_of_label, read_bundle
from edge_agent.commissioning.terminal import Terminal
from edge_agent.commissioning.withdrawal import adopt_withdrawal, follow_withdrawal
from edge_agent.config.board import read_board
from edge_agent.core.clock import SystemClock
from edge_agent.core.command_line.exit_codes import EX_OK, EX_TEMPFAIL
from edge_agent.core.errors import UsageError
from edge_agent.core.languages import Bilingual, Lang, lang_of
from edge_agent.host.health.clock_sync import ClockState, read_clock_state, read_kernel_sync
from edge_agent.host.system.addresses import own_addresses
from edge_agent.host.system.network_settings import RootNetwork
from edge_agent.host.system.process import become_agent, stop_on_signals
from edge_agent.host.system.systemd import Systemd
from edge_agent.tools.offline_docs.topics import plain

log = logging.getLogger(__name__)

UNIT = "edge-agent-commission.service"
# A shell that runs as root and outlives the command. Its input ends with the command, then it starts the
# service.
_START_AT_EXIT = "trap '' INT TERM HUP; cat >/dev/null; exec systemctl start --no-block \"$0\""


def run_commission(args: argparse.Namespace, out: TextIO) -> int:
    """Do what the arguments say. Return 0 when the steps were done, 1 when the examination found something
    red. Raises CommissioningError and EdgeAgentError."""
    use_one_opencv_thread()
    lang = lang_of(args)
    paths = CommissioningPaths.below(args.sysroot)
    given = _GivenFiles(args)
    if args.withdrawal:
        become_agent(paths.state)
        return follow_withdrawal(paths, args.sysroot, out)
    _require_folder(paths.state)
    if args.status or args.identity:
        become_agent(paths.state)
        return _print_state(args, paths, out, lang)
    if args.examine:
        become_agent(paths.state)
        return _examine_finally(paths, out)
    _require_folder(paths.run)
    if args.serve:
        return _serve(paths, args.sysroot, args.page_port)
    with _page_stopped():
        become_agent(paths.state)
        with exclusive(paths.state):
            if args.new_code:
                replace_code(paths.state)
                return _print_state(args, paths, out, lang)
            terminal = Terminal(_commissioning(paths, args.sysroot), out, lang)
            if args.undo:
                return terminal.undo()
            photo = None if given.photo is None else given.photo.scaled()
            return terminal.commission(args.site, args.by, given.password, photo)


class _GivenFiles:
    """Checks the arguments for a claim before the box is examined, and reads the files with the caller's
    rights."""

    def __init__(self, args: argparse.Namespace) -> None:
        """Check and read. Raises UsageError, CommissioningError, EdgeAgentError and OSError."""
        from edge_agent.tools.doctor.report import Photo

        if args.site is None:
            of_no_site = (args.undo, args.status, args.identity, args.new_code, args.examine)
            if not any((*of_no_site, args.withdrawal, args.serve)):
                raise UsageError(words("label-missing"))
        else:
            id_of_label(args.site)
            if not args.by:
                raise UsageError(words("person-missing"))
        file = args.cameras_password_file
        self._password = None if file is None else _read_password(Path(file))
        self.photo = None if args.photo is None else Photo.read(args.photo)

    def password(self) -> str:
        """Return the password of the cameras; ask for it if no file was given. Raises CommissioningError."""
        if self._password is not None:
            return self._password
        if not sys.stdin.isatty():
            raise CommissioningError("password-missing")
        return getpass.getpass("Mật khẩu camera / password of the cameras: ")


def _read_password(path: Path) -> str:
    """Read the password from a file. Raises CommissioningError and OSError."""
    try:
        return path.read_text(encoding="utf-8-sig").removesuffix("\n")
    except UnicodeDecodeError:
        raise CommissioningError("password-file", file=path) from None


def _require_folder(folder: Path) -> None:
    """Raise CommissioningError if ``folder`` is missing, which the package's units make."""
    if not folder.is_dir():
        raise CommissioningError("folder-missing", folder=folder)


def _examine_finally(paths: CommissioningPaths, out: TextIO) -> int:
    # The unit gives the folder of the passwords; without the unit they are where the page has left them.
    passwords = Path(os.environ.get("CREDENTIALS_DIRECTORY", paths.run))
    try:
        with exclusive(paths.state):
            examine = DoctorRun(paths.config, passwords, paths.run / "report.html")
            outcome = FinalExamination(paths, ClaimStore(paths.state), SystemClock(), examine).run()
    except CommissioningError as error:
        if error.code != "in-use":
            raise
        outcome = "not yet: the page is served, or a command is commissioning this box"
    out.write(f"final examination: {outcome}\n")
    return EX_OK


def _serve(paths: CommissioningPaths, sysroot: Path, port: int) -> int:
    """Serve the page. Return 0 when it has ended, EX_TEMPFAIL when the service has to start again."""
    become_agent(paths.state)
    stop, systemd = stop_on_signals(), Systemd()
    with exclusive(paths.state):
        before = bundle_files(paths)
        try:
            steps = _commissioning(paths, sysroot)
        except CommissioningError as error:
            if not error.code.startswith("bundle-"):
                raise
            return _serve_fault(paths, before, port, error, stop)
        _write_console(paths, steps.box.identity)
        service = CommissionService(steps, own_addresses, port)
        service.run(stop, lambda: systemd.ready("the page is served"))
    return EX_OK


def _serve_fault(
    paths: CommissioningPaths,
    before: BundleFiles,
    port: int,
    error: CommissioningError,
    stop: threading.Event,
) -> int:
    """Say on page and console why the box cannot be commissioned. When the files of the bundle differ from
    ``before``, return EX_TEMPFAIL, so that the service starts again with the new files."""
    log.error("%s", error)
    identity = open_identity(paths.etc / "serial", paths.state)
    _write_console(paths, identity, error.text)
    pages, gate = FaultPages(identity.serial, error.text), LabelGate(SystemClock(), identity.code)
    listeners = BoxListeners(identity, own_addresses, port, pages, gate)
    repaired = serve_until_repaired(paths, before, listeners, stop, lambda: Systemd().ready(str(error)))
    return EX_TEMPFAIL if repaired else EX_OK


def _commissioning(paths: CommissioningPaths, sysroot: Path) -> Commissioning:
    adopt_passwords(paths.run)
    store = ClaimStore(paths.state)
    adopt_withdrawal(paths, store)
    return Commissioning(_environment(paths, sysroot), read_bundle(paths.enrolment, paths.release_key), store)


def _environment(paths: CommissioningPaths, sysroot: Path) -> BoxEnvironment:
    clock = SystemClock()

    def clock_state() -> ClockState:
        return read_clock_state(paths.state / "clock.json", clock, Path("/"), read_kernel_sync)

    return BoxEnvironment(
        paths=paths,
        identity=open_identity(paths.etc / "serial", paths.state),
        board=read_board().name,
        root=RootPart(paths.run / "request.json", paths.answer),
        examine=DoctorRun(paths.config, paths.run, paths.run / "report.html"),
        network=RootNetwork(sysroot),
        clock=clock,
        synced=lambda: clock_state().synced,
        trusted=lambda: clock_state().trusted,
    )


def _write_console(paths: CommissioningPaths, identity: BoxIdentity, fault: Bilingual | None = None) -> None:
    """Write the text that root's part shows on the console, in ASCII. ``fault``: why the box cannot be
    commissioned."""
    lines = [
        f"{identity.serial}   code {identity.code}",
        f"https://{identity.name}/",
        identity.words,
        f"SHA-256 {identity.fingerprint[:16]}...",
    ]
    if fault is not None:
        lines += textwrap.wrap(plain(fault.vi), 76) + textwrap.wrap(str(fault), 76)
    text = "\n".join(lines) + "\n"
    (paths.run / "console.txt").write_text(text, encoding="ascii", errors="replace")


def _print_state(args: argparse.Namespace, paths: CommissioningPaths, out: TextIO, lang: Lang) -> int:
    identity = open_identity(paths.etc / "serial", paths.state)
    if args.identity or args.new_code:
        # the row for boxes.csv, whose note is printed on the label
        row = [identity.serial, identity.words, identity.key_sha256, f"code {identity.code}"]
        document = identity_document(identity) | {"code": identity.code}
        text = json.dumps(document, indent=2) if args.json else "serial,words,key,note\n" + ",".join(row)
        out.write(text + "\n")
        return 0
    steps = Commissioning(
        _environment(paths, args.sysroot),
        read_bundle(paths.enrolment, paths.release_key),
        ClaimStore(paths.state),
    )
    if args.json:
        out.write(json.dumps(state_document(steps, None), indent=2, ensure_ascii=False) + "\n")
    else:
        Terminal(steps, out, lang).status()
    return 0


@contextmanager
def _page_stopped() -> Iterator[None]:
    """Stop the page's service while the command runs, if it runs as root. Start it again at the end, because
    the service delivers the claim."""
    if os.geteuid() != 0 or not Path("/run/systemd/system").is_dir():
        yield
        return
    subprocess.run(["systemctl", "stop", UNIT], check=False, stdin=subprocess.DEVNULL)
    command = ["sh", "-c", _START_AT_EXIT, UNIT]
    again = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        assert again.stdin is not None
        again.stdin.close()
