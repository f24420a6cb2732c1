"""Pages about other programs: one on which users try the API, and one of webhooks with their log."""
