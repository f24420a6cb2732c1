"""The queue of open alarms and alerts, what the forms of its pages name, and silences of the bell."""
