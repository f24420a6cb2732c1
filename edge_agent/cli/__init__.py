"""The command ``edge-agent``: options and output of its subcommands. Nothing else imports this package."""
