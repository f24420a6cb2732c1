"""Passwords are read completely, and appear nowhere."""

from __future__ import annotations

import io
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_agent.config import load
from edge_agent.config.check import run_check
from edge_agent.core.errors import ConfigError
from edge_agent.core.secrets import Credentials, Secret, masked
from tests.config.places import (
    KNOWN_BOARD,
    MINIMAL,
    PC,
    STEADY,
    camera_of,
    problems_of,
    settings_of,
    with_camera,
    write,
)

NASTY = "@:/#%?&='\"<> \\ü$"
LOGIN = "username: viewer\npassword_file: cam.pass"


def test_a_percent_encoded_password_in_the_url(tmp_path: Path) -> None:
    camera = camera_of(tmp_path, f"url: rtsp://view%40er:{quote(NASTY, safe='')}@10.0.0.11/s")
    assert camera.credentials == Credentials("view@er", Secret(NASTY))
    assert camera.url == "rtsp://10.0.0.11/s"


@pytest.mark.parametrize(
    "bad", ["pa@ss", "pa:ss", "pa/ss", "pa#ss", "pa?ss", "pa%ss", "pa%2", "pa ss", "1/2"]
)
def test_an_unescaped_password_gets_the_hint_and_is_not_quoted(tmp_path: Path, bad: str) -> None:
    problems = problems_of(write(tmp_path, with_camera(f'url: "rtsp://viewer:{bad}@10.0.0.11/s"')))
    assert len(problems) == 1
    assert "percent-encode it" in problems[0].message
    assert "username and password_file" in problems[0].message
    assert bad not in str(problems[0])
    assert "viewer" not in str(problems[0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "more than one line"),
        (b"\xff\n", "not UTF-8"),
        (b"x" * 5000, "larger than 4096 bytes"),
    ],
)
def test_what_is_no_password_file(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "cam.pass").write_bytes(content)
    (problem,) = problems_of(write(tmp_path, with_camera(f"url: rtsp://h/s\n{LOGIN}")))
    assert message in problem.message
    assert (problem.line, problem.column) == (7, 20)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_one_newline_does_not_belong_to_the_password(tmp_path: Path, ending: str) -> None:
    (tmp_path / "cam.pass").write_bytes(b" pass " + ending.encode())
    camera = camera_of(tmp_path, f"url: rtsp://h/s\n{LOGIN}")
    assert camera.credentials == Credentials("viewer", Secret(" pass "))


def test_a_byte_order_mark_does_not_belong_to_the_password(tmp_path: Path) -> None:
    (tmp_path / "cam.pass").write_bytes(b"\xef\xbb\xbfpass\r\n")
    camera = camera_of(tmp_path, f"url: rtsp://h/s\n{LOGIN}")
    assert camera.credentials == Credentials("viewer", Secret("pass"))


def test_a_password_file_that_everybody_can_read_is_doubtful(tmp_path: Path) -> None:
    secret = write(tmp_path, "pass\n", "cam.pass")
    text = with_camera(f"url: rtsp://h/s\n{LOGIN}")
    secret.chmod(0o644)
    assert "every user of this gateway can read" in settings_of(tmp_path, text).warnings[0]
    secret.chmod(0o640)
    assert settings_of(tmp_path, text).warnings == ()


def test_a_key_that_everybody_can_read_is_doubtful(tmp_path: Path) -> None:
    for name in ("a.pem", "a.key"):
        write(tmp_path, "PEM\n", name).chmod(0o644)
    text = MINIMAL.replace("broker.example]}", "broker.example], cert_file: a.pem, key_file: a.key}")
    (warning,) = settings_of(tmp_path, text).warnings
    assert f"every user of this gateway can read {tmp_path}/a.key" in warning


@pytest.mark.parametrize(
    ("file", "under_systemd"), [("cam.pass", "cam.pass"), ("credentials/cam-1", "credentials_cam-1")]
)
def test_systemd_credentials_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, under_systemd: str
) -> None:
    write(tmp_path, "beside\n", file).chmod(0o600)
    given = write(tmp_path, "credential\n", f"run/{under_systemd}")
    given.chmod(0o444)
    text = with_camera(f"url: rtsp://h/s\nusername: viewer\npassword_file: {file}")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "run"))
    settings = settings_of(tmp_path, text)
    assert settings.cameras[0].credentials == Credentials("viewer", Secret("credential"))
    assert settings.warnings == ()
    given.unlink()
    assert settings_of(tmp_path, text).cameras[0].credentials == Credentials("viewer", Secret("beside"))


def test_the_hash_does_not_depend_on_passwords(tmp_path: Path) -> None:
    def hash_with(password: str) -> str:
        return settings_of(tmp_path, with_camera(f"url: rtsp://u:{password}@h/s")).config_hash

    assert hash_with("one") == hash_with("two")


def test_a_password_in_the_path_is_doubtful_and_masked(tmp_path: Path) -> None:
    url = "rtsp://10.0.0.11:554/user=admin&password=tlJwpbo6&channel=1&stream=1.sdp"
    settings = settings_of(tmp_path, with_camera(f"url: {url}"))
    assert "a password stands in the path" in settings.warnings[0]
    assert settings.cameras[0].url == url
    assert masked(url) == "rtsp://10.0.0.11:554/user=admin&password=***&channel=1&stream=1.sdp"


