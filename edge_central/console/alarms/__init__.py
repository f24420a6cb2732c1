"""The queue of open alarms and alerts, the names by which its forms refer to them, and silences of the
bell."""
