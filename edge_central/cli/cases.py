"""``edge-agent central case export``: one signed zip of a case, made on the server."""

from __future__ import annotations

import argparse
import getpass
from typing import TextIO

from edge_agent.commands.signature import KeyUnusable, read_private
from edge_agent.core.clock import SystemClock, wall_ms
from edge_agent.core.errors import UsageError
from edge_central.cases.export_page import PageWording
from edge_central.cases.exports import make_files, public_pem, write_zip
from edge_central.cases.files import find_numbered, read_case, record_case_access
from edge_central.cases.model import CaseAuthor
from edge_central.console_settings import DEFAULT_TIMEZONE
from edge_central.settings import CentralSettings
from edge_central.store.accesses import AccessKind
from edge_central.store.case_folder import CaseFolder
from edge_central.store.database import read_transaction, write_transaction
from edge_central.store.scope import EVERYWHERE
from edge_central.web.i18n import translate_word


def run_cases(args: argparse.Namespace, settings: CentralSettings, stdout: TextIO) -> int:
    """Write the signed zip of a case. Raises UsageError, CentralError."""
    if settings.search is None:
        raise UsageError("case export: the configuration has no search.key_file, which signs exports")
    if args.out.exists():
        raise UsageError(f"case export: {args.out} exists already; nothing is written over it")
    try:
        key = read_private(settings.search.key_file)
    except (OSError, KeyUnusable) as error:
        raise UsageError(f"case export: search.key_file: {error}") from error
    zone = settings.console.timezone if settings.console is not None else DEFAULT_TIMEZONE
    wording = PageWording(zone, translate_word)
    by, now_ms = f"{args.by} (user {getpass.getuser()})"[:200], wall_ms(SystemClock())
    author = CaseAuthor(by, "server", EVERYWHERE, is_admin=True)
    with write_transaction(settings.database) as connection:
        found = find_numbered(connection, author, args.case)
        if found is None:
            raise UsageError(f"case export: there is no case {args.case}")
        record_case_access(connection, AccessKind.CASE_EXPORT, author, found, now_ms)
    with read_transaction(settings.database) as connection:  # lets the ingest write meanwhile
        case = read_case(connection, author, found.id)
        if case is None:
            raise UsageError(f"case export: there is no case {args.case}")
        folder = CaseFolder(settings.media_dir)
        files, sums = make_files(connection, folder, case, by, now_ms, wording)
        try:
            with args.out.open("xb") as file:
                signed = (sums, key.sign(sums), public_pem(key))
                write_zip(file, connection, case.summary.id, folder, files, *signed)
        except OSError as error:
            if not isinstance(error, FileExistsError):
                args.out.unlink(missing_ok=True)
            if error.filename in (None, str(args.out)):
                raise UsageError(f"case export: {args.out} cannot be written: {error.strerror}") from error
            raise UsageError(f"case export: {error.filename} cannot be read: {error.strerror}") from error
    print(f"{args.out}: {len(case.items)} items, {args.out.stat().st_size:,} bytes", file=stdout)
    return 0
