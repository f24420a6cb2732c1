"""The configuration of the centre: all mistakes at once, each with its place."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette

from edge_agent.cli.main import main
from edge_agent.core.errors import ConfigError, ConfigProblem
from edge_agent.core.model import Severity
from edge_central.alert_settings import ABOUT, default_rules
from edge_central.config import ROOT, load, load_for_database, markdown, run_check
from edge_central.measures import Measure
from edge_central.web.live.hub import LiveHub
from edge_central.web.server import WebServer
from tests.config.annotations import keys_of, misfits
from tests.testbed.mosquitto import Authority

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "central.md"
GOOD = "wards: [de-tham, bo-xuyen]\nmqtt:\n  brokers: [mqtt://localhost]\n"
FULL = """\
id: central
wards: [de-tham]
state_dir: state
database: postgresql://u@h/db
database_password_file: db.pass
mqtt:
  {brokers: [mqtts://b:8883], root: tb/v1, ca_file: ca.pem, cert_file: c.pem, key_file: c.key, username: c,
   password_file: p, spread_s: 3}
history: {every_s: 700, days: 3}
alerts:
  - {id: disk, above: 95, clear: 80, for_s: 3, clear_s: 3}
  - {id: low, measure: certificate_days, below: 9, severity: info, enabled: true}
  - {id: old, measure: version_behind, version: 0.3.0}
boot_grace_s: 20
webhook: {url: "https://h/x", secret_file: s, ca_file: ca.pem}
retention:
  {info_days: 3, warning_days: 3, alarm_days: 3, kinds: {counts: 730}, media_days: 3, alert_days: 3,
   traffic_days: 3, duty_days: 3, claim_days: 3, paper_days: 3}
metrics: {listen: "127.0.0.1:9108"}
console:
  {listen: "0.0.0.0:8443", cert_file: c.pem, key_file: c.key, proxies: [10.0.0.1], idle_min: 30, session_h: 4,
   timezone: Asia/Ho_Chi_Minh, sites_file: s.csv, wards_file: w.csv, boxes_file: b.csv,
   access_days: 30,
   release_manifests: [m.json],
   availability_target_percent: 98, second_factor_roles: [admin, officer],
   url: "https://console.example:8443",
   webhooks: [{id: duty, url: "https://relay.example/x", secret_file: p, ca_file: c.pem, wards: [de-tham],
               kinds: [loitering], severity: warning, alerts: false, unacknowledged_s: 300,
               milestone: {sources: {dt-001: {cam-1: gate}}, lang: en, allow_http: true}}],
   push: {contact: "mailto:it@city.example", services: ["push.example:8443"], networks: [10.0.0.0/8],
          ca_file: c.pem},
   oidc: {issuer: "https://id.example/realms/city", client_id: console, client_secret_file: p, ca_file: c.pem,
          label: City, prompt_login: true, scopes: [email], name_claim: email, role_claim: roles,
          acr: [gold], amr: [mfa], password_accounts: [minh],
          roles: [{value: officers, role: officer, wards: [de-tham]}]},
   onvif_events: true, recorder_url: "https://nvr.example/live?channel={channel}"}
requests: {id: req, cert_file: c.pem, key_file: c.key, username: r, password_file: p}
onvif: {id: onvif, cert_file: c.pem, key_file: c.key, username: o, password_file: p}
search: {key_file: s.pem, days: 20}
cases: {days: 100}
journeys:
  appearance: {model: m.tflite, card: card.json, groups: [vehicle]}
  learn:
    {windows: ["06:00-08:00", "23:00-23:59"], days: 2, reach_m: 900,
     user: {id: learner, cert_file: c.pem, key_file: c.key, username: l, password_file: p}}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "edge-central.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(folder: Path, text: str) -> list[ConfigProblem]:
    """The mistakes in a configuration. None of them shows the password."""
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text))
    assert "hunter2" not in str(caught.value)
    return list(caught.value.problems)


def test_the_reference_is_current() -> None:
    command = "python -m edge_central.config > docs/reference/central.md"
    assert PAGE.read_text(encoding="utf-8") == markdown(), f"run: {command}"


