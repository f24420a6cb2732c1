"""Files and folders of commissioning, below ``sysroot``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CommissioningPaths:
    """The paths. ``run`` is in memory and belongs to the page's user: it holds passwords only until root's
    part has them."""

    etc: Path
    state: Path
    run: Path
    answer: Path  # written by root's part
    root_state: Path

    @classmethod
    def below(cls, sysroot: Path = Path("/")) -> CommissioningPaths:
        return cls(
            etc=sysroot / "etc/edge-agent",
            state=sysroot / "var/lib/edge-agent-commission",
            run=sysroot / "run/edge-agent-commission",
            answer=sysroot / "run/edge-agent-commission-root/answer.json",
            root_state=sysroot / "var/lib/edge-agent-commission-root",
        )

    @property
    def config(self) -> Path:
        return self.etc / "edge-agent.yaml"

    @property
    def release_key(self) -> Path:
        """The public key that signs the bundle of sites."""
        return self.etc / "release.pem"

    @property
    def is_set_up_by_playbook(self) -> bool:
        """Whether another program wrote the configuration. If so, root's part changes nothing on the box."""
        return self.config.exists() and not (self.root_state / "claimed.json").exists()

    @property
    def enrolment(self) -> Path:
        """The bundle of sites and the certificate of the box's batch."""
        return self.etc / "enrolment"

    @property
    def confirmed(self) -> Path:
        """The mark of a confirmed site: while the file exists, the page is not started."""
        return self.state / "confirmed"
