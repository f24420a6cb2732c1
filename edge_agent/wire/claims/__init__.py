"""Messages of boxes that claim a site, the file with all sites, and the check character of labels; no code
that sends or receives. See docs/design/commissioning.md."""

from edge_agent.wire.claims.bundle import MAX_BUNDLE_BYTES, BundleCamera, BundleSite, SiteBundle
from edge_agent.wire.claims.label import check_character
from edge_agent.wire.claims.messages import (
    MAX_CAMERAS_OF_CLAIM,
    MAX_CLAIM_BYTES,
    SERIAL,
    BoxSerial,
    CentralClaim,
    Claim,
    ClaimAnswer,
    ClaimCamera,
    PhoneLocation,
    VerdictCounts,
)

__all__ = [
    "MAX_BUNDLE_BYTES",
    "MAX_CAMERAS_OF_CLAIM",
    "MAX_CLAIM_BYTES",
    "SERIAL",
    "BoxSerial",
    "BundleCamera",
    "BundleSite",
    "CentralClaim",
    "Claim",
    "ClaimAnswer",
    "ClaimCamera",
    "PhoneLocation",
    "SiteBundle",
    "VerdictCounts",
    "check_character",
]
