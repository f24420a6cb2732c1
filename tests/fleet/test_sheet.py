"""The fleet's sheet: all mistakes are reported by line in one run, and valid rows become inventory."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import across
from fleet.__main__ import load, main
from fleet.build import MARK, build, host_vars
from fleet.generate import HEADER, example, write_generated
from fleet.problems import Problems
from fleet.sites import Camera, Site

ROOT = Path(__file__).parents[2]
WARDS = ROOT / "ansible/inventory/wards.csv"
PROFILES = ROOT / "firmware_profiles"
Form = Literal["NFC", "NFD"]
HEAD = "site;ward;name;latitude;longitude;board;ssh_host;ssh_port;camera;camera_name;camera_url;camera_user"
HEAD += ";recorder_channel"
GOOD = "dt-001;Đề Thám;Lý Bôn;20,4463;106,3366;auto;10.0.0.1;;cam-1;Cổng;rtsp://192.168.1.11/sub;edge"


def read(folder: Path, text: str | bytes) -> tuple[list[Site], list[str]]:
    """Sites of a sheet, and the messages about it, without the file's name."""
    path = folder / "sites.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    sites, (wards, found) = load(path, WARDS, PROFILES)
    assert not wards.found
    return sites, [line.removeprefix(f"{path}:") for line in found.lines()]


def sheet(*rows: str) -> str:
    return "\n".join([HEAD, *rows, ""])


