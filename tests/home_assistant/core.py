"""Runs Home Assistant's core with its MQTT integration: core.py FOLDER PORT PREFIX

PORT is the broker's. It writes all states into FOLDER/states.json, four times a second, until its standard
input ends. Nothing is installed and no frontend runs.
"""

# mypy: ignore-errors

import asyncio
import json
import logging
import socket
import sys
from pathlib import Path

from homeassistant import bootstrap, loader
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry, entity_registry

FOLDER, PORT, PREFIX = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def states(hass: HomeAssistant) -> dict[str, dict]:
    """By unique id."""
    entities, devices = entity_registry.async_get(hass), device_registry.async_get(hass)
    found = {}
    for entry in entities.entities.values():
        state = hass.states.get(entry.entity_id)
        device = devices.async_get(entry.device_id) if entry.device_id else None
        found[entry.unique_id] = {
            "entity_id": entry.entity_id,
            "state": None if state is None else state.state,
            "attributes": {} if state is None else dict(state.attributes),
            "device": None if device is None else device.name,
        }
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


async def main() -> None:
    bootstrap.DEFAULT_INTEGRATIONS.clear()  # frontend, backup and others, whose packages are not installed
    hass = HomeAssistant(str(FOLDER))
    hass.config.skip_pip = True
    hass.config.safe_mode = False
    config = {
        "homeassistant": {"name": "Test", "time_zone": "Asia/Ho_Chi_Minh"},
        "http": {"server_host": "127.0.0.1", "server_port": free_port()},
    }
    loader.async_setup(hass)
    assert await bootstrap.async_from_config_dict(config, hass) is not None
    await hass.async_start()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    while not ended.done():
        whole = FOLDER / "states.new"
        whole.write_text(json.dumps(states(hass), default=str))
        whole.replace(FOLDER / "states.json")
        await asyncio.wait([ended], timeout=0.25)
    await hass.async_stop()


def write_entry() -> None:
    """The configuration that a user makes in the dialogue of the integration."""
    entry = {
        "entry_id": "mqtt-of-the-test", "version": 1, "minor_version": 1, "domain": "mqtt", "title": "broker",
        "data": {"broker": "127.0.0.1", "port": PORT, "discovery": True, "discovery_prefix": PREFIX},
        "options": {}, "pref_disable_new_entities": False, "pref_disable_polling": False, "source": "user",
        "unique_id": None, "disabled_by": None,
    }  # fmt: skip
    document = {"version": 1, "minor_version": 1, "key": "core.config_entries", "data": {"entries": [entry]}}
    (FOLDER / "configuration.yaml").touch()
    (FOLDER / ".storage").mkdir()
    (FOLDER / ".storage/core.config_entries").write_text(json.dumps(document))


logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
write_entry()
asyncio.run(main())
