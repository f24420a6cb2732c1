"""Messages of boxes that claim a site, the file with all sites, and the check character of labels; no code
that sends or receives. See docs/design/commissioning.md."""

from edge_agent.wire.claims.bundle import MAX_BUNDLE_BYTES, BundleCamera, BundleSite, SiteBundle
from edge_agent.wire.claims.label import check_character
from edge_agent.wire.claims.messages import (
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