def test_the_good_row_is_good(tmp_path: Path) -> None:
    sites, said = read(tmp_path, sheet(GOOD))
    assert said == []
    cameras = (Camera(2, "cam-1", "Cổng", "rtsp://192.168.1.11/sub", "edge"),)
    place = ("de-tham", "Lý Bôn", 20.4463, 106.3366)
    assert sites == [Site(2, "dt-001", *place, "auto", "10.0.0.1", 22, cameras, "Đề Thám")]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (("Dt 1;" + GOOD[7:],), "2: site: 'Dt 1' cannot be an id: .*such as 'dt-1'"),
        (("-dt;" + GOOD[7:],), "2: site: '-dt' cannot be an id"),
        (("ĐT Lê 1;" + GOOD[7:],), "2: site: 'ĐT Lê 1' cannot be an id: .*such as 'dt-le-1'"),
        (("central;" + GOOD[7:],), "2: 'central' has a meaning of its own"),
        ((GOOD.replace("Đề Thám", "Đề Thán"),), "2: dt-001: unknown ward 'Đề Thán': known are de-tham"),
        ((GOOD.replace("Đề Thám", ""),), "2: dt-001: no ward"),
        ((GOOD.replace("20,4463;106,3366", "106,3366;20,4463"),), "2: .*are swapped"),
        ((GOOD.replace("20,4463", "21,0285"),), "2: dt-001: 21.0285, 106.337 is not in or near Thai Binh"),
        ((GOOD.replace("20,4463", "20°26'46"),), "2: dt-001: latitude: '20°26'46' is not in degrees"),
        ((GOOD.replace("20,4463", "nan"),), "2: dt-001: latitude: 'nan' is not in degrees"),
        ((GOOD.replace("auto", "raspberry-pi-44"),), "2: dt-001: unknown board 'raspberry-pi-44'"),
        ((GOOD.replace("10.0.0.1", "10.0.0.256"),), "2: dt-001: '10.0.0.256' is not a host name"),
        ((GOOD.replace("10.0.0.1;", "10.0.0.1;99999"),), "2: dt-001: ssh_port: '99999' is not a port"),
        ((GOOD.replace("cam-1", "gateway"),), "2: dt-001: a camera cannot be called 'gateway'"),
        ((GOOD + ";2_07",), "2: dt-001, cam-1: recorder_channel '2_07' cannot be one"),
        (
            (GOOD + ";2-07", GOOD.replace("cam-1", "cam-2").replace("/sub", "/b") + ";2-07"),
            "3: warning: dt-001, cam-2: recorder channel 2-07 is that of dt-001, cam-1",
        ),
        ((GOOD.replace("rtsp:", "rtps:"),), "2: dt-001, cam-1: camera_url 'rtps:.*cannot be used"),
        ((GOOD, GOOD.replace("/sub", "/two")), "3: dt-001: camera 'cam-1' is already in line 2"),
        ((GOOD, GOOD.replace("cam-1", "cam-2")), "3: dt-001, cam-2: the address of dt-001, cam-1"),
        (
            (GOOD, GOOD.replace("cam-1", "cam-2").replace("/sub", "/b").replace("Lý Bôn", "Lê Lợi")),
            "3: dt-001: name is 'Lê Lợi' here and 'Lý Bôn' in line 2",
        ),
        (
            (GOOD, GOOD.replace("dt-001", "dt-002").replace("20,4463", "20,5").replace("Lý Bôn", "Lê Lợi")),
            "3: dt-002: ssh address 10.0.0.1:22 is that of dt-001 .line 2.",
        ),
        ((GOOD.replace("Lý Bôn", "LÃ½ BÃ´n"),), "2: dt-001: name: .*wrong encoding"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_line(tmp_path: Path, rows: tuple[str, ...], expected: str) -> None:
    _, said = read(tmp_path, sheet(*rows))
    assert len(said) == 1, said
    assert re.match(expected, said[0]), said[0]
    assert said[0].count(": ") >= 2, "it says what to do"


def test_all_mistakes_come_in_one_go(tmp_path: Path) -> None:
    bad = "dt-001;Nowhere;Lý Bôn;1;2;pi;a b;x;Cam 1;;rtsp://u:secret@h/;a:secret"
    _, said = read(tmp_path, sheet(bad))
    assert len(said) == 8, said
    assert not any("secret" in line for line in said)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda text: text.encode("utf-16"), "1: this is UTF-16"),
        (lambda text: text.encode("cp1258", errors="replace"), "2: this is not UTF-8"),
        (lambda text: b"PK\3\4" + text.encode(), "1: this is a workbook"),
        (lambda text: text.replace("Lý Bôn", 'Lý "Bôn" "').encode(), None),
        (lambda text: text.replace("Lý Bôn", '"Lý Bôn').encode(), "2: the quotation marks do not match"),
        (lambda text: text.replace("latitude", "latitute").encode(), "1: column 'latitude' is missing"),
        (lambda text: (text + ";;;\n" + GOOD + ";;x;y").encode(), "4: 15 cells where the header has 13"),
        (lambda text: b"", "1: the sheet is empty"),
        (lambda text: text.split("\n")[0].encode(), "1: there is no site"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_told_by_line(
    tmp_path: Path, make: Callable[[str], bytes], expected: str | None
) -> None:
    _, said = read(tmp_path, make(sheet(GOOD)))
    assert (said == []) if expected is None else (said and said[0].startswith(expected)), said


def rewritten(text: str, delimiter: str, newline: str, bom: bool, form: Form, order: list[int]) -> bytes:
    """The sheet as another spreadsheet writes it, with rows in another order."""
    header, *rows = list(csv.reader(io.StringIO(text), delimiter=";"))
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=newline)
    writer.writerow(header)
    writer.writerows(rows[index] for index in order)
    body = unicodedata.normalize(form, out.getvalue())
    return (b"\xef\xbb\xbf" if bom else b"") + body.encode()


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(";,\t"),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from(["NFC", "NFD"]),
    st.permutations(range(104)),
)
def test_any_spreadsheet_and_any_order_give_the_same_fleet(
    tmp_path_factory: pytest.TempPathFactory,
    delimiter: str,
    newline: str,
    bom: bool,
    form: Form,
    order: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("sheet")
    plain, _ = read(folder, example())
    other, said = read(folder, rewritten(example(), delimiter, newline, bom, form, order))
    assert said == []
    assert [host_vars(site) for site in other] == [host_vars(site) for site in plain]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.text(max_size=12), min_size=12, max_size=12), max_size=4))
def test_no_cell_breaks_the_check_and_no_bad_line_goes_unnamed(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]]
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerows([HEAD.split(";"), *cells])
    text = out.getvalue().encode("utf-8", errors="replace")
    sites, said = read(tmp_path_factory.mktemp("sheet"), text)
    assert sites == [] or said, "random text is no site"


def test_a_password_in_an_address_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = [f"rtsp://h/a?{name}=hunter2" for name in ("password", "Passwd", "psw", "loginpas", "userpwd")]
    for url in (*named, "rtsp://u:hunter2@h/", "u:hunter2@h", "rtsp://h:hunter2@@/"):
        path = tmp_path / "sites.csv"
        path.write_text(sheet(GOOD.replace("rtsp://192.168.1.11/sub", url)))
        assert main(["check", str(path)]) == 1
        reported = capsys.readouterr()
        assert "has a login in it" in reported.err
        assert "hunter2" not in reported.err + reported.out


