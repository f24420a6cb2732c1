"""The keys of ``/etc/edge-central/edge-central.yaml``, and the function that reads the file.

It is read like the agent's configuration (``edge_agent/config``): every mistake is reported at once, with
file, line, column and the nearest valid name.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from edge_agent.config.check import json_facts
from edge_agent.config.fields import login, tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import (
    Number,
    PasswordFile,
    PathType,
    ReadableFile,
    identifier,
    text_of,
)
from edge_agent.config.fields.files import ConfigFiles
from edge_agent.config.fields.schema_types import (
    INVALID,
    Field,
    InvalidValue,
    ReadContext,
    ScalarType,
    Section,
    SectionValues,
    build_from_values,
)
from edge_agent.config.fields.single_file import read_mapping
from edge_agent.config.merge import without_nulls
from edge_agent.config.model.connection import MQTT
from edge_agent.config.model.settings import Delivery, Mqtt
from edge_agent.config.reference import page_of
from edge_agent.core.clock import SystemClock
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_OK
from edge_agent.core.errors import ConfigError, ConfigProblem
from edge_agent.core.printable import printable_json
from edge_central.alert_rules import AlertSettings
from edge_central.alerts.config import ALERTS, default_rules, reference
from edge_central.config_sections import METRICS, RETENTION, WEBHOOK
from edge_central.settings import CentralSettings, Database, HeartbeatHistory, RequestsUser
from edge_central.web.config import CONSOLE

STATE_DIR = Path("/var/lib/edge-central")
SQLITE = "sqlite"
_POSTGRESQL = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^\s:/?#@]+)@)?(?P<host>[^\s/?#@]*)/(?P<name>[A-Za-z0-9_-]+)(?P<rest>\?[^\s#]*)?"
)


@dataclass(frozen=True)
class DatabaseAddress(ScalarType):
    """``sqlite``, or postgresql://user@host/name."""

    def describe(self) -> str:
        return "sqlite, or postgresql://user@host/name"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.describe()).strip()
        if text == SQLITE:
            return text
        if re.search(r"//[^/@]*:[^/@]*@|password=", text, re.IGNORECASE):
            raise InvalidValue(
                "a database address has no password in it; name a file in database_password_file"
            )
        match = _POSTGRESQL.fullmatch(text)
        if match is None:
            # The text is not quoted: a mistyped address may contain a password.
            raise InvalidValue(f"must be {self.describe()}")
        user = f"{match['user']}@" if match["user"] else ""
        return f"postgresql+psycopg://{user}{match['host']}/{match['name']}{match['rest'] or ''}"


OWN = (
    "id",
    "wards",
    "state_dir",
    "mqtt",
    "history",
    "retention",
    "webhook",
    "console",
    "metrics",
    "requests",
)
"""Keys that become fields of CentralSettings without a change."""


def _check(values: SectionValues) -> None:
    if values.given("database_password_file") and values.valid("database") == SQLITE:
        values.warn("database_password_file", "it is not used: SQLite has no password")
    requests: RequestsUser | None = values.valid("requests")
    if requests is not None and requests.id == values.valid("id"):
        why = f"id must not be the centre's own, {requests.id}: each session would end the other"
        values.reading.refuse(values.place("requests"), why)
    if values.valid("wards") == ():
        values.warn("wards", "the list is empty: messages of no gateway are accepted")


def _build(values: SectionValues) -> CentralSettings:
    state_dir: Path = values["state_dir"]
    address: str = values["database"]
    database = Database(
        f"sqlite:///{state_dir.absolute() / 'central.db'}" if address == SQLITE else address,
        values["database_password_file"],
    )
    own = {key: values[key] for key in OWN}
    alerts = AlertSettings(values["alerts"], values["boot_grace_s"])
    return CentralSettings(database=database, alerts=alerts, **own)


def _mqtt(values: SectionValues) -> Mqtt:
    own = {key: value for key, value in values.found.items() if key not in ("username", "password_file")}
    return Mqtt(**own, delivery=Delivery.BROKER, credentials=login.credentials_of(values))


_MQTT_CHANGES: dict[str, dict[str, Any]] = {
    "root": {"doc": "first levels of every topic, as the gateways have them"},
    "cert_file": {"doc": "client certificate; with one, the broker knows the centre by its CN"},
    "spread_s": {"doc": "longest random wait before a first connect", "default": 0.0},
}
BROKER = Section(
    "mqtt",
    "The broker that the gateways publish to.",
    tuple(replace(each, **_MQTT_CHANGES.get(each.key, {})) for each in MQTT.fields if each.key != "delivery"),
    _mqtt,
    MQTT.check,
    MQTT.replacements,
)


