"""``edge-agent central``: its subcommands and what they print. Parsing imports no library of the extra."""
