"""Writes the configuration of a site of the signed bundle: passwords, keys, certificate; and removes it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from edge_box_files import ETC, Box, Refused, write

BUNDLE = ETC / "enrolment/sites.json"
RELEASE_KEY = ETC / "release.pem"
NEWEST_BUNDLE = Path("var/lib/edge-agent-commission-root/bundle.json")
MAX_BUNDLE = 16_000_000
ID = re.compile(r"[a-z0-9-]{1,63}")
TLS = ("client.crt", "client.key", "ca.crt")


def read_bundle(box: Box) -> dict[str, Any]:
    """Return the bundle of all sites. Raises Refused unless it is signed and not older than the last one."""
    path = box.path(BUNDLE)
    if path.stat().st_size > MAX_BUNDLE:
        raise Refused(f"{path} is too large", "bundle-large")
    verify = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(box.path(RELEASE_KEY)), "-rawin"]
    box.run(*verify, "-in", str(path), "-sigfile", f"{path}.sig", code="bundle-unsigned")
    bundle: dict[str, Any] = json.loads(path.read_bytes())
    seen = box.path(NEWEST_BUNDLE)
    newest = json.loads(seen.read_text())["version"] if seen.exists() else 0
    if bundle["version"] < newest:
        text = f"the bundle of sites is older ({bundle['version']}) than a former one ({newest})"
        raise Refused(text, "bundle-older")
    if bundle["version"] > newest:
        write(seen, json.dumps({"version": bundle["version"]}), 0o600)
    return bundle


def site_of(bundle: dict[str, Any], site: str) -> dict[str, Any]:
    for each in bundle["sites"]:
        if each["id"] == site and ID.fullmatch(site):
            found: dict[str, Any] = each
            return found
    raise Refused(f"the bundle of sites has no site {site[:63]!r}", "site-unknown", site=site[:63])


def write_credentials(box: Box, site: dict[str, Any], passwords: dict[str, Any]) -> None:
    folder = box.path(ETC / "credentials")
    named = [camera["id"] for camera in site["cameras"] if camera.get("username")]
    for camera in filter(ID.fullmatch, named):
        password = str(passwords.get(camera, ""))
        if not password or len(password) > 1000 or not password.isprintable():
            raise Refused(f"{camera}: there is no password of one line", "password-missing")
        write(folder / camera, password + "\n", 0o600)


def write_keys(box: Box, bundle: dict[str, Any]) -> None:
    for name, keys in (
        ("operators", bundle.get("operator_keys", [])),
        ("searches", bundle.get("search_keys", [])),
    ):
        folder = box.path(ETC / name)
        folder.mkdir(mode=0o750, exist_ok=True)
        os.chown(folder, -1, box.group)
        for pem in keys:
            write(folder / f"{hashlib.sha256(pem.encode()).hexdigest()[:16]}.pem", pem, 0o640, box.group)


def new_key(box: Box, site: str, ca: str) -> str:
    """Make a key and a self-signed certificate, which no broker accepts; return the CSR."""
    folder = box.path(ETC / "tls")
    key, name = folder / "client.key", f"/CN={site}"
    new = box.run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    write(key, new.decode(), 0o640, box.group)
    csr = box.run("openssl", "req", "-new", "-key", str(key), "-subj", name)
    write(folder / "ca.crt", ca, 0o640, box.group)
    write_placeholder(box, site)
    return csr.decode()


def write_placeholder(box: Box, site: str) -> None:
    """Let the agent start before the centre has confirmed the site: a certificate that its own key signed."""
    folder = box.path(ETC / "tls")
    mine = ["openssl", "req", "-x509", "-key", str(folder / "client.key"), "-subj", f"/CN={site}"]
    text = "edge-agent: not confirmed yet\n" + box.run(*mine, "-days", "3650").decode()
    write(folder / "client.crt", text, 0o640, box.group)


def configure(box: Box, site: dict[str, Any]) -> None:
    """Write the configuration after ``edge-agent check`` has accepted it. JSON is YAML, too."""
    path = box.path(ETC / "edge-agent.yaml")
    new = path.with_name(".edge-agent.yaml.new")
    text = "# From the bundle of all sites. Settings of a technician on site belong into conf.d/.\n"
    text += json.dumps(site["configuration"], indent=2, ensure_ascii=False) + "\n"
    write(new, text, 0o640, box.group)
    program = str(box.path(Path("opt/edge-agent/current/bin/edge-agent")))
    check = [program, "check", "--conf-dir", str(box.path(ETC / "conf.d")), str(new)]
    box.run(*check, code="configuration-wrong", site=str(site["id"]))
    new.replace(path)


def remove_site(box: Box) -> None:
    """Delete configuration, passwords and keys; ``site-id`` last."""
    box.path(ETC / "edge-agent.yaml").unlink(missing_ok=True)
    for name in ("credentials", "operators", "searches", "tls/next"):
        for each in box.path(ETC / name).glob("*"):
            each.unlink()
    for name in TLS:
        box.path(ETC / "tls" / name).unlink(missing_ok=True)
    box.path(ETC / "site-id").unlink()


def stop_agent(box: Box) -> None:
    box.run("systemctl", "disable", "--quiet", "--now", "edge-agent.service")


def start_agent(box: Box) -> None:
    box.run("systemctl", "enable", "--quiet", "edge-agent.service")
    box.run("systemctl", "restart", "--no-block", "edge-agent.service")
