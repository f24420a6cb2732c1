"""Programs for people beside the daemon, one folder a subcommand. The running agent imports none of them."""
