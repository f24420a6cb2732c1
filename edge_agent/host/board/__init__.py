"""The hardware: sensors, firmware, watchdog, power and disks, read from the kernel's files. Read-only."""