def test_private_addresses_may_come_again_on_another_site_and_public_ones_not(tmp_path: Path) -> None:
    other = GOOD.replace("dt-001", "dt-002").replace("20,4463", "20,45").replace("10.0.0.1", "10.0.0.2")
    other = other.replace("Lý Bôn", "Lê Lợi")
    assert read(tmp_path, sheet(GOOD, other))[1] == []
    public = [row.replace("192.168.1.11", "203.0.113.9") for row in (GOOD, other)]
    assert "dt-002, cam-1: the address of dt-001, cam-1 (line 2)" in read(tmp_path, sheet(*public))[1][0]


def test_a_copied_row_is_a_warning_and_no_mistake(tmp_path: Path) -> None:
    copied = GOOD.replace("dt-001", "dt-002").replace("10.0.0.1", "")
    _, said = read(tmp_path, sheet(GOOD, copied))
    assert [line.partition(" warning: ")[0] for line in said] == ["3:", "3:"]


def test_names_that_do_not_resolve_are_told_on_request(tmp_path: Path) -> None:
    sites, _ = read(tmp_path, sheet(GOOD.replace("10.0.0.1", "box.lan").replace("192.168.1.11", "cam.lan")))
    asked = Problems(Path("sites.csv"))
    across.check_names(sites, asked, resolve=lambda name: name == "cam.lan")
    (line,) = asked.lines()
    assert line.startswith("sites.csv:2: dt-001: 'box.lan' does not resolve here: correct")
    real = Problems(Path("sites.csv"))
    across.check_names(sites, real)  # this machine's own resolver: neither name exists
    assert len(real.lines()) == 2


def test_the_example_has_the_wards_real_counts_and_is_what_the_generator_writes() -> None:
    path = ROOT / "ansible/inventory/sites.example.csv"
    assert path.read_text(encoding="utf-8") == example()
    sites, (_, found) = load(path, WARDS, PROFILES)
    assert found.lines() == []
    for ward, count, cameras in (("de-tham", 21, 54), ("bo-xuyen", 17, 50)):
        own = [site for site in sites if site.ward == ward]
        assert (len(own), sum(len(site.cameras) for site in own)) == (count, cameras)
    rows = list(csv.DictReader(io.StringIO(example()), delimiter=";"))
    assert all("invented" in row["note"] for row in rows)
    assert list(rows[0]) == list(HEADER)


def test_the_city_is_read_without_a_word(tmp_path: Path) -> None:
    write_generated(tmp_path, 465, 1194)
    sites, found = load(tmp_path / "sites.csv", tmp_path / "wards.csv", PROFILES)
    assert [line for problems in found for line in problems.lines()] == []
    assert (len(sites), sum(len(site.cameras) for site in sites)) == (465, 1194)


def test_the_second_build_changes_nothing_and_the_first_is_what_ansible_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["build", str(ROOT / "ansible/inventory/sites.example.csv"), "--out", str(tmp_path)]
    assert main(command) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.yml")}
    assert len(before) == 39
    capsys.readouterr()
    assert main(command) == 0
    assert "nothing to change" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.yml")} == before
    groups = yaml.safe_load((tmp_path / "sites.yml").read_text())["all"]["children"]
    assert len(groups["gateways"]["hosts"]) == 38
    assert len(groups["ward_de_tham"]["hosts"]) == 21
    assert "dt-001" in groups["board_raspberry_pi_4"]["hosts"]
    one = yaml.safe_load((tmp_path / "host_vars/dt-001.yml").read_text(encoding="utf-8"))
    assert one["edge_agent_site_name"] == "Lý Thường Kiệt – Lê Quý Đôn"
    assert (one["edge_agent_ward"], one["edge_agent_ward_name"]) == ("de-tham", "Đề Thám")
    assert one["ansible_host"] == "192.0.2.1"


