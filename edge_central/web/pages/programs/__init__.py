"""Pages about other programs: one on which users try the API, and one with webhooks and their delivery
log."""
