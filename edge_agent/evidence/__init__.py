"""Pictures, clips and the signed chain of events: stored, sealed, signed, exported, verified."""
