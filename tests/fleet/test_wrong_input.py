"""Wrong files and options of ``fleet``: one line that names the file or option, and nothing is done."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from edge_agent.commands.signature import make_key
from fleet.__main__ import main
from tests.testbed.mosquitto import Authority, Certificate

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a long passphrase"
SERIAL = "box-10000000a1b2c3d4"
SHEET = (
    "site,ward,name,latitude,longitude,board,ssh_host,camera,camera_url\n"
    "dt-001,de-tham,Chợ,20.4463,106.3366,auto,10.0.0.1,cam-1,rtsp://192.168.1.10/sub\n"
)
LIBRARIES = (
    "Errno",
    "OpenSSL",
    "Could not",
    "_ssl",
    "asn1",
    "codec",
    "Traceback",
    "Error:",
    "argument of type",
)
"""Words of libraries and of the system, which tell a person nothing."""


class Control:
    """A control machine: each command has good files and options, which a test replaces."""

    def __init__(self, folder: Path, issuer: Authority, own: Certificate) -> None:
        self.folder = folder
        for name in ("issued", "superseded", "revoked", "also-trusted"):
            (folder / "pki" / name).mkdir(parents=True)
        issuer.copy_to(folder / "pki", PASSPHRASE)
        (folder / "phrase").write_text(PASSPHRASE)
        (folder / "sites.csv").write_text(SHEET, encoding="utf-8")
        (folder / "wards.csv").write_text("ward;name\nde-tham;Đề Thám\n", encoding="utf-8")
        (folder / "boxes.csv").write_text(f"serial\n{SERIAL}\n")
        (folder / "group_vars").mkdir()
        (folder / "group_vars/gateways.yml").write_text(
            "edge_agent_brokers: ['mqtts://broker.example:8883']\n"
        )
        for name in ("answers", "an"):
            make_key(folder / f"{name}.pem")
        (folder / "release/wheels").mkdir(parents=True)
        (folder / "release/manifest.json").write_text('{"wheels": []}')
        (folder / "release/manifest.json.sig").write_bytes(b"x" * 64)
        sheet = {"": "sites.csv", "--wards": "wards.csv"}
        login = {"--broker": "mqtts://127.0.0.1:1", "--ca-file": str(issuer.cert)}
        login |= {"--cert-file": str(own.cert), "--key-file": str(own.key)}
        self.good = {
            "bundle": sheet
            | {"--authority": "pki", "--key": "an.pem", "--answer-key": "answers.pub.pem", "--out": "out"},
            "labels": sheet | {"--out": "labels.html"},
            "claims": {"authority": "pki", **sheet, **login, "--operator": "an.pub.pem"}
            | {"--answer-key": "answers.pem", "--boxes": "boxes.csv", "--passphrase-file": "phrase"},
            "push": {"gateway": "dt-001", "folder": "release", "--ward": "de-tham", "--operator": "an.pem"}
            | login,
            "host-key": {"name": "dt-001", "--csv": "sites.csv", "--wards": "wards.csv"},
        }

    def run(self, command: str, **changes: str) -> int:
        """``changes``: by the name of the option, without hyphens before it and with _ inside."""
        given = dict(self.good[command])
        for name, value in changes.items():
            option = f"--{name.replace('_', '-')}"
            given[name if name in given else option] = value
        words = [
            word for name, value in given.items() for word in ([name] if name[:1] == "-" else []) + [value]
        ]
        try:
            return main([command, *words])
        except SystemExit as end:
            return int(str(end.code))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Control:
    issuer = Authority(tmp_path_factory.mktemp("authority"))
    return Control(tmp_path_factory.mktemp("control"), issuer, issuer.issue("fleet-claims"))


@pytest.fixture
def control(template: Control, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Control]:
    """The working folder is a copy of its files."""
    shutil.copytree(template.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fleet.__main__.HERE", tmp_path)
    monkeypatch.setattr("getpass.getpass", lambda _: "another passphrase")
    yield template
    assert not (tmp_path / "out/sites.json").exists(), "nothing was written"


Said = Callable[[], str]


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    """The one line on stderr."""

    def line() -> str:
        text = capfd.readouterr().err
        assert text.count("\n") == 1, text
        assert len(text) < 500
        assert not [word for word in LIBRARIES if word in text], text
        return text

    return line


def key_file(kind: str) -> Path:
    """Write a file in the working folder that is not what an option wants."""
    pem, path = (Encoding.PEM, PrivateFormat.PKCS8), Path(f"wrong-{kind}")
    edwards = ed25519.Ed25519PrivateKey.generate()
    match kind:
        case "rsa":
            key = rsa.generate_private_key(65537, 1024)
            path.write_bytes(key.private_bytes(*pem, NoEncryption()))
        case "p-256":
            path.write_bytes(ec.generate_private_key(ec.SECP256R1()).private_bytes(*pem, NoEncryption()))
        case "encrypted":
            path.write_bytes(edwards.private_bytes(*pem, BestAvailableEncryption(b"secret")))
        case "ssh":
            path.write_bytes(edwards.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        case "public":
            format_ = PublicFormat.SubjectPublicKeyInfo
            path.write_bytes(edwards.public_key().public_bytes(Encoding.PEM, format_))
        case "certificate":
            path.write_bytes(Path("pki/ca.crt").read_bytes())
        case "folder":
            path.mkdir()
        case "binary":
            path.write_bytes(bytes(range(256)))
        case "damaged":
            path.write_text("-----BEGIN PRIVATE KEY-----\nAAA\n-----END PRIVATE KEY-----\n")
        case "damaged-public":
            path.write_text("-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----\n")
        case "damaged-certificate":
            path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return path


WRONG_KEYS = {
    "rsa": "is an RSA key, and boxes accept Ed25519 only",
    "p-256": "is a key of an elliptic curve, and boxes accept Ed25519 only",
    "encrypted": "cannot be opened with that passphrase",
    "ssh": "is a key of ssh and not a private key in PEM",
    "public": "is a public key and not a private key in PEM",
    "certificate": "is a certificate and not a private key in PEM",
    "folder": "is a folder: name a file",
    "binary": "is not a private key in PEM",
    "damaged": "is damaged",
    "missing": "does not exist: correct the path",
}


@pytest.mark.parametrize("kind", WRONG_KEYS)
def test_a_file_that_is_no_signing_key_is_named(control: Control, said: Said, kind: str) -> None:
    path = key_file(kind)
    for command, option in (("bundle", "key"), ("claims", "answer_key"), ("push", "operator")):
        assert control.run(command, **{option: str(path)}) == 1
        assert f"fleet {command}: {path} {WRONG_KEYS[kind]}" in said()


WRONG_FILES = (
    ("bundle", "answer_key", "rsa", "it holds a private key"),
    ("bundle", "answer_key", "damaged-public", "its public key is damaged"),
    ("bundle", "answer_key", "certificate", "it holds no public key"),
    ("claims", "operator", "missing", "does not exist"),
    ("claims", "operator", "binary", "it holds no public key"),
    ("claims", "operator", "folder", "has no public key *.pem"),
    ("claims", "passphrase_file", "binary", "is not a text in UTF-8"),
    ("claims", "passphrase_file", "public", "ca.key cannot be opened with that passphrase"),
    ("claims", "boxes", "folder", "is a folder"),
    ("push", "folder", "binary", "a part of the path is a file"),
    ("push", "folder", "folder", "manifest.json does not exist"),
    *(
        (command, option, kind, text)
        for command in ("claims", "push")
        for option, kind, text in (
            ("ca_file", "binary", "is not a certificate"),
            ("cert_file", "damaged-certificate", "is damaged"),
            ("key_file", "p-256", "is not the key of the certificate"),
            ("key_file", "encrypted", "has a passphrase"),
        )
    ),
)


def test_a_file_of_another_kind_is_named(control: Control, said: Said) -> None:
    for kind in {kind for _, _, kind, _ in WRONG_FILES}:
        key_file(kind)
    for command, option, kind, text in WRONG_FILES:
        path = f"wrong-{kind}"
        assert control.run(command, **{option: path}) == 1, (command, option, kind)
        found = said()
        assert text in found
        assert path in found or "ca.key" in found


def test_a_folder_without_a_ca_is_named_and_how_the_ca_is_made(control: Control, said: Said) -> None:
    Path("empty").mkdir()
    assert control.run("bundle", authority="empty") == 1
    assert "empty has no CA" in said()
    assert control.run("claims", authority="missing") == 1
    assert "servers.yml" in said()
    assert main(["enrolment", "2026-11", "missing", "--passphrase-file", "phrase"]) == 1
    assert "missing has no CA" in said()


def test_a_ca_that_is_no_certificate_is_named(control: Control, said: Said) -> None:
    for name in ("also-trusted/other.crt", "ca.crt"):
        for kind in ("binary", "damaged-certificate"):
            key_file(kind).replace(Path("pki") / name)
            assert control.run("bundle") == 1
            assert f"pki/{name} is " in said()


def test_a_folder_without_a_release_is_refused_before_the_connection(control: Control, said: Said) -> None:
    for content in ("[]", "{}", "x", '{"wheels": [{"name": "no.whl"}]}'):
        Path("release/manifest.json").write_text(content)
        assert control.run("push") == 1
        assert "release/" in said()


LONG = "x" * 200_000


BROKERS = (
    *("", "broker", "http://h", "mqtt://", "mqtts://h:99999", "mqtts://u:secret@h", "mqtts://h/path"),
    *(LONG, f"mqtts://{LONG}", "mqtts://\x1b[2J"),
)


@pytest.mark.parametrize(
    ("command", "option", "values"),
    [
        ("claims", "days", ("-5", "0", "7301", "1.5", "", "x", "9" * 50)),
        ("claims", "root", ("#", "a/+", "", "a b", "$SYS")),
        ("claims", "replace", ("dt-009", "", LONG)),
        ("claims", "broker", BROKERS),
        ("push", "broker", BROKERS),
        ("push", "root", ("#",)),
        ("push", "key_file", ("",)),
        ("push", "gateway", ("", "A", "a/b", "#", LONG)),
        ("push", "ward", ("", "A", LONG)),
        ("push", "wait_s", ("nan", "-1", "inf", "")),
        ("push", "url", ("http://h", "", f"https://{LONG}")),
        ("host-key", "port", ("99999", "0", "-1", "x", "")),
        ("host-key", "fingerprint", ("", "MD5:x", "SHA256:abc", LONG)),
        ("host-key", "name", ("", "a b", "#", "h\n", "@", "1.2.3", LONG)),
        ("labels", "only", ("", "dt-009", LONG)),
        ("labels", "profiles", ("nowhere",)),
        ("bundle", "key", ("", "~nobody-of-this-name/key")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_option_is_named_and_nothing_is_done(
    control: Control, said: Said, command: str, option: str, values: tuple[str, ...]
) -> None:
    """Exit code 2: before the broker, a machine or a file is touched."""
    for value in values:
        assert control.run(command, **{option: value}) == 2, value[:80]
        text = said()
        assert text.startswith(f"fleet {command}: ")
        assert (option if option in ("gateway", "name") else f"--{option.replace('_', '-')}") in text
        assert "secret" not in text


@pytest.mark.parametrize("command", ["claims", "push"])
def test_a_broker_that_does_not_answer_is_named(control: Control, said: Said, command: str) -> None:
    """All options are good: only now the command connects."""
    assert control.run(command) == 1
    assert "refuses the connection: nothing listens on that port" in said()


def test_a_host_name_is_never_an_option_of_ssh_keyscan(control: Control, said: Said) -> None:
    words = ["--csv", "sites.csv", "--wards", "wards.csv", "--", "-oProxyCommand=touch out"]
    with pytest.raises(SystemExit, match="2"):
        main(["host-key", *words])
    assert "argument name: '-oProxyCommand=touch out' is neither" in said()


def test_a_host_key_is_not_recorded_while_the_sheet_has_mistakes(control: Control, said: Said) -> None:
    """The sheet says the address and the port of the site."""
    Path("sites.csv").write_text(SHEET.replace("106.3366", "206.3366"), encoding="utf-8")
    assert control.run("host-key") == 1
    assert "sites.csv:2: dt-001" in said()


def test_the_file_with_the_mistake_is_named_and_how_to_list_all(control: Control, said: Said) -> None:
    Path("other wards.csv").write_text("ward;name\nĐề Thám;\n", encoding="utf-8")
    for command in ("bundle", "labels", "claims"):
        assert control.run(command, wards="other wards.csv") == 1
        text = said()
        assert f"fleet {command}: other wards.csv:2: " in text
        assert "`python3 -m fleet check sites.csv --wards 'other wards.csv'` lists every mistake" in text


@pytest.mark.parametrize("content", [LONG, f"{LONG};{LONG}", f"x\n{LONG[:100_000]}", "\x1b[2J\u202e"])
def test_a_cell_of_any_length_makes_a_short_message(
    control: Control, capfd: pytest.CaptureFixture[str], content: str
) -> None:
    Path("boxes.csv").write_text(f"serial\n{content}\n", encoding="utf-8")
    assert main(["labels", "--boxes", "boxes.csv", "--out", "labels.html"]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert lines[-1] == "fleet labels: boxes.csv has mistakes, see above: correct them there"
    assert all(len(line) < 500 and line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        (b"a: [", "gateways.yml, line 2 is not YAML"),
        (b"d: 2026-13-45", "gateways.yml is not YAML"),
        (b"\xff\xfe", "gateways.yml is not a text in UTF-8"),
        (b"- x", "gateways.yml has no variables"),
        (b"edge_agent_settings: [1]", "dt-001: no configuration can be made"),
        (b"edge_agent_settings: {mqtt: 5}", "edge_agent_brokers is empty or not a list"),
        (b"edge_agent_brokers: [broker.example]", "edge_agent_brokers: must be mqtts://host:port"),
        (b"edge_agent_settings: {mqtt: {root: 7}}", "because of topic_root"),
        (b"edge_agent_operator_keys: [1]", "edge_agent_operator_keys is not a list of files"),
        (b"edge_agent_operator_keys: [~nobody-of-this-name/key]", "/key does not exist"),
        (b"edge_agent_operator_keys: [an.pem]", "an.pem: it holds a private key"),
    ],
)
def test_variables_that_make_no_configuration_are_named(
    control: Control, said: Said, variables: bytes, text: str
) -> None:
    path = Path("group_vars/gateways.yml")
    good = b"" if b"brokers" in variables or b"x" in variables else path.read_bytes()
    path.write_bytes(good + variables)
    assert control.run("bundle") == 1
    assert text in said()


def test_a_batch_gets_no_certificate_whose_key_cannot_be_written(control: Control, said: Said) -> None:
    command, phrase = ["enrolment", "2026-11", "pki"], ["--passphrase-file", "phrase"]
    assert main([*command, "boxes.csv", *phrase]) == 1
    assert "boxes.csv exists already" in said()
    assert main([*command, "folder", *phrase]) == 0


def test_ctrl_c_and_a_missing_terminal_are_no_traceback(
    control: Control, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = key_file("encrypted")

    def stopped(_: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("getpass.getpass", stopped)
    assert control.run("bundle", key=str(path)) == 1
    assert said() == "fleet bundle: interrupted\n"
    done = subprocess.run(
        ["setsid", sys.executable, "-m", "fleet", "enrolment", "b", str(Path("pki").absolute())],
        cwd=ROOT / "ansible", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    asks = "the CA's key has a passphrase, and there is no terminal to ask for it"
    assert done.stderr == f"fleet enrolment: {asks}\n"