def test_an_unencrypted_broker_password_is_doubtful(tmp_path: Path) -> None:
    write(tmp_path, "pass\n", "mqtt.pass").chmod(0o600)
    login = ", username: u, password_file: mqtt.pass}"
    text = MINIMAL.replace("mqtts://broker.example]}", "mqtt://broker.example]" + login)
    assert "unencrypted" in settings_of(tmp_path, text).warnings[0]
    assert settings_of(tmp_path, text.replace("broker.example", "127.0.0.1")).warnings == ()


# A word that is in no message, between characters that break URLs and YAML.
_WORD = "s3krIt"
_AROUND = st.text(st.sampled_from("@:/#%?&='\"<>[]{}\\*!|-, \tü~"), max_size=4)
_SECRETS = st.builds(lambda a, b, c: f"{a}{_WORD}{b}{_WORD[::-1]}{c}", _AROUND, _AROUND, _AROUND)
_LINES = st.sampled_from(
    [
        "url: rtsp://user:{}@10.0.0.11/s",
        'url: "rtsp://user:{}@10.0.0.11/s"',
        "url: 'http://user:{}@[::1]:99999/s'",
        "url: rtps://user:{}@10.0.0.11",
        "url: user:{}@10.0.0.11",
        "url: [rtsp://user:{}@10.0.0.11]",
        "{{url: rtsp://user:{}@10.0.0.11",
        "rtsp://user:{}@10.0.0.11/s: url",
        "url: rtsp://h/s\nanalyse: {{fps: 5, url: rtsp://user:{}@h/s}}",
        "url: rtsp://h/s\nmasks: [rtsp://user:{0}@h/s, {0}]",
        "url: rtsp://h/s\npassword: {}",
        "url: rtsp://h/s\nusername: rtsp://user:{}@h/s",
        "url: rtsp://h/s\nanalyse: {{fps: rtsp://user:{}@h/s}}",
        "url: rtsp://h/s\nreport: {{snapshots: rtsp://user:{}@h/s}}",
        "url: /clip\nzones: {{yard: rtsp://user:{}@h/s}}\nrules: [{{id: r, kind: loitering, zone: gate}}]",
        "url: /clip\nzones: {{rtsp://user:{0}@h/s: {{polygon: []}}}}\nrules: [{{zone: rtsp://user:{0}@h/s}}]",
        "url: /clip\nrules: [{{id: r, kind: loitering, zone: yard, schedule: {{from: rtsp://u:{}@h}}}}]",
        "url: /clip\nrules: [{{id: rtsp://user:{0}@h/s, kind: rtsp://user:{0}@h/s}}, rtsp://user:{0}@h/s]",
        "url: /clip\nclip: {{main_url: rtsp://user:{}@h/s}}",
        "url: rtsp://h/s\nclip: {{main_url: rtsp://h/s, password: {}}}",
        "url: /clip\nlines: {{rtsp://user:{0}@h/s: {{from: rtsp://user:{0}@h/s}}}}\nrules: [{{line: rtsp://user:{0}@h/s}}]",
        "url: /clip\nrules: [{{id: r, kind: crowding, zone: yard, rtsp://user:{0}@h/s: 1, count: rtsp://user:{0}@h/s}}]",
        "url: /clip\nrules: [{{id: r, kind: wrong-way, zone: yard, arrow: rtsp://user:{}@h/s}}]",
    ]
)


@settings(STEADY, max_examples=200)
@given(line=_LINES, secret=_SECRETS)
@example(line="url: rtsp://user:{}@10.0.0.11/s", secret=f"{_WORD}#{_WORD[::-1]}")
@example(line="url: rtsp://user:{}@10.0.0.11/s", secret=f"{_WORD}/{_WORD[::-1]}")
@example(line="url: rtsp://user:{}@10.0.0.11/s", secret=f"{_WORD}{_WORD[::-1]}")
def test_a_secret_shows_up_nowhere(tmp_path_factory: pytest.TempPathFactory, line: str, secret: str) -> None:
    path = write(tmp_path_factory.getbasetemp() / "nowhere", KNOWN_BOARD + with_camera(line.format(secret)))
    out = io.StringIO()
    run_check(path, None, False, out, out)
    try:
        settings = load(path, board=PC)
    except ConfigError as error:
        out.write(f"{error}{error!r}{error.__cause__}{error.problems}")
    else:
        out.write(f"{settings} {settings!r}")
    for part in (_WORD, _WORD[::-1]):
        assert part not in out.getvalue()


@pytest.mark.parametrize(
    "name", ["password", "passwd", "passphrase", "pass", "loginpas", "psw", "userpwd", "token"]
)
def test_a_password_in_a_query_is_masked_by_the_names_that_cameras_use(name: str) -> None:
    assert masked(f"http://10.0.0.11/still.jpg?{name}=tlJwpbo6&size=2") == (
        f"http://10.0.0.11/still.jpg?{name}=***&size=2"
    )
