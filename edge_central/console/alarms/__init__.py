"""The queue of open alarms and alerts, their names in forms of the console, and silences of the bell."""
