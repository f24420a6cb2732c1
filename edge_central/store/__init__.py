"""The tables, the database, and the state of all gateways in memory. Nothing here reads or sends a
message."""
