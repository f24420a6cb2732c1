"""The operating system: systemd, the log, signals, privileges, requests to root. No hardware."""
