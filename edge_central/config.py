"""Reads ``/etc/edge-central/edge-central.yaml``, whose keys ``settings.py`` declares.

It is read like the agent's configuration (``edge_agent/config``): every mistake is reported at once, with
file, line, column and the nearest valid name.
"""

from __future__ import annotations

import os
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from edge_agent.commands.signature import KeyUnusable, read_private
from edge_agent.config.check import json_facts
from edge_agent.config.fields import tree
from edge_agent.config.fields.declare import section
from edge_agent.config.fields.field_types import PasswordFile
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import INVALID, ReadContext, SectionValues
from edge_agent.config.fields.single_file import read_mapping
from edge_agent.config.merge import without_nulls
from edge_agent.config.model.settings import Mqtt
from edge_agent.config.reference import page_of
from edge_agent.core.clock import SystemClock
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_OK
from edge_agent.core.errors import ConfigError, ConfigProblem
from edge_agent.core.printable import printable_json
from edge_central.alert_settings import reference
from edge_central.appearance.card import CardRefused, usable_card
from edge_central.config_types import SQLITE
from edge_central.journey_settings import JourneySettings
from edge_central.settings import CentralSettings, Console, OnvifPublishing, RequestsUser, SearchSettings


def _check(values: SectionValues) -> None:
    if values.given("database_password_file") and values.valid("database") == SQLITE:
        values.warn("database_password_file", "it is not used: SQLite has no password")
    requests: RequestsUser | None = values.valid("requests")
    if requests is not None and requests.id == values.valid("id"):
        why = f"id must not be the centre's own, {requests.id}: each session would end the other"
        values.reading.refuse(values.place("requests"), why)
    _check_onvif(values)
    _warn_of_model(values)
    _check_learning(values)
    _check_search_key(values)
    _warn_of_wards(values)
    if values.valid("wards") == ():
        values.warn("wards", "the list is empty: messages of no gateway are accepted")


def _check_onvif(values: SectionValues) -> None:
    """Check that the ONVIF client id is unique: a broker ends a session if another begins with its id."""
    onvif: OnvifPublishing | None = values.valid("onvif")
    requests: RequestsUser | None = values.valid("requests")
    journeys: JourneySettings | None = values.valid("journeys")
    learner = None if journeys is None or journeys.learn is None else journeys.learn.user
    others = (values.valid("id"), *(each.id for each in (requests, learner) if each is not None))
    if onvif is not None and onvif.id in others:
        why = f"id must not be that of another session, {onvif.id}: each would end the other"
        values.reading.refuse(values.place("onvif"), why)


def _warn_of_wards(values: SectionValues) -> None:
    """Warn of wards that are not served: no error, since another centre at this database may serve them."""
    console: Console | None = values.valid("console")
    mappings = () if console is None or console.oidc is None else console.oidc.roles
    unknown = {ward for mapping in mappings for ward in mapping.wards} - set(values.valid("wards") or ())
    for ward in sorted(unknown):
        values.warn("console", f"oidc.roles names the ward {ward}, which this centre does not serve")


def _warn_of_model(values: SectionValues) -> None:
    """Warn of a model that cannot be used. It is no error: the centre also runs without the model."""
    journeys: JourneySettings | None = values.valid("journeys")
    chosen = None if journeys is None else journeys.appearance
    if chosen is not None and values.reading.files.required:
        try:
            usable_card(chosen.model, chosen.card, chosen.groups)
        except CardRefused as error:
            values.warn("journeys", f"pictures are not compared: {error}")


def _check_learning(values: SectionValues) -> None:
    journeys: JourneySettings | None = values.valid("journeys")
    learn = None if journeys is None else journeys.learn
    if learn is None:
        return
    if not values.given("search"):
        values.reading.refuse(values.place("journeys"), "learn needs search: its key signs the commands")
    mqtt: Mqtt | None = values.valid("mqtt")
    if learn.user is None and mqtt is not None and mqtt.cert_file is not None:
        values.reading.refuse(
            values.place("journeys"),
            "learn needs user: with the certificate of mqtt it would end the session of the ingest",
        )
    requests: RequestsUser | None = values.valid("requests")
    others = (values.valid("id"), None if requests is None else requests.id)
    if learn.user is not None and learn.user.id in others:
        why = f"id of user must not be that of another session, {learn.user.id}: each would end the other"
        values.reading.refuse(values.place("journeys"), why)


def _check_search_key(values: SectionValues) -> None:
    search: SearchSettings | None = values.valid("search")
    if search is not None and values.reading.files.required:
        try:
            read_private(search.key_file)
        except (OSError, KeyUnusable) as error:
            why = str(error).removesuffix("; nothing was sent")
            values.reading.refuse(values.place("search"), f"key_file: {why}")


