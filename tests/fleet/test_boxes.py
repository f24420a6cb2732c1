"""Boxes without a site: enrolment certificates, the site bundle and labels."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
import yaml
from cryptography import x509

from edge_agent.commands.signature import make_key
from edge_agent.wire import SiteBundle
from edge_agent.wire.claims import check_character
from fleet.__main__ import load
from fleet.__main__ import main as fleet_command
from fleet.boxes.bundle import configuration, refuse_secrets
from fleet.boxes.labels import SITE_ADDRESS, box_address, qr_code, site_code
from fleet.boxes.variables import site_variables
from fleet.sites import Site
from tests.testbed.mosquitto import Authority

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a long passphrase"
SHEET = (
    "site,ward,name,latitude,longitude,board,ssh_host,ssh_port,camera,camera_name,camera_url,camera_user\n"
    "dt-001,de-tham,Chợ,20.4463,106.3366,auto,,,cam-1,Cổng,rtsp://192.168.1.10/sub,edge\n"
    "dt-002,de-tham,Ga {{ 1 }},20.4473,106.3366,auto,10.0.0.2,,cam-1,Cổng,rtsp://192.168.1.10/sub,\n"
)
PASSWORD = "lúa vàng 1234"
GATEWAYS = {
    "edge_agent_brokers": ["mqtts://broker.example:8883"],
    "edge_agent_settings": {"mqtt": {"delivery": "confirmed"}, "heartbeat_s": 60},
    "edge_agent_operator_keys": ["keys/an.pub.pem"],
}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def folder(tmp_path: Path, issuer: Authority) -> Path:
    """A control machine: CA, sheet, group_vars, and keys."""
    authority = tmp_path / "pki"
    for name in ("issued", "superseded", "revoked", "also-trusted"):
        (authority / name).mkdir(parents=True)
    issuer.copy_to(authority, PASSPHRASE)
    (tmp_path / "phrase").write_text(PASSPHRASE)
    inventory = tmp_path / "inventory"
    (inventory / "group_vars/all").mkdir(parents=True)
    (inventory / "sites.csv").write_text(SHEET, encoding="utf-8")
    (inventory / "wards.csv").write_text("ward;name\nde-tham;Đề Thám\n", encoding="utf-8")
    write(inventory / "group_vars/gateways.yml", GATEWAYS)
    (inventory / "group_vars/all/vault.yml").write_text(f"$ANSIBLE_VAULT;1.1;AES256\n{PASSWORD}\n")
    (tmp_path / "keys").mkdir()
    make_key(tmp_path / "keys/an.pem")
    make_key(tmp_path / "answers.pem")
    make = ["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(tmp_path / "release.key")]
    subprocess.run(make, check=True)
    return tmp_path


def write(path: Path, variables: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(variables, allow_unicode=True), encoding="utf-8")


def sites_of(folder: Path) -> list[Site]:
    inventory = folder / "inventory"
    return load(inventory / "sites.csv", inventory / "wards.csv", ROOT / "firmware_profiles")[0]


def found(folder: Path, number: int = 0) -> dict[str, Any]:
    return configuration(site_variables(sites_of(folder)[number], folder / "inventory", folder))


def enrolment(folder: Path, *more: str) -> int:
    own = ("--passphrase-file", str(folder / "phrase"))
    return fleet_command(["enrolment", "2026-11", str(folder / "pki"), str(folder / "out"), *own, *more])


def test_an_enrolment_certificate_names_its_batch_and_ends(folder: Path) -> None:
    assert enrolment(folder, "--days", "90") == 0
    made = x509.load_pem_x509_certificate((folder / "out/enrol-2026-11.crt").read_bytes())
    assert made.subject.rfc4514_string() == "CN=enrol-2026-11"
    assert (made.not_valid_after_utc - made.not_valid_before_utc).days <= 90
    usage = made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]
    assert (folder / "out/enrol-2026-11.key").stat().st_mode & 0o777 == 0o600


def test_a_batch_has_one_certificate_and_it_can_be_revoked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enrolment(folder) == 0
    assert enrolment(folder) == 1
    assert "choose another batch" in capsys.readouterr().err
    issued = folder / "pki/issued/enrol-2026-11.crt"
    number = x509.load_pem_x509_certificate(issued.read_bytes()).serial_number
    assert enrolment(folder, "--revoke") == 0
    listed = x509.load_pem_x509_crl((folder / "pki/crl.pem").read_bytes())
    assert [entry.serial_number for entry in listed] == [number]
    assert not issued.exists()
    assert enrolment(folder, "--revoke") == 1, "there is none left"


@pytest.mark.parametrize("batch", ["", "2026 11", "A", "a-", "a" * 57])
def test_a_batch_that_is_no_name_is_refused(folder: Path, batch: str) -> None:
    assert fleet_command(["enrolment", batch, str(folder / "pki")]) == 1


def bundle(folder: Path) -> int:
    inventory = folder / "inventory"
    return fleet_command([
        "bundle", str(inventory / "sites.csv"), "--wards", str(inventory / "wards.csv"),
        "--authority", str(folder / "pki"), "--key", str(folder / "release.key"),
        "--answer-key", str(folder / "answers.pub.pem"), "--out", str(folder / "out"),
    ])  # fmt: skip


def test_a_bundle_is_signed_and_contains_each_site(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.__main__.HERE", folder)
    assert bundle(folder) == 0
    path = folder / "out/sites.json"
    read = msgspec.json.decode(path.read_bytes(), type=SiteBundle)
    assert [site.id for site in read.sites] == ["dt-001", "dt-002"]
    assert [site.name for site in read.sites] == ["Chợ", "Ga {{ 1 }}"]
    assert read.brokers == ["mqtts://broker.example:8883"]
    assert read.answer_keys == [(folder / "answers.pub.pem").read_text()]
    assert read.operator_keys == [(folder / "keys/an.pub.pem").read_text()]
    public = folder / "release.pub"
    subprocess.run(["openssl", "pkey", "-in", folder / "release.key", "-pubout", "-out", public], check=True)
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin", "-in", str(path)]
    subprocess.run([*verify, "-sigfile", f"{path}.sig"], capture_output=True, check=True)


def test_no_password_of_the_control_machine_is_bundled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither of the vault, nor one that somebody wrote beside it."""
    monkeypatch.setattr("fleet.__main__.HERE", folder)
    beside = {"edge_agent_camera_passwords": {"cam-1": PASSWORD}}
    write(folder / "inventory/group_vars/ward_de_tham.yml", beside)
    assert bundle(folder) == 0
    text = (folder / "out/sites.json").read_text(encoding="utf-8")
    assert PASSWORD not in text
    assert "password_file" in text
    assert "PRIVATE" not in text