def test_two_lines_are_enough(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    assert settings.wards == ("de-tham", "bo-xuyen")
    assert settings.database.embedded
    assert settings.console is None, "nothing listens"
    out = io.StringIO()
    assert run_check(tmp_path / "edge-central.yaml", False, out, out) == 0
    assert out.getvalue().endswith("valid: central, 2 wards, SQLite\n")


@pytest.mark.parametrize("text", [GOOD, FULL], ids=["defaults", "every key"])
def test_each_value_has_the_type_of_its_field(tmp_path: Path, text: str) -> None:
    settings = load(written(tmp_path, text), no_secrets=True)
    assert list(misfits(settings, type(settings), "settings")) == []
    assert text == GOOD or [key for key in keys_of(ROOT) if f"{key}:" not in text] == []


def test_a_model_that_may_not_be_used_is_a_warning(tmp_path: Path) -> None:
    """The centre starts without it."""
    path = written(tmp_path, f"{GOOD}journeys: {{appearance: {{model: m.tflite}}}}\n")
    (warning,) = load(path).warnings
    assert "pictures are not compared: the model" in warning
    assert "has no measured card" in warning
    assert load(path, no_secrets=True).warnings == ()


OIDC = (
    "console: {url: 'https://c.example', oidc: {issuer: 'https://id.example', client_id: c, "
    "client_secret_file: secret, roles: [{value: x, role: viewer, wards: [de-tham]}]}}\n"
)


def test_what_may_be_a_mistake_of_a_provider_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    text = OIDC.replace("[de-tham]", "[ky-ba, de-tham]").replace("roles:", "password_accounts: [], roles:")
    warnings = " ".join(load(written(tmp_path, GOOD + text)).warnings)
    assert "oidc.roles names the ward ky-ba" in warnings
    assert "de-tham" not in warnings
    assert "while the provider is down nobody can log in" in warnings


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("client_secret_file: secret", "client_secret: hunter2", "name a file in client_secret_file"),
        ("https://id.example", "http://id.example", "must be https://host/path"),
        ("https://id.example", "https://u:hunter2@id.example", "must be https://host/path"),
        ("https://id.example", "https://id.example/?x", "no query"),
        ("role: viewer", "role: admin", "leave wards out"),
        (", wards: [de-tham]", "", "the role viewer needs wards"),
        ("roles: [", "roles: [{value: x, role: admin}, ", "two roles have the value x"),
        ("url: 'https://c.example', ", "", "oidc needs url"),
        ("https://c.example", "http://c.example", "write https://"),
    ],
)
def test_a_mistake_about_a_provider_is_reported(tmp_path: Path, right: str, wrong: str, words: str) -> None:
    (tmp_path / "secret").write_text("hunter2")
    assert right in OIDC
    assert words in " ".join(map(str, problems_of(tmp_path, GOOD + OIDC.replace(right, wrong))))


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("wrads: [a]", "4:1", "did you mean 'wards'?"),
        ("database: mysql://x/y", "4:11", "sqlite, or postgresql://"),
        ("database: postgresql://u:hunter2@h/n", "4:11", "database_password_file"),
        ("database: postgresql://h/n?password=hunter2", "4:11", "database_password_file"),
        ("history: {every_s: 1}", "4:20", "from 60 to 86400 seconds"),
        ("database_password_file: missing", "4:25", "no such file"),
        ("password: hunter2", "4:1", "database_password_file"),
        ("id: Trung Tâm", "4:5", "did you mean 'trung-tam'?"),
        ("alerts: [{id: temprature, above: 85}]", "4:15", "did you mean 'temperature'?"),
        ("alerts: [{id: disk, above: 95}, {id: disk, for_s: 5}]", "4:33", "twice"),
        ("alerts: [{id: own, measure: disk_percnt, above: 1}]", "4:29", "did you mean 'disk_percent'?"),
        ("alerts: [{id: own, measure: disk_percent}]", "4:29", "a bound: above or below"),
        ("alerts: [{id: disk, above: 3, below: 5}]", "4:31", "above or below, not both"),
        ("alerts: [{id: disk, clear: 95}]", "4:28", "clear must not be higher than above, 90"),
        ("alerts: [{id: disk, above: 80}]", "4:28", "ships with clear: 85; give a clear beside it"),
        ("alerts: [{id: tamper, above: 1}]", "4:23", "yes or no: it takes no above"),
        ("alerts: [{id: disk, above: hot}]", "4:28", "must be a number"),
        ("alerts: [{id: disk, threshold: 95}]", "4:21", "write above: or below:"),
        ("alerts: [{id: disk, version: '1.0'}]", "4:21", "version belongs to version_behind"),
        ("alerts: {disk: 95}", "4:9", "a list of alert rules"),
        ("webhook: {url: 'http://example.vn/x'}", "4:16", "write https://"),
        ("webhook: {url: 'https://u:hunter2@example.vn/'}", "4:16", "no user part"),
        ("webhook: {url: 'ftp://example.vn/hunter2'}", "4:16", "must be https://"),
        ("webhook: {url: 'https://example.vn/', secret: hunter2}", "4:39", "secret_file"),
        ("console: {recorder_url: 'https://nvr.example/live'}", "4:25", "with {channel} in it"),
        ("console: {recorder_url: 'https://{channel}/'}", "4:25", "with {channel} in it"),
        ("console: {recorder_url: 'https://nvr.example/{channel}/{user}'}", "4:25", "with {channel} in it"),
        ("console: {recorder_url: 'javascript:alert({channel})'}", "4:25", "with {channel} in it"),
        ("console: {recorder_url: 'https://u:hunter2@nvr.example/{channel}'}", "4:25", "no user part"),
        ("console: {listen: 0.0.0.0:8443}", "4:19", "passwords would cross the network in clear"),
        ("console: {listen: 8443}", "4:19", "must be address:port"),
        ("console: {listen: 127.0.0.1:0}", "4:19", "must be address:port"),
        ("console: {cert_file: missing, key_file: edge-central.yaml}", "4:22", "no such file"),
        ("console: {proxies: [10.0.0.300]}", "4:21", "must be an address or network"),
        ("console: {idle_min: 1}", "4:21", "from 5 to 1440 minutes"),
        ("console: {port: 8443}", "4:11", "write listen: 127.0.0.1:8443"),
        ("console: {push: {}}", "4:17", "contact"),
        ("console: {push: {contact: it}}", "4:27", "mailto:it@city.example"),
        ("console: {push: {contact: 'mailto:a@b', services: ['https://x/']}}", "4:52", "a host name"),
        ("retention: {info_days: 0}", "4:24", "from 1 to 36600 days"),
        ("retention: {kinds: {objekt: 3}}", "4:21", "did you mean 'object'?"),
        ("journeys: {learn: {}}", "4:11", "learn needs search: its key"),
        ("journeys: {learn: {windows: ['22:00-06:00']}}", "4:30", "a part of the day such as 06:30-08:30"),
        ("journeys: {learn: {windows: ['06:00-06:29']}}", "4:30", "of at least half an hour"),
        ("journeys: {learn: {days: 2.5}}", "4:26", "whole number"),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_without_a_secret(
    tmp_path: Path, line: str, place: str, words: str
) -> None:
    (problem,) = problems_of(tmp_path, GOOD + line + "\n")
    assert str(problem).startswith(f"{tmp_path}/edge-central.yaml:{place}: ")
    assert words in problem.message


