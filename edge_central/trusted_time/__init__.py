"""The centre's time, even if its system clock is wrong: docs/design/central.md#time. The system clock is
never set."""
