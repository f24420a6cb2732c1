"""The queue of open alarms and alerts, their names in its forms, and silences of the bell."""