def test_learning_has_a_broker_user_of_its_own_where_certificates_name_clients(tmp_path: Path) -> None:
    whole = FULL.replace("reach_m: 900,", "reach_m: 900}")
    alone = whole[: whole.index("     user: ")]
    with pytest.raises(ConfigError, match="it would end the session of the ingest"):
        load(written(tmp_path, alone), no_secrets=True)
    for other in ("central", "req"):
        with pytest.raises(ConfigError, match=f"another session, {other}"):
            load(written(tmp_path, FULL.replace("id: learner", f"id: {other}")), no_secrets=True)


def test_a_password_is_read_from_a_file_and_appears_in_no_text(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2\n")
    (tmp_path / "pw").chmod(0o600)
    path = written(tmp_path, GOOD + "database: postgresql://edge@db/edge\ndatabase_password_file: pw\n")
    settings = load(path)
    assert settings.database.password is not None
    assert settings.database.password.reveal() == "hunter2"
    assert "hunter2" not in repr(settings)


OTHERS = """\
webhook: {url: "https://h/x", secret_file: credentials/webhook}
search: {key_file: search.pem}
"""


def test_a_command_of_the_database_reads_no_other_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, GOOD + OTHERS)
    with pytest.raises(ConfigError, match="credentials/webhook: no such file"):
        load(path)
    settings = load_for_database(path)
    assert settings.search is not None
    assert settings.search.key_file == tmp_path / "search.pem"
    postgres = "database: postgresql://edge@db/edge\ndatabase_password_file: credentials/database\n"
    path = written(tmp_path, GOOD + postgres + OTHERS)
    monkeypatch.setattr(os, "geteuid", lambda: 990)
    advice = "database: no such file; run this command with sudo and without -u"
    with pytest.raises(ConfigError, match=f":5:25: database_password_file: cannot read .*{advice}"):
        load_for_database(path)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "database").write_text("hunter2\n")
    password = load_for_database(path).database.password
    assert password is not None
    assert password.reveal() == "hunter2"
    assert load_for_database(written(tmp_path, GOOD + "database_password_file: ~\n")).database.embedded