@pytest.mark.parametrize(
    "settings",
    [
        {"mqtt": {"password": PASSWORD}},
        {"cameras": [{"id": "cam-1", "url": f"rtsp://edge:{PASSWORD}@192.0.2.1/sub"}]},
        {"webhook": {"token": PASSWORD}},
        {"uplink": {"sim": {"pin": PASSWORD}}},
        {"cameras": [{"id": "cam-1", "url": f"rtsp://192.0.2.1/sub?usr=edge&psw={PASSWORD}"}]},
        {"x": ["-----BEGIN PRIVATE KEY-----"]},
    ],
)
def test_a_setting_with_a_secret_is_refused_and_never_quoted(
    folder: Path, settings: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fleet.__main__.HERE", folder)
    write(folder / "host_vars/dt-001.yml", {"edge_agent_settings": settings})
    assert bundle(folder) == 1
    said = capsys.readouterr().err
    assert "dt-001" in said
    assert PASSWORD not in said
    assert not (folder / "out/sites.json").exists()


def test_a_bundle_without_a_broker_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fleet.__main__.HERE", folder)
    for site in ("dt-001", "dt-002"):
        write(folder / f"host_vars/{site}.yml", {"edge_agent_brokers": []})
    assert bundle(folder) == 1
    assert "edge_agent_brokers is empty" in capsys.readouterr().err
    assert not (folder / "out/sites.json").exists()


def test_a_name_of_a_password_file_is_no_secret() -> None:
    refuse_secrets({"cameras": [{"password_file": "credentials/cam-1", "username": "edge"}]}, "dt-001")


def test_an_encrypted_value_and_an_expression_are_refused(folder: Path) -> None:
    path = folder / "host_vars/dt-001.yml"
    path.parent.mkdir()
    path.write_text("edge_agent_settings:\n  a: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    61\n")
    with pytest.raises(ValueError, match="edge_agent_settings has an encrypted value"):
        found(folder)
    write(path, {"edge_agent_brokers": ["mqtts://{{ broker }}:8883"]})
    with pytest.raises(ValueError, match="has an expression in it"):
        found(folder)


def test_the_host_overrides_its_groups_and_the_playbooks_the_inventory(folder: Path) -> None:
    write(folder / "group_vars/ward_de_tham.yml", {"edge_agent_settings": {"heartbeat_s": 30}})
    assert found(folder)["heartbeat_s"] == 30
    write(folder / "host_vars/dt-001.yml", {"edge_agent_settings": {"heartbeat_s": 20}})
    assert [found(folder, number)["heartbeat_s"] for number in (0, 1)] == [20, 30]
    other = {"edge_agent_brokers": ["mqtts://other.example:8883"]}
    write(folder / "inventory/group_vars/pull_only.yml", other)
    assert [found(folder, number)["mqtt"]["brokers"] for number in (0, 1)] == [
        ["mqtts://other.example:8883"],
        GATEWAYS["edge_agent_brokers"],
    ]


def test_a_bundle_has_the_configuration_that_ansible_writes(folder: Path) -> None:
    """The same sheet and variables, rendered by Ansible with the role's defaults."""
    inventory = folder / "inventory"
    sheet = [str(inventory / "sites.csv"), "--wards", str(inventory / "wards.csv")]
    assert fleet_command(["build", *sheet]) == 0
    (inventory / "group_vars/all/vault.yml").unlink()  # Ansible would want its password
    ward = {"edge_agent_settings": {"mqtt": {"spread_s": 7}}, "edge_agent_sim": False}
    write(folder / "group_vars/ward_de_tham.yml", ward)
    site = {"edge_agent_settings": {"heartbeat_s": 20}, "edge_agent_sim": True}
    write(folder / "host_vars/dt-002.yml", site)
    role = ROOT / "ansible/roles/edge_agent"
    template = f"lookup('ansible.builtin.template', '{role}/templates/edge-agent.yaml.j2')"
    play = {
        "hosts": "gateways",
        "gather_facts": False,
        "connection": "local",
        "tasks": [
            {"ansible.builtin.include_vars": {"file": f"{role}/defaults/main.yml", "name": "defaults"}},
            {
                # Not a file: a module would start processes for each host.
                "ansible.builtin.debug": {
                    "msg": f"{{{{ inventory_hostname }}}} gets {{{{ {template} | b64encode }}}}"
                },
                "vars": {"edge_agent_search_keys": "{{ defaults.edge_agent_search_keys }}"},
            },
        ],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [program, "-i", str(inventory / "sites.yml"), str(folder / "play.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    texts = dict(re.findall(r"([\w-]+) gets\s+([\w+/=]+)", done.stdout))
    for number, each in enumerate(sites_of(folder)):
        written = yaml.safe_load(base64.b64decode(texts[each.id]))
        assert found(folder, number) == written
        assert written.get("uplink") == ({"kind": "sim"} if each.id == "dt-002" else None)


def test_labels_of_sites_name_the_site_and_its_check_character(folder: Path) -> None:
    inventory = folder / "inventory"
    sheet = [str(inventory / "sites.csv"), "--wards", str(inventory / "wards.csv")]
    assert fleet_command(["labels", *sheet, "--out", str(folder / "labels.html")]) == 0
    page = (folder / "labels.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert f"dt-001-{check_character('dt-001')}" in page
    assert "Đề Thám" in page
    assert "http" not in re.sub(r"http://www\.w3\.org/\S+", "", page), "the page loads nothing"
    assert fleet_command(["labels", *sheet, "--out", str(folder / "labels.html"), "--only", "dt-009"]) == 2


def test_labels_of_boxes_have_their_address(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = folder / "boxes.csv"
    row = "box-10000000a1b2c3d4;lúa sông cầu;;<b>lô 1</b> code 79937448"
    boxes.write_text(f"serial;words;key;note\n{row}\n", encoding="utf-8")
    command = ["labels", "--boxes", str(boxes), "--out", str(folder / "labels.html")]
    assert fleet_command(command) == 0
    page = (folder / "labels.html").read_text(encoding="utf-8")
    assert "box-10000000a1b2c3d4" in page
    assert "&lt;b&gt;lô 1&lt;/b&gt; mã (code) 79937448<" in page
    with boxes.open("a", encoding="utf-8") as file:
        file.write("box-20000000a1b2c3d4;lúa sông cầu;;code 11112222\n")
    assert fleet_command([*command, "--only", "box-20000000a1b2c3d4"]) == 0
    page = (folder / "labels.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1
    assert "11112222" in page
    printed = [f"serial,words,key,note\nbox-{number}0000000a1b2c3d4,lúa,,\n" for number in (1, 2)]
    boxes.write_text("".join(printed), encoding="utf-8")
    assert fleet_command(command) == 0, "each box prints the header with its row"
    assert "with 2 labels" in capsys.readouterr().out
    boxes.write_text("serial;key\nbox-1;\nbox-10000000a1b2c3d4;xx\n", encoding="utf-8")
    assert fleet_command(command) == 1
    said = capsys.readouterr().err
    assert "boxes.csv:2: 'box-1' is not a serial" in said
    assert "boxes.csv:3: box-10000000a1b2c3d4: the key is not 64 hex digits" in said


def test_the_addresses_on_labels() -> None:
    assert box_address("box-10000000a1b2c3d4") == "https://edge-10000000a1b2c3d4.local/"
    assert site_code("dt-001") == f"dt-001-{check_character('dt-001')}"
    assert check_character("dt-001") != check_character("dt-007")


def test_a_site_id_that_means_a_box_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_text(SHEET.replace("dt-001", "enrol-1").replace("dt-002", "box-12345678"), encoding="utf-8")
    _, (_, problems) = load(path, ROOT / "ansible/inventory/wards.csv", ROOT / "firmware_profiles")
    assert [line.count("a meaning of its own") for line in problems.lines()] == [1, 1]


@pytest.mark.parametrize("address", [SITE_ADDRESS + site_code("dt-001"), box_address("box-" + "a" * 32)])
def test_a_code_is_read_as_its_address(address: str) -> None:
    """By OpenCV, which is another implementation than the one that draws."""
    modules = np.array([list(row) for row in qr_code(address).matrix_iter(scale=6, border=4)], np.uint8)
    assert cv2.QRCodeDetector().detectAndDecode(255 - 255 * modules)[0] == address
