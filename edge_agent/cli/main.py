"""The ``edge-agent`` command: each sub-command imports only what it needs.

Importing OpenCV, PyAV and LiteRT takes half a second and 80 MB, which ``check`` does not need. Exit codes are
in ``core.command_line.exit_codes``, and beside the arguments of each command.
"""

from __future__ import annotations

import argparse
import errno
import ipaddress
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from edge_agent.cli import collect, command, evidence, passages, rehearse, search, site
from edge_agent.cli.arguments import parser
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_FAILED, EX_INTERRUPTED, EX_USAGE
from edge_agent.core.errors import ConfigError, EdgeAgentError, UsageError, os_reason
from edge_agent.core.languages import Bilingual, Lang, in_lang, lang_of
from edge_agent.tools.ground import command as ground

if TYPE_CHECKING:
    from edge_agent.config.model.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    try:
        return _run_command(args)
    except ConfigError as error:
        print(error.text(lang_of(args)), file=sys.stderr)
        if os.strerror(errno.EACCES).lower() in str(error).lower():
            _advise_sudo(args)
        return EX_CONFIG
    except EdgeAgentError as error:
        from edge_agent.core.problems import error_in

        print(f"edge-agent {args.command}: {error_in(error, lang_of(args))}", file=sys.stderr)
        if isinstance(error.__cause__, PermissionError) and "sudo" not in str(error):
            _advise_sudo(args)
        return EX_USAGE if isinstance(error, UsageError) else EX_FAILED
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The program that reads the output has ended, as with `| head`: this is not an error.
            sys.stderr.close()
            return 0
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        reason = in_lang(os_reason(error), lang_of(args))
        print(f"edge-agent {args.command}: {where}{reason}", file=sys.stderr)
        if isinstance(error, PermissionError):
            _advise_sudo(args)
        return EX_FAILED
    except KeyboardInterrupt:
        return EX_INTERRUPTED


def _advise_sudo(args: argparse.Namespace) -> None:
    """Say what helps a user without root's rights; nothing to a service."""
    if os.geteuid() != 0 and not os.environ.get("NOTIFY_SOCKET"):
        advice = Bilingual(
            "this user has no permission: run the command with sudo",
            "tài khoản đang dùng không có quyền: hãy chạy lệnh với sudo",
        )
        print(f"edge-agent {args.command}: {in_lang(advice, lang_of(args))}", file=sys.stderr)


def _run_command(args: argparse.Namespace) -> int:
    """Run a sub-command, importing only what it needs; return its exit code."""
    out, lang = sys.stdout, lang_of(args)
    match args.command:
        case "run":
            return _run_agent(args)
        case "check":
            from edge_agent.config.check import run_check

            return run_check(args.config, args.conf_dir, args.no_secrets, out, sys.stderr, lang, args.json)
        case "replay":
            return _replay(args)
        case "status":
            from edge_agent.host.local_api.status import run_status

            return run_status(args.config, args.json, out, lang)
        case "reload":
            from edge_agent.host.local_api.control import run_reload

            return run_reload(args.config, out, sys.stderr, lang)
        case "relearn":
            from edge_agent.host.local_api.control import run_relearn

            return run_relearn(args.config, args.camera, out, sys.stderr, lang)
        case "schema":
            from edge_agent.wire.json_schema import run_schema

            return run_schema(args.name, out, args.json)
        case "doctor":
            return _doctor(args)
        case "commission":
            return _commission(args)
        case "completion":
            from edge_agent.cli.manual import run_completion

            return run_completion(args, parser(), out)
        case "learn":
            from edge_agent.cli.learn import run_learn

            return run_learn(args)
        case "central":
            return _central(args)
        case _:
            return _run_tool(args, out, lang)


_TOOLS: dict[str, Callable[[argparse.Namespace, TextIO], int]] = {
    "evidence": evidence.run_evidence,
    "passages": passages.run_passages,
    "rehearse": rehearse.run_rehearse,
    "ground": ground.run_ground,
    "collect": collect.run_collect,
    "cameras": site.run_cameras,
    "command": command.run_command,
    "search": search.run_search,
}
"""Sub-commands whose modules the parser imports anyway."""


def _run_tool(args: argparse.Namespace, out: TextIO, lang: Lang) -> int:
    """Run ``args.command``, a sub-command of the parser that needs no running agent."""
    match args.command:
        case "models":
            return _models(args)
        case "conformance":
            from edge_agent.tools.conformance.command import run_conformance

            return run_conformance(args, out)
        case "gateways":
            from edge_agent.tools.gateways.command import run_gateways

            return run_gateways(args, out)
        case "docs":
            from edge_agent.tools.offline_docs.command import run_docs

            return run_docs(args, out, lang)
        case "home-assistant":
            from edge_agent.tools.home_assistant.command import run_home_assistant

            return run_home_assistant(args, out)
        case "simulate":
            from edge_agent.tools.simulate.command import run_simulate

            return run_simulate(args, out)
        case tool:
            return _TOOLS[tool](args, out)


STOP_LIMIT_S = 5.0
"""Limit of a stop in seconds. A stop takes under two, and no part of it is known to take longer."""


