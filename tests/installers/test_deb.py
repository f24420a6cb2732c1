"""The Debian package: its files are those of the roles, and its postinst installs a release as they do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from installers import deb, roles

pytestmark = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None, reason="dpkg-deb is missing: not a Debian system"
)


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in ("edge_agent-1.2.0", "edge_agent-1.3.0", "numpy-2.0.0"):
        (folder / f"{name}-py3-none-any.whl").write_bytes(name.encode())
    return folder


def build(wheelhouse: Path, release: str = "1.2.0", out: str = "out") -> Path:
    return deb.build(wheelhouse, release, "aarch64", wheelhouse.parent / out)


def listed(package: Path) -> dict[str, str]:
    """Modes and owners of the package's files, by path."""
    text = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=5) for line in text.splitlines()]
    return {row[5].split(" -> ")[0].removeprefix("."): f"{row[0]} {row[1]}" for row in rows}


def script(package: Path, name: str) -> str:
    command = ["dpkg-deb", "-I", str(package), name]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_package_has_the_files_of_the_roles_and_the_wheels_of_one_release(wheelhouse: Path) -> None:
    files = listed(build(wheelhouse))
    for installed in roles.files():
        path = installed.path.replace("/etc/systemd/system/", "/usr/lib/systemd/system/")
        executable = "x" if installed.mode == 0o755 else "-"
        assert files[path] == f"-rw{executable}r-{executable}r-{executable} root/root"
    assert "/usr/lib/systemd/system/edge-agent.service" in files
    for program in ("edge_update/__main__", "edge_heal", "edge_commission", "edge_network"):
        assert f"/usr/local/lib/edge-agent/{program}.py" in files
    assert files["/usr/local/sbin/edge-certificates"].startswith("-rwxr-xr-x")
    wheels = [path.rpartition("/")[2] for path in files if path.endswith(".whl")]
    assert wheels == ["edge_agent-1.2.0-py3-none-any.whl", "numpy-2.0.0-py3-none-any.whl"]


def test_each_unit_of_the_checkout_for_gateways_is_in_the_package() -> None:
    packed = {installed.source.name for installed in roles.files()}
    units = {path.name for path in roles.UNITS.glob("edge-agent*") if path.is_file()}
    assert units <= packed
    assert set(roles.enabled_units()) <= units
    assert {"edge-agent-heal.path", "edge-agent-commission-root.path"} <= set(roles.enabled_units())


def test_every_script_of_the_package_is_complete_and_parses(wheelhouse: Path) -> None:
    package = build(wheelhouse)
    for name in ("postinst", "prerm", "postrm"):
        text = script(package, name)
        assert "@" not in text.replace('"$@"', ""), f"{name} has a value that nothing filled in"
        assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
    assert "version=1.2.0\n" in script(package, "postinst")
    assert "edge-agent-heal.path" in script(package, "postinst")


def test_the_package_names_machine_and_python(wheelhouse: Path) -> None:
    control = script(build(wheelhouse), "control")
    assert "Architecture: arm64\n" in control
    assert "python3 (>= 3.13~), python3 (<< 3.14~)" in control


@pytest.mark.parametrize(
    ("release", "version"),
    [("1.2.0", "1.2.0"), ("1.2.0rc1", "1.2.0~rc1"), ("1.2.0b2", "1.2.0~b2"), ("1.2.0.dev3", "1.2.0~.dev3")],
)
def test_a_pre_release_sorts_before_its_release(release: str, version: str) -> None:
    assert deb.debian_version(release) == version
    older = (
        subprocess.run(["dpkg", "--compare-versions", version, "lt", "1.2.0"], check=False).returncode == 0
    )
    assert older == (release != "1.2.0")
    assert version.replace("~", "") == release, "postinst gets the release's name back this way"


def test_two_builds_are_the_same_file(wheelhouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795900000")
    assert build(wheelhouse).read_bytes() == build(wheelhouse, out="again").read_bytes()


def test_a_task_that_the_build_does_not_understand_stops_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(roles.ANSIBLE / "roles", tmp_path / "roles")
    install = tmp_path / "roles/update/tasks/install.yml"
    install.write_text(install.read_text().replace("{{ update_units }}", "{{ elsewhere }}"))
    monkeypatch.setattr(roles, "ANSIBLE", tmp_path)
    with pytest.raises(roles.RoleChanged, match="elsewhere"):
        roles.files()