def test_keys_that_cannot_be_used_are_refused_by_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = Authority(tmp_path / "ca")
    first, second = authority.issue("first"), authority.issue("second")
    tls = f"console: {{cert_file: {first.cert}, key_file: %s}}\n"
    for key, code in ((first.key, 0), (second.key, 78), (first.cert, 78)):
        path = written(tmp_path, GOOD + tls % key)
        assert main(["central", "check", str(path)]) == code
        assert code == 0 or f"{path}:4:10: console: {first.cert} and {key}" in capsys.readouterr().err
        console = load(path).console
        assert console is not None, "the ingest also runs without the console"
        if code:
            with pytest.raises(ConfigError, match=f"{first.cert} with {key} cannot be used"):
                WebServer(Starlette(), console, LiveHub())
    path = written(tmp_path, GOOD + f"search: {{key_file: {first.key}}}\n")
    assert main(["central", "check", str(path)]) == 78
    assert f"key_file: {first.key} holds no Ed25519 private key" in capsys.readouterr().err


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    assert len(problems_of(tmp_path, "wards: [De Tham]\nmqtt: {brokers: [localhost]}\nkeep: 1\n")) == 3


def test_all_mistakes_of_alert_rules_are_reported_at_once(tmp_path: Path) -> None:
    wrong = "{id: dsk, above: 95}, {id: disk, above: 95}, {id: disk, above: 96}"
    more = "{id: temperature, above: hot}, {id: own, measure: memory_percnt, above: 1}"
    messages = [each.message for each in problems_of(tmp_path, f"{GOOD}alerts: [{wrong}, {more}]\n")]
    assert len(messages) == 4
    for words in ("did you mean 'disk'?", "twice", "must be a number", "did you mean 'memory_percent'?"):
        assert any(words in message for message in messages)


def test_rules_that_ship_are_changed_key_by_key_and_switched_off(tmp_path: Path) -> None:
    lines = "alerts:\n  - {id: disk, above: 95}\n  - {id: version, enabled: false}\n"
    lines += "  - {id: temperature, below: 5}\n"
    own = "  - {id: memory, measure: memory_percent, above: 97, for_s: 600, severity: info}\n"
    rules = {rule.id: rule for rule in load(written(tmp_path, GOOD + lines + own)).alerts.rules}
    shipped = {rule.id: rule for rule in load(written(tmp_path, GOOD)).alerts.rules}
    assert rules["disk"] == replace(shipped["disk"], above=95.0)
    assert (rules["temperature"].above, rules["temperature"].below) == (None, 5.0)
    assert set(rules) == set(shipped) - {"version"} | {"memory"}
    assert rules["memory"].severity is Severity.INFO


def test_every_measure_except_rare_ones_has_a_shipped_rule() -> None:
    used = {rule.measure for rule in default_rules()}
    assert set(Measure) - used == {Measure.MEMORY_PERCENT, Measure.THROTTLED}
    assert set(ABOUT) == set(Measure)


def test_kinds_of_events_have_their_own_days_beside_the_default_ones(tmp_path: Path) -> None:
    retention = load(written(tmp_path, GOOD + "retention: {kinds: {counts: 800, evidence: 100}}\n")).retention
    assert retention.kinds == {"counts": 800.0, "evidence": 100.0, "chain-head": 730.0}