def _run_agent(args: argparse.Namespace) -> int:
    from edge_agent.host.system import process

    process.limit_malloc_arenas()
    hangup = threading.Event()
    # Before the slow imports: a signal during the start leads to a clean stop, too.
    stop = process.stop_on_signals(hangup)
    from edge_agent.agent import Agent
    from edge_agent.config import last_good
    from edge_agent.config.pushed import ConfigOrigin, ConfigSource
    from edge_agent.core.clock import SystemClock, rfc3339
    from edge_agent.host.system import logs
    from edge_agent.runtime.reload import ConfigFallback

    camera_ids: set[str] = set()
    tail = logs.LogTail()
    masker = logs.setup_logging(args.log_format, args.log_level, camera_ids, tail=tail)

    def register_secrets(settings: Settings) -> Settings:
        camera_ids.update(camera.id for camera in settings.cameras)
        for credentials in settings.all_credentials:
            masker.register(credentials.password)
        return settings

    source = ConfigSource(args.config)

    def remember_settings(settings: Settings) -> Settings:
        if source.selected is not None and source.selected.origin is ConfigOrigin.FILE:
            last_good.save(args.config, settings, source.tree())
        return register_secrets(settings)

    try:
        settings, instead = remember_settings(source.start(rfc3339(SystemClock().now()))), None
    except ConfigError as error:
        if (found := last_good.find(args.config)) is None:
            raise
        print(error, file=sys.stderr)
        settings, instead = register_secrets(found.settings), ConfigFallback(error, found.since)
    _check_trust_clock(args, settings)
    agent = Agent(
        settings,
        stop,
        load=lambda: remember_settings(source.load()),
        instead=instead,
        hangup=hangup,
        source=source,
        log_lines=tail.lines,
        repeat_files=args.repeat_files,
        trust_clock=args.trust_clock,
    )
    shorten = agent.outbox.shorten_timeouts
    ended = process.limit_stop_time(stop, STOP_LIMIT_S, lambda: agent.commands.exit_code, shorten)
    code = agent.run()
    ended.set()
    process.ignore_hangups()
    _leave_blocked_threads_behind(code)
    return code


def _check_trust_clock(args: argparse.Namespace, settings: Settings) -> None:
    """Raise UsageError for ``--trust-clock`` with systemd, or with a broker on another machine."""
    if not args.trust_clock:
        return
    remote = [broker.host for broker in settings.mqtt.brokers if not _is_loopback(broker.host)]
    if remote:
        raise UsageError(f"--trust-clock is for brokers on this machine, and not for {', '.join(remote)}")
    if os.environ.get("NOTIFY_SOCKET"):
        raise UsageError("--trust-clock is not for a service: a gateway needs a synchronised clock")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _leave_blocked_threads_behind(code: int) -> None:
    """End the process at once if a thread still blocks in a camera's connection or in a detector: such a
    thread cannot be interrupted.

    A normal end of Python would unwind such a thread in the middle of C++ code, and that aborts the process:
    seen with OpenCV as exit code -6.
    """
    if threading.active_count() > 1:
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)


def _replay(args: argparse.Namespace) -> int:
    from edge_agent.config.pushed import ConfigOrigin, ConfigSource
    from edge_agent.tools.replay import ReplayOutputs, run_replay

    source = ConfigSource(args.config, no_secrets=True)
    settings = source.load()
    selected = source.selected
    if selected is not None and (selected.rules_version or selected.origin is not ConfigOrigin.FILE):
        print(f"configuration: {args.config} with what the centre has changed", file=sys.stderr)
    outputs = ReplayOutputs(sys.stdout, args.annotate, args.mot, args.motion, args.plot)
    start = args.start
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=settings.gateway.timezone)
    return run_replay(settings, args.camera, args.video, fps=args.fps, start=start, outputs=outputs)


def _models(args: argparse.Namespace) -> int:
    if args.action == "verify":
        from edge_agent.cli.learn import run_verify

        return run_verify(args, sys.stdout)
    if args.action == "rollout":
        from edge_agent.tools.rollout.command import run_rollout

        return run_rollout(args, sys.stdout)
    from edge_agent.detection.models import run_models

    return run_models(args, sys.stdout)


def _doctor(args: argparse.Namespace) -> int:
    if args.aim is not None:
        from edge_agent.host.system.process import stop_on_signals

        stop = stop_on_signals()
        from edge_agent.tools.doctor.aim.command import run_aim

        code = run_aim(args, sys.stdout, stop)
        _leave_blocked_threads_behind(code)
        return code
    from edge_agent.tools.doctor.command import run_doctor

    logging.disable(logging.WARNING)  # the output of the checks shows these problems, in order
    try:
        code = run_doctor(args, sys.stdout)
    finally:
        logging.disable(logging.NOTSET)
    _leave_blocked_threads_behind(code)
    return code


def _commission(args: argparse.Namespace) -> int:
    from edge_agent.cli.commission import run_commission

    code = run_commission(args, sys.stdout)
    _leave_blocked_threads_behind(code)
    return code


def _central(args: argparse.Namespace) -> int:
    from edge_central.cli.command import run_central

    try:
        return run_central(args, sys.stdout)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("sqlalchemy", "psycopg"):
            raise
        missing = f"the Python package {error.name} is missing: pip install 'edge-agent[central]'"
        print(f"edge-agent central: {missing}", file=sys.stderr)
        return EX_FAILED
