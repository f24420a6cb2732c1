"""``/api/incidents``: open alarms and alerts, and the steps of their handling, for programs."""