def test_a_site_that_vanished_keeps_its_file_until_it_is_asked_for(tmp_path: Path) -> None:
    sites, _ = read(tmp_path, example())
    build(tmp_path, sites)
    by_hand = tmp_path / "host_vars/lab.yml"
    by_hand.write_text("a: 1\n")
    changes = build(tmp_path, sites[:-1])
    assert changes.left_over == ("host_vars/dt-021.yml",)
    assert (tmp_path / "host_vars/dt-021.yml").exists()
    assert build(tmp_path, sites[:-1], prune=True).removed == ("host_vars/dt-021.yml",)
    assert not (tmp_path / "host_vars/dt-021.yml").exists()
    assert by_hand.exists(), "what a person wrote is left alone"


def test_what_a_person_wrote_is_not_overwritten_nor_hidden(tmp_path: Path) -> None:
    sites, _ = read(tmp_path, sheet(GOOD))
    mine = tmp_path / "host_vars/dt-001.yml"
    mine.parent.mkdir()
    mine.write_text("mine: true\n")
    with pytest.raises(ValueError, match="was not made by this command"):
        build(tmp_path, sites)
    assert mine.read_text() == "mine: true\n"
    mine.unlink()
    (tmp_path / "host_vars/dt-001").mkdir()
    with pytest.raises(ValueError, match=r"hides dt-001\.yml from Ansible"):
        build(tmp_path, sites)


def test_a_sheet_with_mistakes_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sites.csv"
    path.write_text(sheet(GOOD, GOOD))
    assert main(["build", str(path)]) == 1
    assert "nothing was written" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path]


def test_a_sheet_that_is_not_there_is_begun_from_the_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(tmp_path / "sites.csv")]) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path}/sites.csv does not exist" in said
    assert Path(said.split("a copy of ")[1].strip()).is_file()


printable = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30)


class _Loader(yaml.SafeLoader):
    """Reads ``!unsafe`` as Ansible does: as text."""


def _as_text(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    assert isinstance(node, yaml.ScalarNode)
    return loader.construct_scalar(node)


_Loader.add_constructor("!unsafe", _as_text)


@settings(max_examples=60, deadline=None)
@given(printable, st.from_regex(r"[0-9a-z]{1,8}", fullmatch=True), printable)
def test_any_name_and_id_come_out_of_yaml_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, name: str, site: str, user: str
) -> None:
    camera = Camera(2, "on", name, "rtsp://h/{{ x }}", user)
    one = Site(2, site, "no", name, 20.4, 106.3, "auto", "", 22, (camera,))
    folder = tmp_path_factory.mktemp("out")
    build(folder, [one])
    text = (folder / f"host_vars/{site}.yml").read_text(encoding="utf-8")
    assert text.startswith(MARK)
    assert yaml.load(text, _Loader) == host_vars(one)  # noqa: S506 - a SafeLoader with one tag more
    assert "!unsafe 'rtsp://h/{{ x }}'" in text, "Ansible must not run what stands in a cell"
    hosts = yaml.safe_load((folder / "sites.yml").read_text())["all"]["children"]["pull_only"]["hosts"]
    assert hosts == {site: None}


def site_with(folder: Path, **cells: str) -> tuple[Site, list[str]]:
    """The good row's site with cells of its network."""
    head, row = f"{HEAD};{';'.join(cells)}", f"{GOOD};;{';'.join(cells.values())}"
    (site,), said = read(folder, f"{head}\n{row}\n")
    return site, said


def test_the_network_of_a_site_becomes_variables_of_its_roles(tmp_path: Path) -> None:
    site, said = site_with(
        tmp_path,
        apn="v-internet",
        modem="cdc-wdm0",
        interface="eth0",
        address="10.0.0.9/24",
        gateway="10.0.0.1",
        dns="10.0.0.1 1.1.1.1",
        camera_interface="eth1",
        camera_address="10.9.1.1/24",
    )
    assert said == []
    found = host_vars(site)
    assert {name: found[name] for name in list(found)[-7:]} | {"ansible_host": ""} == {
        "ansible_host": "",
        "edge_agent_sim": True,
        "base_modem_apn": "v-internet",
        "base_modem_port": "cdc-wdm0",
        "base_lan": {
            "address": "10.0.0.9/24",
            "interface": "eth0",
            "gateway": "10.0.0.1",
            "dns": ["10.0.0.1", "1.1.1.1"],
        },
        "base_camera_network": {"address": "10.9.1.1/24", "interface": "eth1"},
        "time_serve_cameras": ["10.9.1.0/24"],  # a network with cameras alone, where the gateway is the clock
        "base_ntp_interface": "eth1",
    }
    assert not any(name.startswith(("base_", "time_")) for name in host_vars(site_with(tmp_path)[0]))