def _check_requests(values: SectionValues) -> None:
    login.check_login(values)
    values.require_both("cert_file", "key_file")


def _requests_user(values: SectionValues) -> RequestsUser:
    own = {key: value for key, value in values.found.items() if key not in ("username", "password_file")}
    return RequestsUser(**own, credentials=login.credentials_of(values))


REQUESTS = Section(
    "requests",
    "A second broker session for the commands that the console sends to gateways, as a broker user that may "
    "do nothing else. Broker, root and ca_file are those of mqtt.",
    (
        Field("id", identifier(), "MQTT client id; at a broker with certificates the CN of cert_file"),
        Field("cert_file", ReadableFile("a certificate file"), "client certificate", None, "none"),
        Field("key_file", ReadableFile("a key file", private=True), "private key of cert_file", None, "none"),
        *login.LOGIN.keys,
    ),
    _requests_user,
    _check_requests,
    login.ADVICE,
)
HISTORY = Section(
    "history",
    "Heartbeats that are stored for plots.",
    (
        Field(
            "every_s",
            Number(60, 86400, "seconds"),
            "one heartbeat of each gateway is stored in each interval of this length",
            600.0,
        ),
        Field("days", Number(1, 3660, "days"), "a stored heartbeat is deleted after this time", 30.0),
    ),
    build_from_values(HeartbeatHistory),
)
ROOT = Section(
    "the configuration",
    "One file, without drop-ins.",
    (
        Field(
            "id", identifier(), "MQTT client id; at a broker with certificates the CN of cert_file", "central"
        ),
        Field(
            "wards",
            ListOf(identifier(), "ward ids", most=1000, unique=True),
            "wards whose gateways this centre serves; several processes can divide the wards among them",
        ),
        Field(
            "state_dir",
            PathType("a directory"),
            "directory of the SQLite file and of pictures and clips; relative to the configuration file",
            STATE_DIR,
            str(STATE_DIR),
        ),
        Field("database", DatabaseAddress(), "database for everything but pictures and clips", SQLITE),
        Field(
            "database_password_file",
            PasswordFile(),
            "file whose one line is the password; a relative path is looked for in systemd's "
            "`$CREDENTIALS_DIRECTORY`, then beside the configuration file",
            None,
            "none",
        ),
        Field("mqtt", BROKER, BROKER.doc),
        Field("history", HISTORY, HISTORY.doc, {}),
        Field(
            "alerts",
            ALERTS,
            "changes and additions to the rules that ship",
            default_rules(),
            "the rules that ship",
        ),
        Field(
            "boot_grace_s",
            Number(0, 3600, "seconds"),
            "no camera alerts for this time after a gateway came back: its cameras start later",
            300.0,
        ),
        Field("webhook", WEBHOOK, WEBHOOK.doc, None, "none"),
        Field("retention", RETENTION, RETENTION.doc, {}),
        Field("metrics", METRICS, METRICS.doc, None, "nothing listens"),
        Field("console", CONSOLE, CONSOLE.doc, None, "nothing listens"),
        Field("requests", REQUESTS, REQUESTS.doc, None, "the session of mqtt"),
    ),
    _build,
    _check,
    {"ward": "write wards: [de-tham, bo-xuyen]", "password": "name a file in database_password_file"},
)


def load(path: Path, *, no_secrets: bool = False) -> CentralSettings:
    """Read the configuration. Raises ConfigError with every problem found. ``no_secrets`` checks a copy on
    a machine that lacks the password and key files."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    files = ConfigFiles(
        path.parent.absolute(), Path(credentials) if credentials else None, required=not no_secrets
    )
    reading = ReadContext(files, SystemClock())
    node = read_mapping(path, reading, "a mapping that names at least wards: and mqtt:")
    settings = ROOT.read(without_nulls(node), reading) if node is not None else INVALID
    if reading.problems or settings is INVALID:
        raise _error(path, reading.problems)
    assert isinstance(settings, CentralSettings)
    return replace(settings, warnings=tuple(map(str, sorted(set(reading.warnings)))))


def run_check(path: Path, no_secrets: bool, stdout: TextIO, stderr: TextIO, as_json: bool = False) -> int:
    """``edge-agent central check``: 0 and one line, or 78 and all mistakes; ``as_json``: one document."""
    problems: tuple[ConfigProblem, ...] = ()
    settings = None
    try:
        settings = load(path, no_secrets=no_secrets)
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
    """``docs/reference/central.md``."""
    return "\n".join([page_of(_HEAD, ROOT), *reference()])


if __name__ == "__main__":
    sys.stdout.write(markdown())
