"""Writes the site bundle: the configurations of all sites of the sheet in one signed file, for every box.

Each configuration comes from the role's own template, so that a box that claims its site gets what the
playbook would have written. The bundle contains no password: ``refuse_secrets`` checks each configuration.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import yaml

from edge_agent.config.fields.schema_types import InvalidValue
from edge_agent.core.clock import rfc3339
from edge_agent.tools.broker_arguments import broker_of
from edge_agent.wire import BirthLocation, BundleCamera, BundleSite, SiteBundle
from edge_agent.wire.claims import MAX_BUNDLE_BYTES
from fleet.boxes.public_keys import read_public_key
from fleet.boxes.variables import NAMES, ROLE, site_variables
from fleet.hosts import PASSWORD_PARAMETER
from fleet.signing import sign
from fleet.sites import Site

FILE = "sites.json"
_SECRET_KEY = re.compile(r"(?i)(^|_)(password|passwd|passphrase|secret|token|private_key|api_key|pin)$")
_SECRET_TEXT = re.compile(r"(?is)://.*@|PRIVATE KEY-----")


@dataclass(frozen=True, slots=True)
class FleetFiles:
    """Folders of the control machine from which the bundle is made."""

    inventory: Path
    playbooks: Path


@dataclass(frozen=True, slots=True)
class BundleTrust:
    """What a box with the bundle trusts. ``ca``: PEM of the CAs. ``answer_keys``: files of public keys."""

    ca: str
    answer_keys: Sequence[Path]


def write_bundle(
    sites: Sequence[Site], files: FleetFiles, trust: BundleTrust, key: Path, folder: Path
) -> int:
    """Write ``sites.json`` and its signature below ``folder``; return the size in bytes. Raises OSError and
    ValueError."""
    bundle = make_bundle(sites, files, trust, version=int(time.time()))
    text = msgspec.json.encode(bundle).decode()
    try:
        msgspec.json.decode(text, type=SiteBundle)
    except msgspec.ValidationError as error:
        place = str(error).rpartition("$")[2].strip("`.")
        raise ValueError(
            f"boxes would refuse this bundle because of {place}: correct that variable"
        ) from None
    if len(text.encode()) > MAX_BUNDLE_BYTES:
        raise ValueError(f"the bundle would be larger than {MAX_BUNDLE_BYTES} bytes, which boxes refuse")
    folder.mkdir(parents=True, exist_ok=True)
    sign(folder / FILE, text, key)
    return len(text.encode())


def make_bundle(sites: Sequence[Site], files: FleetFiles, trust: BundleTrust, version: int) -> SiteBundle:
    """Raises OSError, and ValueError also where sites differ in a value that the bundle has only once."""
    if not sites:
        raise ValueError("the sheet has no site")
    variables = {site.id: site_variables(site, files.inventory, files.playbooks) for site in sites}
    configurations = {site: configuration(each) for site, each in variables.items()}
    mqtt = [_mqtt(site, each) for site, each in configurations.items()]
    return SiteBundle(
        version=version,
        made_at=rfc3339(datetime.now(UTC)),
        brokers=_only("edge_agent_brokers", [each["brokers"] for each in mqtt]),
        topic_root=_only("mqtt.root", [each.get("root", "tb/v1") for each in mqtt]),
        ca=trust.ca,
        answer_keys=[read_public_key(path) for path in trust.answer_keys],
        operator_keys=_keys_of("edge_agent_operator_keys", variables.values(), files.playbooks),
        search_keys=_keys_of("edge_agent_search_keys", variables.values(), files.playbooks),
        sites=[_site(site, configurations[site.id]) for site in sites],
    )


def configuration(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The agent's configuration of a site, from the template of the role ``edge_agent``.

    Raises ValueError for one that contains a secret."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"combine": _combine, "to_nice_yaml": _to_yaml}
    template = environment.get_template("edge-agent.yaml.j2")
    site = str(variables["edge_agent_gateway_id"])
    try:
        found: dict[str, Any] = yaml.safe_load(
            template.render({"ansible_managed": "fleet bundle", **variables})
        )
    except (jinja2.TemplateError, yaml.YAMLError, TypeError, AttributeError) as error:
        # A list where the template expects a mapping, or the other way round. The values are not quoted.
        names = ", ".join(name for name in NAMES if name in str(error)) or "edge_agent_settings"
        raise ValueError(f"{site}: no configuration can be made of its variables: correct {names}") from None
    refuse_secrets(found, site)
    return found


def refuse_secrets(value: Any, where: str) -> None:
    """Raise ValueError for a key that names a secret, and for a text with a login or a private key in it. The
    message never quotes the value."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            if _SECRET_KEY.search(str(key)) and each:
                raise ValueError(f"{where}.{key} is a secret: the bundle lies on every box; use {key}_file")
            refuse_secrets(each, f"{where}.{key}")
    elif isinstance(value, list):
        for number, each in enumerate(value):
            refuse_secrets(each, f"{where}[{number}]")
    elif isinstance(value, str) and (_SECRET_TEXT.search(value) or PASSWORD_PARAMETER.search(value)):
        raise ValueError(f"{where} has a login or a private key in it: the bundle lies on every box")


def _site(site: Site, found: dict[str, Any]) -> BundleSite:
    return BundleSite(
        id=site.id,
        ward=site.ward,
        name=site.name,
        ward_name=site.ward_name,
        location=BirthLocation(latitude=site.latitude, longitude=site.longitude) if site.latitude else None,
        cameras=[
            BundleCamera(id=each.id, name=each.name, url=each.url, username=each.username or None)
            for each in site.cameras
        ],
        configuration=found,
    )


def _mqtt(site: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The broker's settings in a configuration. Raises ValueError for an address that no box accepts."""
    mqtt = found.get("mqtt")
    brokers = mqtt.get("brokers") if isinstance(mqtt, dict) else None
    if not isinstance(brokers, list) or not brokers:
        reason = "edge_agent_brokers is empty or not a list: name the brokers in group_vars/gateways.yml"
        raise ValueError(f"{site}: {reason}")
    for each in brokers:
        try:
            broker_of(str(each))
        except InvalidValue as error:
            raise ValueError(f"{site}: edge_agent_brokers: {error}") from None
    settings: Mapping[str, Any] = found["mqtt"]
    return settings


def _only(name: str, values: Sequence[Any]) -> Any:
    """The one value that all sites have. Raises ValueError."""
    if any(each != values[0] for each in values):
        raise ValueError(f"{name} differs between sites: a bundle has one value for all boxes")
    return values[0]


def _keys_of(name: str, variables: Iterable[Mapping[str, Any]], playbooks: Path) -> list[str]:
    files = _only(name, [each[name] for each in variables])
    if not isinstance(files, list) or not all(isinstance(each, str) for each in files):
        raise ValueError(f"{name} is not a list of files: write one in each line, after `- `")
    return [read_public_key(playbooks / os.path.expanduser(each)) for each in files]


def _combine(first: Mapping[str, Any], *others: Mapping[str, Any], recursive: bool = False) -> dict[str, Any]:
    """Ansible's filter ``combine``."""
    made = dict(first)
    for other in others:
        for key, value in other.items():
            if recursive and isinstance(value, Mapping) and isinstance(made.get(key), Mapping):
                made[key] = _combine(made[key], value, recursive=True)
            else:
                made[key] = value
    return made


def _to_yaml(value: Any, **_: object) -> str:
    """Ansible's filter ``to_nice_yaml``, as far as reading it again gives the same value."""
    return json.dumps(value, ensure_ascii=False)