OWN_NETWORK = {"camera_interface": "eth1", "camera_address": "10.9.1.1/24"}


@pytest.mark.parametrize(
    ("own", "serve_time", "expected"),
    [
        ({}, "", []),
        ({}, "no", []),
        ({}, "yes", ["192.168.1.11/32"]),
        ({}, "cameras", ["192.168.1.11/32"]),
        ({}, "192.168.1.0/24", ["192.168.1.0/24"]),
        (OWN_NETWORK, "cameras", ["192.168.1.11/32"]),
        (OWN_NETWORK, "192.168.1.0/24", ["192.168.1.0/24"]),
    ],
)
def test_the_sheet_says_whose_cameras_get_the_time(
    tmp_path: Path, own: dict[str, str], serve_time: str, expected: list[str]
) -> None:
    """The firewall admits them on any interface, also if they are not behind that of the cameras' network."""
    site, said = site_with(tmp_path, **own, serve_time=serve_time)
    assert (said, host_vars(site).get("time_serve_cameras", [])) == ([], expected)
    assert "base_ntp_interface" not in host_vars(site)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            {"apn": "v internet"},
            "apn 'v internet' is not a valid access point name: such as v-internet or m3-world",
        ),
        ({"modem": "cdc-wdm0"}, "modem without apn: give the provider's access point too"),
        ({"address": "10.0.0.9"}, "address '10.0.0.9' has no network: write how long it is: 10.0.0.9/24"),
        (
            {"address": "10.0.0.0/24"},
            "address '10.0.0.0/24' is not the address of a machine: such as 10.0.0.9/24",
        ),
        ({"address": "300.0.0.1/24"}, "address '300.0.0.1/24' is not an IPv4 address: such as 10.0.0.9/24"),
        (
            {"address": "10.0.0.9/24", "gateway": "10.0.1.1"},
            "gateway 10.0.1.1 is not another machine of 10.0.0.0/24: the router's address there",
        ),
        (
            {"address": "10.0.0.9/24", "gateway": "10.0.0.255"},
            "gateway 10.0.0.255 is not another machine of 10.0.0.0/24: the router's address there",
        ),
        (
            {"address": "192.168.1.11/24"},
            "address 192.168.1.11 is the address of a camera of this site: choose a free one",
        ),
        ({"gateway": "10.0.0.1"}, "gateway without address: a gateway with DHCP needs neither"),
        ({"dns": "10.0.0.1"}, "dns without address: a gateway with DHCP gets its name servers from there"),
        (
            {"address": "10.0.0.9/24", "dns": "dns.example"},
            "dns 'dns.example' is not an IPv4 address: such as 10.0.0.1, or two with a space",
        ),
        (
            {"address": "10.0.0.9/24", "camera_address": "10.0.0.10/24", "camera_interface": "eth1"},
            "camera_address 10.0.0.10/24 is in the network of address 10.0.0.9/24: one of them is enough",
        ),
        ({"camera_interface": "eth1"}, "camera_interface without camera_address: give both, or neither"),
        (
            {"camera_address": "10.9.1.1/24"},
            "camera_address without camera_interface: name the port of the cameras, such as eth1",
        ),
        (
            {"serve_time": "all"},
            "serve_time 'all' is not a network of cameras: 'cameras', 'no', or a network such as 10.0.0.0/24",
        ),
        (
            {"serve_time": "0.0.0.0/0"},
            "serve_time '0.0.0.0/0' is not a network of cameras: 'cameras', 'no', or a network such as "
            "10.0.0.0/24",
        ),
    ],
    ids=lambda each: str(each)[:40],
)
def test_a_wrong_network_is_an_error_with_its_correction(
    tmp_path: Path, cells: dict[str, str], expected: str
) -> None:
    assert site_with(tmp_path, **cells)[1] == [f"2: dt-001: {expected}"]


def test_a_camera_with_a_name_cannot_be_served_by_its_address(tmp_path: Path) -> None:
    row = GOOD.replace("192.168.1.11", "cam-1.example")
    _, (said,) = read(tmp_path, f"{HEAD};serve_time\n{row};;cameras\n")
    wrong = "serve_time cannot serve the camera 'cam-1.example': write the cameras' network"
    assert said == f"2: dt-001: {wrong}"
