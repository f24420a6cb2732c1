"""Pages about other programs: the API to try, and webhooks with their delivery log."""