ROOT = section(
    CentralSettings,
    "the configuration",
    check=_check,
    replacements={
        "ward": "write wards: [de-tham, bo-xuyen]",
        "password": "name a file in database_password_file",
    },
)


def load(path: Path, *, no_secrets: bool = False, for_console: bool = False) -> CentralSettings:
    """Read the configuration. Raises ConfigError with every problem found. ``no_secrets``: do not require the
    password and key files, so that a copy of the configuration can be checked on another machine.
    ``for_console``: the certificate of the console must be usable; the ingest also runs without it."""
    settings, node = _read(path, required=not no_secrets)
    tls = None if settings.console is None else settings.console.tls
    if for_console and not no_secrets and tls is not None:
        try:
            # An encrypted key would make OpenSSL ask on the terminal: answer with an empty password.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert_file, tls.key_file, password="")
        except OSError as error:
            files = (
                f"{tls.cert_file} and {tls.key_file} are not a usable pair of certificate and unencrypted key"
            )
            why = f"console: {files}: {getattr(error, 'reason', None) or error.strerror}"
            raise _error(path, [node.entries["console"].value.place.problem(why)]) from error
    return settings


def load_for_database(path: Path) -> CentralSettings:
    """Read the configuration for a command that needs only the database. Raises ConfigError.

    The other password and key files are not read: systemd passes them to the service, and the user of the
    service, who runs the command, cannot read them.
    """
    settings, node = _read(path, required=False)
    if settings.database.password is None or settings.database.embedded:
        return settings
    entry = node.entries["database_password_file"]
    reading = _context(path, required=True)
    with reading.about("database_password_file"):
        password = PasswordFile().read(entry.value, reading)
    if reading.problems:
        advice = "; run this command with sudo and without -u" if os.geteuid() else ""
        raise _error(path, [replace(each, message=each.message + advice) for each in reading.problems])
    return replace(settings, database=replace(settings.database, password=password))


def _read(path: Path, *, required: bool) -> tuple[CentralSettings, tree.Mapping]:
    reading = _context(path, required=required)
    node = read_mapping(path, reading, "a mapping that names at least wards: and mqtt:")
    settings = ROOT.read(without_nulls(node), reading) if node is not None else INVALID
    if reading.problems or node is None or settings is INVALID:
        raise _error(path, reading.problems)
    assert isinstance(settings, CentralSettings)
    return replace(settings, warnings=tuple(map(str, sorted(set(reading.warnings))))), node


def _context(path: Path, *, required: bool) -> ReadContext:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    folder = Path(credentials) if credentials else None
    return ReadContext(ConfigFiles(path.parent.absolute(), folder, required=required), SystemClock())


def run_check(path: Path, no_secrets: bool, stdout: TextIO, stderr: TextIO, as_json: bool = False) -> int:
    """Print one line and return 0, or print all mistakes and return 78. ``as_json``: print one document."""
    problems: tuple[ConfigProblem, ...] = ()
    settings = None
    try:
        settings = load(path, no_secrets=no_secrets, for_console=True)
    except ConfigError as error:
        problems = error.problems
    warnings = () if settings is None else settings.warnings
    if as_json:
        print(printable_json(json_facts(path, problems, warnings), indent=2), file=stdout)
    else:
        for each in (*problems, *warnings):
            print(each, file=stderr)
    if settings is None:
        return EX_CONFIG
    if not as_json:
        count = len(settings.wards)
        kind = "SQLite" if settings.database.embedded else "PostgreSQL"
        print(f"{path}: valid: {settings.id}, {count} ward{'' if count == 1 else 's'}, {kind}", file=stdout)
    return EX_OK


def _error(path: Path, problems: list[ConfigProblem]) -> ConfigError:
    found = tuple(sorted(set(problems)))
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return ConfigError(f"{path}: {count} in the configuration; nothing was started", found)


_HEAD = """\
# Configuration of the centre

Generated from `edge_central/config.py` by `python -m edge_central.config`; a test keeps it
current. The file is `/etc/edge-central/edge-central.yaml` unless another one is named; `edge-agent central
check FILE` lists everything that is wrong in it, with file, line and column, and exits 78. Every change
needs a restart.
"""


def markdown() -> str:
    """Return the text of ``docs/reference/central.md``."""
    return "\n".join([page_of(_HEAD, ROOT), *reference()])


if __name__ == "__main__":
    sys.stdout.write(markdown())
