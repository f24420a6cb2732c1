"""The settings that root has written, and the paths on a gateway."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

SETTINGS = Path("/etc/edge-agent/update.json")


class UpdateError(Exception):
    """Why the update failed; the gateway runs the same release as before."""


@dataclass(frozen=True)
class Settings:
    """Settings and their defaults; the file has those that differ. Paths are for tests."""

    public_key: Path  # of the releases: Ed25519, PEM
    url: str = ""  # https://…, the folder with manifest.json; empty: no server is asked
    ca_file: str = ""  # CA of that server; empty: those of the system
    trial_s: float = 180.0  # the release must be healthy for this time without interruption
    settle_s: float = 300.0  # longest time without health before a rollback
    releases: Path = Path("/opt/edge-agent")
    state: Path = Path("/var/lib/edge-agent-update")
    site_id: Path = Path("/etc/edge-agent/site-id")
    request: Path = Path("/run/edge-agent/requests/update")
    inbox: Path = Path("/var/lib/edge-agent/update")  # wheels that the agent received
    status_socket: Path = Path("/run/edge-agent/status.sock")
    poll_s: float = 2.0
    rest_s: float = 10.0  # pause after a request, so that requests cannot keep the gateway busy
    pull_every_s: float = 3600.0  # the server is asked at least this often, also while requests arrive

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Raises UpdateError."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            known = {field.name: field.type for field in fields(cls)}
            kinds = {"Path": Path, "str": str, "float": float}
            settings = cls(**{key: kinds[str(known[key])](value) for key, value in kept.items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UpdateError(f"{path} cannot be read: {error!r}") from error
        if settings.url and not settings.url.startswith("https://"):
            raise UpdateError(f"url in {path} must begin with https://")
        return settings

    @property
    def gateway(self) -> str:
        """The site's id; empty in the workshop."""
        try:
            return self.site_id.read_text(encoding="utf-8").strip()
        except OSError:
            return ""
